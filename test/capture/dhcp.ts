/** Captures of DHCP: what dnsmasq, Kea, ISC dhcpd, busybox' udhcpc and ISC dhclient say to each other, as tcpdump saw it pass a bridge. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatIpv4 } from '../../src/net/ipv4.ts';
import { type DhcpMessage, decodeDhcp, optionOf } from '../../src/wire/dhcp/dhcp.ts';
import { decodeUdpFrame } from '../../src/wire/dhcp/frame.ts';
import { writeCapture } from '../support/captures.ts';
import { dhcpToJson } from '../support/dhcp-notation.ts';
import { prepare } from './prepare.ts';
import { framesWhile, type Shown } from './tcpdump.ts';
import { today, versions } from './versions.ts';

const folder = new URL('../../src/wire/dhcp/captures/', import.meta.url);

/** A server and a client on a bridge. */
const preparation = `
ip netns add server
ip netns add shop
ip link add br0 up type bridge
ip link add ll0 up master br0 type veth peer name eth0 address 02:4c:4c:00:00:01 netns server
ip link add ll1 up master br0 type veth peer name eth0 address 02:4c:4c:00:00:02 netns shop
ip -n server link set dev eth0 up
ip -n shop link set dev eth0 up
ip -n shop link set dev lo up
ip -n server address add 192.168.11.2/23 dev eth0
`;

/** What the servers read and write; /run is this run's own. */
const files: Readonly<Record<string, string>> = {
  '/run/udhcpc.sh': `#!/bin/sh
case $1 in
  bound|renew) ip address replace $ip/$mask dev $interface ;;
  deconfig) ip address flush dev $interface ;;
esac
`,
  '/run/dhclient.sh': `#!/bin/sh
case $reason in
  BOUND|RENEW|REBIND|REBOOT) ip address replace $new_ip_address/23 dev $interface ;;
  RELEASE) ip address flush dev $interface ;;
esac
exit 0
`,
  '/run/dhclient.conf': `option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;
send dhcp-client-identifier ff:a1:b2:c3:d4:00:04:00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f;
send fqdn.fqdn "shop.test.office.example.";
send fqdn.encoded on;
send fqdn.no-client-update on;
request subnet-mask, routers, domain-name-servers, domain-name, domain-search, interface-mtu,
  rfc3442-classless-static-routes, dhcp-renewal-time, dhcp-rebinding-time;
timeout 10;
`,
  '/run/stale.leases': `lease {
  interface "eth0";
  fixed-address 192.168.11.240;
  option subnet-mask 255.255.254.0;
  option dhcp-lease-time 3600;
  option dhcp-server-identifier 192.168.11.2;
  renew 4 2040/01/01 00:00:00;
  rebind 4 2040/01/01 00:00:00;
  expire 4 2040/01/01 00:00:00;
}
`,
  '/run/kea.json': JSON.stringify({
    Dhcp4: {
      'interfaces-config': { interfaces: ['eth0'] },
      'lease-database': { type: 'memfile', persist: false },
      'valid-lifetime': 4,
      'renew-timer': 2,
      'rebind-timer': 3,
      authoritative: true,
      subnet4: [
        {
          id: 1,
          subnet: '192.168.10.0/23',
          pools: [{ pool: '192.168.10.100 - 192.168.10.199' }],
          'option-data': [
            { name: 'routers', data: '192.168.11.1' },
            { name: 'domain-name-servers', data: '192.168.11.2' },
            { name: 'interface-mtu', data: '1400' },
            // More than one option holds: it comes in pieces (RFC 3396).
            { name: 'domain-search', data: Array.from({ length: 12 }, (_, at) => `floor-${at}.test.office.example`).join(', ') },
          ],
        },
      ],
    },
  }),
  '/run/dhcpd.conf': `authoritative;
ddns-update-style none;
default-lease-time 600;
max-lease-time 600;
option classless code 121 = array of unsigned integer 8;
subnet 192.168.10.0 netmask 255.255.254.0 {
  range 192.168.10.100 192.168.10.199;
  option routers 192.168.11.1, 192.168.11.3;
  option domain-name-servers 192.168.11.2, 192.168.11.3;
  option domain-name "test.office.example";
  option domain-search "test.office.example", "office.example";
  option static-routes 10.60.0.1 192.168.11.9;
  option ntp-servers 192.168.11.2;
  option classless 24, 10, 50, 0, 192, 168, 11, 1, 0, 192, 168, 11, 1;
}
`,
  '/run/dhcpd.leases': '',
};

const dnsmasq = (...more: readonly string[]): string =>
  [
    'dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --user=root --no-ping --dhcp-authoritative',
    '--dhcp-leasefile=/run/dnsmasq.leases --dhcp-range=192.168.10.100,192.168.10.199,255.255.254.0,2m',
    ...more,
  ].join(' ');

const udhcpc = (options: string): string =>
  `busybox udhcpc -f -i eth0 -s /run/udhcpc.sh -x hostname:shop ${options} & sleep 2; kill -USR1 $!; sleep 1; kill -USR2 $!; sleep 0.5; kill $!`;

const dhclient = (options: string): string =>
  `timeout -s KILL 6 dhclient -4 -d -cf /run/dhclient.conf -sf /run/dhclient.sh -pf /run/dhclient.pid ${options} eth0`;

interface Case {
  readonly server: string;
  readonly client: string;
  readonly programs: readonly string[];
  /** What is made of the client's network before. */
  readonly before?: string;
  /** The first message of each type is kept, of these. */
  readonly kept: readonly string[];
}

const cases: Readonly<Record<string, Case>> = {
  'dnsmasq-udhcpc': {
    server: dnsmasq(
      '--dhcp-option=option:router,192.168.11.1 --dhcp-option=option:dns-server,192.168.11.2 --domain=test.office.example',
      '--dhcp-option=option:domain-search,test.office.example,office.example --dhcp-option=option:mtu,1400',
      '--dhcp-option=option:classless-static-route,10.50.0.0/24,192.168.11.1,0.0.0.0/0,192.168.11.1',
      '--dhcp-option=224,first --dhcp-option=225,01:02:03',
    ),
    client: udhcpc('-O 119 -O 121 -O 26 -O 58 -O 59 -O 224 -O 225'),
    programs: ['dnsmasq', 'busybox'],
    kept: ['discover', 'offer', 'request', 'ack', 'release'],
  },
  'dnsmasq-nak': {
    server: dnsmasq(),
    client: dhclient('-lf /run/stale.leases'),
    programs: ['dnsmasq', 'dhclient'],
    kept: ['request', 'nak'],
  },
  'dnsmasq-decline': {
    server: dnsmasq(),
    before: 'ip address add 192.168.10.150/23 dev br0',
    client: 'timeout 6 busybox udhcpc -f -i eth0 -s /run/udhcpc.sh -a -r 192.168.10.150',
    programs: ['dnsmasq', 'busybox'],
    kept: ['decline'],
  },
  'kea-dhclient': {
    server: 'kea-dhcp4 -c /run/kea.json',
    client: dhclient('-lf /run/dhclient.leases'),
    programs: ['kea', 'dhclient'],
    kept: ['discover', 'offer', 'request', 'ack'],
  },
  'dhcpd-udhcpc': {
    server: 'dhcpd -4 -f -cf /run/dhcpd.conf -lf /run/dhcpd.leases -pf /run/dhcpd.pid --no-pid eth0',
    client: udhcpc('-O 119 -O 121 -O 33 -O 42'),
    programs: ['dhcpd', 'busybox'],
    kept: ['discover', 'offer', 'request', 'ack'],
  },
};

export async function captureDhcp(): Promise<void> {
  fs.rmSync(folder, { recursive: true, force: true });
  prepare(preparation);
  for (const [file, content] of Object.entries(files)) fs.writeFileSync(file, content, { mode: 0o755 });
  fs.mkdirSync('/run/kea', { recursive: true });
  for (const [name, it] of Object.entries(cases)) {
    const frames = await framesOf(it);
    for (const type of it.kept) {
      const frame = frames.find((one) => optionOf(one.message, 'messageType') === type);
      if (frame === undefined) throw new Error(`${name} caused no ${type}`);
      const ours = inWordsOfTcpdump(frame.message).filter((words) => !frame.reading.includes(words));
      if (ours.length > 0) throw new Error(`${name}: we read ${ours.join(', ')}, tcpdump reads\n${frame.reading}`);
      const isReply = frame.message.op === 'reply';
      const command = isReply ? it.server : it.client;
      const recorder = versions('tcpdump', it.programs[isReply ? 0 : 1] ?? '');
      const value = dhcpToJson(frame.message);
      writeCapture(folder, { name: `${name}.${type}`, command, recorder, date: today(), bytes: frame.bytes, value });
      console.log(`${name}.${type}: ${inWordsOfTcpdump(frame.message).join(', ')}`);
    }
  }
}

interface Frame extends Shown {
  readonly message: DhcpMessage;
}

/** Servers and clients end with their case. */
async function framesOf(it: Case): Promise<readonly Frame[]> {
  const frames = await framesWhile(['-i', 'br0', '-vvv', 'udp port 67 or udp port 68'], /^(?=IP )/m, async () => {
    execFileSync('ip', ['-n', 'shop', 'address', 'flush', 'dev', 'eth0']);
    const env = { ...process.env, KEA_PIDFILE_DIR: '/run/kea', KEA_LOCKFILE_DIR: 'none' };
    const server = spawn('nsenter', ['--net=/run/netns/server', ...it.server.split(' ')], { stdio: 'ignore', env });
    await sleep(1500);
    if (it.before !== undefined) execFileSync('sh', ['-c', it.before]);
    spawnSync('nsenter', ['--net=/run/netns/shop', 'sh', '-c', it.client], { stdio: 'ignore' });
    await sleep(300);
    server.kill('SIGKILL');
  });
  return frames.map((one) => ({ ...one, message: decodeDhcp(decodeUdpFrame(one.bytes).payload) }));
}

/** Pieces of what `tcpdump -vvv` prints. */
function inWordsOfTcpdump(it: DhcpMessage): readonly string[] {
  const type = optionOf(it, 'messageType') ?? '';
  const [server, seconds] = [optionOf(it, 'server'), optionOf(it, 'leaseSeconds')];
  const shownType = { ack: 'ACK', nak: 'NACK' }[String(type)] ?? type.replace(/^./, (first) => first.toUpperCase());
  return [
    `xid 0x${it.xid.toString(16)}`,
    `Client-Ethernet-Address ${it.chaddr}`,
    `DHCP-Message (53), length 1: ${shownType}`,
    ...(it.yiaddr === 0 ? [] : [`Your-IP ${formatIpv4(it.yiaddr)}`]),
    ...(it.ciaddr === 0 ? [] : [`Client-IP ${formatIpv4(it.ciaddr)}`]),
    ...(server === undefined ? [] : [`Server-ID (54), length 4: ${formatIpv4(server)}`]),
    ...(seconds === undefined ? [] : [`Lease-Time (51), length 4: ${seconds}`]),
  ];
}
