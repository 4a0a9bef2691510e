import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preflight, type Sight } from './preflight.ts';

/** A host about which there is nothing to say. */
const plain: Sight = {
  link: 'ens33',
  bridge: 'br0',
  hardwareType: 1,
  wireless: false,
  up: true,
  carrier: true,
  mtu: 1500,
  uppers: [],
  bridgeExists: false,
  supplicant: false,
  machine: 'Dell Inc. PowerEdge R640 Dell Inc. 2.12.2',
  unsayable: [],
  addresses: 1,
  temporaryAddresses: 0,
  hiddenAddresses: [],
  rulesNamingLink: 0,
  dropsBridged: [],
  manager: 'ifupdown',
};

test('a wired NIC with its address goes under a bridge without a word', () => {
  assert.deepEqual(preflight(plain), { refusals: [], warnings: [] });
});

type Row = readonly [seen: Partial<Sight>, code: string, reason: string, next: string];

const forbidden: readonly Row[] = [
  [
    { link: 'wlan0', wireless: true },
    'WIRELESS',
    'wlan0 is wireless: an access point drops frames of MACs that did not sign on to it',
    'use a wired NIC, or a routed network',
  ],
  [{ link: 'ib0', hardwareType: 32 }, 'NOT_ETHERNET', 'ib0 is no Ethernet link (type 32)', 'name an Ethernet NIC'],
  [{ link: 'br1', kind: 'bridge' }, 'IS_BRIDGE', 'br1 is a bridge itself', 'set `bridge: br1` in landline.yaml'],
  [
    { controller: { name: 'br7', kind: 'bridge' } },
    'IS_PORT',
    'ens33 is already a port of the bridge br7',
    'it is done: set `bridge: br7` in landline.yaml',
  ],
  [
    { controller: { name: 'bond0', kind: 'bond' } },
    'IS_PORT',
    'ens33 is already a port of the bond bond0',
    'make a bridge over bond0 in the boot configuration by hand, and name it in landline.yaml',
  ],
  ...['macvlan', 'macvtap', 'ipvlan', 'macsec'].map(
    (kind): Row => [
      { uppers: [{ name: 'shop0', kind }] },
      'IS_PARENT',
      `shop0 is a ${kind} on ens33, and Linux lets a NIC be its parent or a bridge's port, not both`,
      'remove shop0 first, or put it on the bridge afterwards',
    ],
  ),
  ...[
    ['bond', 'IS_BOND'],
    ['team', 'IS_BOND'],
    ['vlan', 'IS_VLAN'],
    ['tun', 'KIND'],
  ].map(
    ([kind = '', code = '']): Row => [
      { link: 'it0', kind },
      code,
      `it0 is a ${kind}, whose boot configuration this command does not rewrite`,
      'make the bridge over it in the boot configuration by hand, and name the bridge in landline.yaml',
    ],
  ),
  [{ link: 'mv0', kind: 'macvlan' }, 'IS_CHILD', 'mv0 is a macvlan: its parent drops frames of other MACs', 'name the parent'],
  [{ bridgeExists: true }, 'NAME_TAKEN', 'there is a link br0 already', 'choose another name with --bridge'],
  [
    { supplicant: true },
    'SUPPLICANT',
    'a supplicant (802.1X) signs ens33 on to the switch, which then passes frames of its MAC alone',
    'use a NIC without it',
  ],
  [{ up: false }, 'DOWN', 'ens33 is down', '`ip link set dev ens33 up`, and see that it has its address'],
  [
    { unsayable: ['2 policy rules with attributes that are not known here'] },
    'NO_WAY_BACK',
    'there would be no way back for 2 policy rules with attributes that are not known here',
    'remove it, or make the bridge by hand',
  ],
];

for (const [seen, code, reason, next] of forbidden) {
  test(`refused: ${reason}`, () => {
    assert.deepEqual(preflight({ ...plain, ...seen }), { refusals: [{ code, reason, next }], warnings: [] });
  });
}

const told: readonly Row[] = [
  [{ carrier: false }, 'NO_CARRIER', 'ens33 has no carrier: nothing can be verified over it', 'plug the cable in first'],
  [
    { addresses: 0 },
    'NO_ADDRESS',
    'ens33 has no address: the bridge will have none',
    'that is well if the host is reached over another link',
  ],
  [
    { uppers: [{ name: 'ens33.7', kind: 'vlan' }] },
    'VLANS',
    'ens33.7 stay on ens33: frames of these VLANs do not reach br0',
    'nothing, unless environments are to be in these VLANs',
  ],
  [
    { mtu: 9000 },
    'MTU',
    'ens33 has an MTU of 9000: br0 gets it too, and each of its ports must have it',
    'nothing; Landline makes its links with the MTU of the bridge',
  ],
  [
    { dhcp: { client: 'systemd-networkd', identity: 'unknown' } },
    'DHCP_IDENTITY',
    'the address comes from DHCP by systemd-networkd, whose identity may be another on br0: the server could then give the host another address',
    "reserve the address for the MAC, or pin the client's identity",
  ],
  [
    { temporaryAddresses: 2 },
    'TEMPORARY',
    '2 temporary IPv6 addresses end with their lifetime; the kernel makes new ones',
    'nothing',
  ],
  [
    { hiddenAddresses: ['2001:db8:10::8e2:5cff:1'] },
    'IPV6_IDENTITY',
    "2001:db8:10::8e2:5cff:1 is made of the link's name or profile, not of its MAC: with the boot configuration br0 gets another",
    'give the host a fixed IPv6 address, where somebody relies on it',
  ],
  [
    { zone: 'office' },
    'ZONE',
    "firewalld has ens33 in the zone 'office'",
    '`firewall-cmd --zone=office --change-interface=br0`, and --permanent with it',
  ],
  [
    { rulesNamingLink: 3 },
    'FIREWALL_RULES',
    '3 rules of the firewall name ens33; what is for the host itself will come in by br0',
    'write them for br0 too',
  ],
  [
    { dropsBridged: ["the chain 'FORWARD' of table 'filter'"] },
    'FORWARD_DROP',
    "what is bridged passes the chain 'FORWARD' of table 'filter', which drops it: environments would answer ARP and nothing else",
    'let bridged packets pass: `iptables -I DOCKER-USER -m physdev --physdev-is-bridged -j ACCEPT`, or net.bridge.bridge-nf-call-iptables=0',
  ],
];

for (const [seen, code, reason, next] of told) {
  test(`told: ${reason}`, () => {
    assert.deepEqual(preflight({ ...plain, ...seen }), { refusals: [], warnings: [{ code, reason, next }] });
  });
}

test('an address whose identity is the MAC, or pinned, is nothing to speak of', () => {
  for (const identity of ['mac', 'pinned'] as const) {
    assert.deepEqual(preflight({ ...plain, dhcp: { client: 'dhclient', identity } }).warnings, []);
  }
});

test('told where nobody configures the link at boot', () => {
  const { manager: _, ...unmanaged } = plain;
  assert.deepEqual(preflight(unmanaged).warnings, [
    {
      code: 'NO_MANAGER',
      reason: 'no program was found that configures ens33 at boot: nothing is written, and a reboot ends the bridge',
      next: 'name one with --manager',
    },
  ]);
});

/** What DMI says, sys_vendor first, and who that is. */
const machines: readonly (readonly [machine: string, hypervisor: string, next: RegExp])[] = [
  ['VMware, Inc. VMware Virtual Platform Phoenix Technologies LTD 6.00 No Asset Tag', 'VMware', /promiscuous.*forged transmits/],
  ['Microsoft Corporation Virtual Machine Microsoft Corporation Hyper-V UEFI 1234', 'Hyper-V', /MAC address spoofing/],
  ['Microsoft Corporation Virtual Machine American Megatrends 7783-7084-3265-9085-8269-3286-77', 'Azure', /routed network/],
  ['innotek GmbH VirtualBox innotek GmbH VirtualBox', 'VirtualBox', /Allow All/],
  ['Amazon EC2 m5.large Amazon EC2 1.0 Amazon EC2', 'Amazon EC2', /routed network/],
  ['Xen HVM domU Xen 4.11.amazon', 'Amazon EC2', /routed network/],
  ['Google Google Compute Engine Google', 'Google Cloud', /routed network/],
  ['Alibaba Cloud Alibaba Cloud ECS SeaBIOS', 'Alibaba Cloud', /routed network/],
  ['Tencent Cloud CVM SeaBIOS', 'Tencent Cloud', /routed network/],
  ['QEMU Standard PC (i440FX + PIIX, 1996) SeaBIOS 1.5 OracleCloud.com', 'a cloud', /ask the provider/],
  ['OpenStack Foundation OpenStack Nova SeaBIOS', 'a cloud', /ask the provider/],
  ['Hetzner vServer Hetzner', 'a cloud', /ask the provider/],
  ['DigitalOcean Droplet DigitalOcean', 'a cloud', /ask the provider/],
  ['Parallels Software International Inc. Parallels Virtual Platform', 'Parallels', /bridged mode/],
  ['QEMU Standard PC (Q35 + ICH9, 2009) SeaBIOS', 'KVM', /macvtap.*MAC filter/],
  ['Xen HVM domU Xen 4.17', 'Xen', /one MAC/],
];

for (const [machine, hypervisor, next] of machines) {
  test(`${machine} is told as ${hypervisor}`, () => {
    const { warnings } = preflight({ ...plain, machine });
    assert.deepEqual(
      warnings.map((it) => `${it.code}: ${it.reason}`),
      [`HYPERVISOR: this machine runs on ${hypervisor}, which may drop frames of the environments' MACs`],
    );
    assert.match(warnings[0]?.next ?? '', next);
  });
}

test('a machine that one can touch is no cloud', () => {
  for (const machine of ['Microsoft Corporation Surface Studio', 'Supermicro SYS-1029P', 'LENOVO ThinkStation']) {
    assert.deepEqual(preflight({ ...plain, machine }).warnings, [], machine);
  }
});
