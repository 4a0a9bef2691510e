import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { preflight } from '../core/bridge/preflight.ts';
import { ipv4, ipv4Bytes } from '../net/ipv4.ts';
import { ipv6Bytes } from '../net/prefix6.ts';
import { type AddressMessage, decodeAddress, encodeAddress } from '../wire/netlink/address.ts';
import { AttributeList, attributes } from '../wire/netlink/attribute.ts';
import { decodeLink, encodeLink, type LinkMessage } from '../wire/netlink/link.ts';
import type { Tables } from '../wire/netlink/tables.ts';
import type { Process } from './machine.ts';
import type { Managed } from './managers.ts';
import { describeLink, filesAbout, findLink, type Surroundings } from './sight.ts';

interface LinkWish {
  readonly kind?: string;
  readonly controller?: number;
  /** IFLA_LINK, and the namespace that this index is of. */
  readonly on?: number;
  readonly elsewhere?: number;
  readonly hardwareType?: number;
  readonly flags?: number;
  readonly mtu?: number;
}

const upAndRunning = 0x10001;

/** As the kernel would tell it. */
function link(index: number, name: string, wish: LinkWish = {}): LinkMessage {
  const { hardwareType = 1, flags = upAndRunning, mtu = 1500, kind, controller, on, elsewhere } = wish;
  const list = attributes({
    IFLA_IFNAME: name,
    IFLA_ADDRESS: '52:54:00:00:00:20',
    IFLA_MTU: mtu,
    IFLA_MASTER: controller,
    IFLA_LINK: on,
    IFLA_LINK_NETNSID: elsewhere,
    IFLA_LINKINFO: kind === undefined ? undefined : attributes({ IFLA_INFO_KIND: kind }),
  });
  return decodeLink(encodeLink({ family: 0, hardwareType, index, flags, change: 0, attributes: list }));
}

const permanent = 0x80;

/** `192.168.11.20/23` or `2001:db8::1/64`, on the link with index 2. */
function address(text: string, flags = permanent): AddressMessage {
  const [host = '', length] = text.split('/');
  const isSix = host.includes(':');
  const bytes = isSix ? ipv6Bytes(host) : ipv4Bytes(ipv4(host));
  const family = isSix ? 10 : 2;
  const list = new AttributeList([{ type: 1, bytes }]);
  return decodeAddress(encodeAddress({ family, prefixLength: Number(length), flags, scope: 0, link: 2, attributes: list }));
}

const quiet: Surroundings = { wireless: false, machine: '', filtersBridged: false };

interface Host {
  readonly links?: readonly LinkMessage[];
  readonly addresses?: readonly AddressMessage[];
  readonly processes?: readonly Process[];
  readonly managed?: Managed;
  readonly around?: Partial<Surroundings>;
}

/** The codes of everything that is said of ens33 on such a host. */
function saidOf(host: Host): readonly string[] {
  const { links = [link(2, 'ens33')], addresses = [address('192.168.11.20/23')], processes = [], around = {} } = host;
  const tables: Tables = {
    links: [link(1, 'lo', { hardwareType: 772 }), ...links],
    addresses,
    routes: [],
    rules: [],
    neighbours: [],
  };
  const found = findLink(tables, 'ens33');
  assert.ok(found);
  const managed: Managed = host.managed ?? { manager: 'ifupdown' };
  const { refusals, warnings } = preflight(describeLink(tables, found, 'br0', managed, processes, { ...quiet, ...around }));
  return [...refusals, ...warnings].map((it) => it.code);
}

const leased = [address('192.168.11.20/23', 0)];
const process = (name: string, ...args: readonly string[]): Process => ({ pid: 7, name, args: [name, ...args] });
const nftables = (...items: readonly object[]): unknown => ({ nftables: items });
const forward = { chain: { family: 'ip', table: 'filter', name: 'FORWARD', hook: 'forward', policy: 'drop' } };

const hosts: Readonly<Record<string, readonly [host: Host, said: readonly string[]]>> = {
  'a wired NIC': [{}, []],
  'a cable to another namespace, of which the kernel tells the other end': [
    { links: [link(2, 'ens33', { kind: 'veth', on: 2, elsewhere: 0 }), link(3, 'far', { kind: 'veth', on: 2 })] },
    [],
  ],
  'a NIC that is down': [{ links: [link(2, 'ens33', { flags: 0 })] }, ['DOWN']],
  'a cable that is not plugged in': [{ links: [link(2, 'ens33', { flags: 1 })] }, ['NO_CARRIER']],
  InfiniBand: [{ links: [link(2, 'ens33', { hardwareType: 32 })] }, ['NOT_ETHERNET']],
  'an MTU of 9000': [{ links: [link(2, 'ens33', { mtu: 9000 })] }, ['MTU']],
  'the port of a bond': [{ links: [link(2, 'ens33', { controller: 3 }), link(3, 'bond0', { kind: 'bond' })] }, ['IS_PORT']],
  'the port of a bridge in hand': [
    { links: [link(2, 'ens33', { controller: 3 }), link(3, 'br7', { kind: 'bridge' })] },
    ['IS_PORT'],
  ],
  'a bond': [{ links: [link(2, 'ens33', { kind: 'bond' })] }, ['IS_BOND']],
  'a VLAN': [{ links: [link(2, 'ens33', { kind: 'vlan', on: 9 })] }, ['IS_VLAN']],
  'VLANs on the NIC': [{ links: [link(2, 'ens33'), link(3, 'ens33.7', { kind: 'vlan', on: 2 })] }, ['VLANS']],
  'the parent of a macvlan': [{ links: [link(2, 'ens33'), link(3, 'shop', { kind: 'macvlan', on: 2 })] }, ['IS_PARENT']],
  'the parent of an ipvlan': [{ links: [link(2, 'ens33'), link(3, 'shop', { kind: 'ipvlan', on: 2 })] }, ['IS_PARENT']],
  'another bridge of that name': [{ links: [link(2, 'ens33'), link(3, 'br0', { kind: 'bridge' })] }, ['NAME_TAKEN']],
  'no address': [{ addresses: [] }, ['NO_ADDRESS']],
  'a supplicant on it': [{ processes: [process('wpa_supplicant', '-B', '-Dwired', '-iens33')] }, ['SUPPLICANT']],
  'a supplicant on another link': [{ processes: [process('wpa_supplicant', '-i', 'wlan0')] }, []],
  'an address of a client that goes by the MAC': [{ addresses: leased, processes: [process('dhclient', 'ens33')] }, []],
  'an address of NetworkManager, which goes by the MAC': [{ addresses: leased, managed: { manager: 'NetworkManager' } }, []],
  'an address of networkd, whose lease is not known': [
    { addresses: leased, managed: { manager: 'systemd-networkd' } },
    ['DHCP_IDENTITY'],
  ],
  'an address of networkd, whose IAID is pinned': [
    {
      addresses: leased,
      managed: {
        manager: 'systemd-networkd',
        boot: { kind: 'files', notes: [], changes: [{ path: '/x', mode: 0o644, after: '[DHCPv4]\nIAID=1234\n' }] },
      },
    },
    [],
  ],
  'an IPv6 address of a router and the MAC': [{ addresses: [address('2001:db8:10::5054:ff:fe00:20/64', 0)] }, []],
  'an IPv6 address of a router and a secret': [{ addresses: [address('2001:db8:10::8e2:5cff:1:2/64', 0)] }, ['IPV6_IDENTITY']],
  'a temporary IPv6 address': [{ addresses: [address('2001:db8:10::8e2:5cff:1:2/64', 1)] }, ['TEMPORARY']],
  'a rule of the firewall that names it': [
    { around: { ruleset: nftables({ rule: { expr: [{ match: { left: { meta: { key: 'iifname' } }, right: 'ens33' } }] } }) } },
    ['FIREWALL_RULES'],
  ],
  "Docker's FORWARD chain, which bridged packets pass": [
    { around: { ruleset: nftables(forward), filtersBridged: true } },
    ['FORWARD_DROP'],
  ],
  "Docker's FORWARD chain, which they do not pass": [{ around: { ruleset: nftables(forward) } }, []],
  'a ruleset of a form that is not known': [{ around: { ruleset: ['?'], filtersBridged: true } }, []],
  'nobody who configures it at boot': [{ managed: {} }, ['NO_MANAGER']],
};

for (const [what, [host, said]] of Object.entries(hosts)) {
  test(`${what}: ${said.join(', ') || 'nothing is said'}`, () => {
    assert.deepEqual(saidOf(host), said);
  });
}

/** Makes files below a folder of their own; a name that ends with `/` is a folder. */
function withFiles(t: TestContext, files: Readonly<Record<string, string>>): string {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-sight-'));
  t.after(() => fs.rmSync(root, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.join(root, name.endsWith('/') ? name : path.dirname(name)), { recursive: true });
    if (!name.endsWith('/')) fs.writeFileSync(path.join(root, name), text);
  }
  return root;
}

test('files tell of wireless links, the machine, a zone, and whether bridged packets are filtered', (t) => {
  const root = withFiles(t, {
    'sys/class/net/wlan0/wireless/': '',
    'sys/class/net/wlan1/phy80211/': '',
    'sys/class/net/ens33/': '',
    'sys/class/dmi/id/sys_vendor': 'VMware, Inc.\n',
    'sys/class/dmi/id/product_name': 'VMware Virtual Platform\n',
    'sys/class/dmi/id/chassis_asset_tag': 'No Asset Tag\n',
    'etc/firewalld/zones/office.xml': '<zone><interface name="ens33"/></zone>',
    'etc/firewalld/zones/public.xml': '<zone><interface name="ens34"/></zone>',
    'proc/sys/net/bridge/bridge-nf-call-iptables': '1\n',
  });
  const machine = 'VMware, Inc. VMware Virtual Platform No Asset Tag';
  assert.deepEqual(filesAbout('ens33', root), { wireless: false, machine, zone: 'office', filtersBridged: true });
  assert.deepEqual(filesAbout('wlan0', root), { wireless: true, machine, filtersBridged: true });
  assert.deepEqual(filesAbout('wlan1', root), { wireless: true, machine, filtersBridged: true });
});

test('where there are no such files nothing is known, and nothing said', (t) => {
  assert.deepEqual(filesAbout('ens33', withFiles(t, {})), quiet);
});
