/** Captures of rtnetlink: what iproute2 asks for, and what the kernel answers. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { RTM_GETLINK } from '../../src/wire/netlink/link.ts';
import {
  decodeAcknowledgement,
  decodeMessages,
  type NetlinkMessage,
  NLM_F_ACK,
  NLMSG_ERROR,
} from '../../src/wire/netlink/message.ts';
import { RTM_GETNSID } from '../../src/wire/netlink/namespace.ts';
import { datagramToJson } from '../support/netlink-notation.ts';
import { agree } from './agree.ts';
import { type Datagram, keepTraced, parseTrace, straceOptions, traceCommand } from './strace.ts';

const folder = new URL('../../src/wire/netlink/captures/', import.meta.url);

/** Commands in their order: `NAME: COMMAND` is captured, the others only prepare. */
const script = `
ip netns add shop
ip link set dev lo up
link-add-bridge: ip link add br0 address 02:4c:4c:00:00:01 up type bridge stp_state 0 forward_delay 0
link-add-veth: ip link add ll0 address fe:4c:4c:00:00:01 mtu 1400 numtxqueues 1 numrxqueues 1 group 76 master br0 type veth peer name eth0 address 02:4c:4c:00:00:02 mtu 1400 numtxqueues 1 numrxqueues 1 netns shop
ip link add p0 type veth peer name p1
link-add-macvlan: ip link add mv0 link p0 address 02:4c:4c:00:00:03 type macvlan mode bridge
link-add-ipvlan: ip link add iv0 link p0 type ipvlan mode l2
link-add-macvlan-netns: ip link add link p0 name eth1 address 02:4c:4c:00:00:05 mtu 1400 group 76 netns shop type macvlan mode bridge
link-add-vxlan: ip link add vx0 type vxlan id 76 remote 192.0.2.1 dstport 4789 dev p0
link-set-alias: ip link set dev ll0 alias landline:shop/office
link-set-up: ip link set dev ll0 up
ip -n shop link set dev eth0 up
link-set-mtu: ip link set dev p1 mtu 1300
link-set-address: ip link set dev p1 address 02:4c:4c:00:00:04
link-set-group: ip link set dev p1 group 9
link-set-name: ip link set dev p1 name p2
link-set-master: ip link set dev p2 master br0
port-set-isolated: bridge link set dev p2 isolated on
port-dump: bridge -d link show
link-set-nomaster: ip link set dev p2 nomaster
link-show-veth: ip link show dev ll0
link-show-bridge: ip link show dev br0
link-show-macvlan: ip link show dev mv0
link-show-vxlan: ip link show dev vx0
link-show-lo: ip link show dev lo
link-dump: ip link show
link-dump-bridges: ip link show type bridge
link-set-netns: ip link set dev p2 netns shop
link-set-down: ip link set dev p0 down
address-add: ip address add 192.168.11.20/23 broadcast + dev br0
address-add-second: ip address add 192.168.11.21/23 dev br0 label br0:1
address-add-peer: ip address add 10.0.0.1 peer 10.0.0.2/32 dev lo
address-add-ipv6: ip address add 2001:db8::20/64 dev br0 nodad
address-dump: ip -4 address show
ip address add 2001:db8::21/64 dev br0 nodad
address-dump-ipv6: ip -6 address show
address-delete-ipv6: ip address delete 2001:db8::21/64 dev br0
address-delete: ip address delete 192.168.11.21/23 dev br0
route-add-default: ip route add default via 192.168.11.1 dev br0
route-replace: ip route replace 10.50.0.0/24 via 192.168.11.1 dev br0 src 192.168.11.20 metric 50
route-add-link: ip route add 10.60.0.0/16 dev br0
route-add-multipath: ip route add 10.70.0.0/16 nexthop via 192.168.11.1 nexthop via 192.168.11.2 weight 2
route-add-ipv6: ip route add 2001:db8:1::/48 via 2001:db8::1
route-dump: ip -4 route show table main
route-dump-ipv6: ip -6 route show table main
route-dump-local: ip -4 route show table local
route-delete: ip route delete 10.50.0.0/24 via 192.168.11.1 dev br0 metric 50
route-add-table: ip route add default via 192.168.11.1 dev br0 table 1000007
route-dump-table: ip -4 route show table 1000007
route-add-table-ipv6: ip -6 route add default via 2001:db8::1 dev br0 table 1000007
route-dump-table-ipv6: ip -6 route show table 1000007
rule-add: ip rule add from 192.168.30.0/24 iif br0 lookup 100 priority 1000
rule-add-mark: ip rule add oif br0 fwmark 7/0xff lookup 200 priority 1001
rule-add-ipv6: ip -6 rule add to 2001:db8:1::/48 lookup 300 priority 1002
rule-add-not: ip rule add not from 10.0.0.0/8 to 10.50.0.0/24 lookup 100 suppress_prefixlength 0
rule-add-source: ip rule add from 192.168.11.20 lookup 1000007 priority 7600 protocol static
rule-add-source-ipv6: ip -6 rule add from 2001:db8::20 lookup 1000007 priority 7600 protocol static
rule-dump: ip -4 rule show
rule-dump-ipv6: ip -6 rule show
refused-rule-exists: ip rule add from 192.168.11.20 lookup 1000007 priority 7600 protocol static
rule-delete: ip rule delete priority 1000
rule-delete-source: ip rule delete from 192.168.11.20 lookup 1000007 priority 7600
rule-delete-source-ipv6: ip -6 rule delete from 2001:db8::20 lookup 1000007 priority 7600
refused-rule-missing: ip rule delete from 192.168.11.99 lookup 1000009
neighbour-add: ip neighbour replace 192.168.11.101 lladdr 02:4c:4c:00:00:02 dev br0 nud permanent
neighbour-dump: ip -4 neighbour show
neighbour-add-ipv6: ip neighbour replace 2001:db8::101 lladdr 02:4c:4c:00:00:02 dev br0 nud permanent
neighbour-dump-ipv6: ip -6 neighbour show
neighbour-delete: ip neighbour delete 192.168.11.101 dev br0
fdb-add: bridge fdb add 02:4c:4c:00:00:09 dev ll0 master static
fdb-dump: bridge fdb show br br0
netnsid-list: ip netns list-id
ip netns add shop2
netnsid-set: ip netns set shop2 auto
refused-link-exists: ip link add ll0 type veth peer name ll9
refused-mtu: ip link set dev ll0 mtu 70000
refused-multicast-mac: ip link set dev ll0 address 01:00:5e:00:00:01
refused-name: ip link show dev none
refused-address-exists: ip address add 192.168.11.20/23 dev br0
refused-gateway: ip route add 10.80.0.0/16 via 203.0.113.1
refused-route-missing: ip route delete 10.90.0.0/16
refused-port: ip link set dev lo master br0
link-delete: ip link delete dev ll0
ip link add g0 group 77 type veth peer name g1
ip link set dev g1 group 77
link-delete-group: ip link delete group 77
`;

export async function captureNetlink(): Promise<void> {
  fs.rmSync(folder, { recursive: true, force: true });
  const lines = script.split('\n').filter((line) => line !== '');
  for (const line of lines) {
    const [, name, command] = /^(?:([a-z0-9-]+): )?(.*)$/.exec(line) ?? [];
    const words = (command ?? '').split(' ');
    if (name === undefined) execFileSync(words[0] ?? '', words.slice(1), { stdio: 'inherit' });
    else keep(name, command ?? '', exchange(traceCommand(words)));
  }
  await captureEvents();
}

/**
 * The request that the command is about, and what came for it. Before it iproute2 asks what the kernel knows
 * (sequence 0), around it what links and namespaces are called: a change is the last that wants an acknowledgement,
 * a look the last at something else than these, or the one with the longest answer.
 */
function exchange(datagrams: readonly Datagram[]): readonly Datagram[] {
  const starts = datagrams.flatMap((it, index) => (it.direction === 'sent' ? [index] : []));
  const exchanges = starts
    .map((start, index) => datagrams.slice(start, starts[index + 1]))
    .filter((it) => headerOf(it).sequence !== 0);
  const change = exchanges.findLast((it) => !isLook(headerOf(it)) && (headerOf(it).flags & NLM_F_ACK) !== 0);
  const look = exchanges.findLast((it) => ![RTM_GETLINK, RTM_GETNSID].includes(headerOf(it).type));
  const found = change ?? look ?? exchanges.toSorted((a, b) => sizeOf(b) - sizeOf(a))[0];
  if (found === undefined) throw new Error('the command asked for nothing');
  return found;
}

/** The numbers of NEW, DEL, GET and SET of one thing follow each other. */
const isLook = ({ type }: NetlinkMessage): boolean => type % 4 === RTM_GETLINK % 4;
const sizeOf = (datagrams: readonly Datagram[]): number => datagrams.reduce((sum, it) => sum + it.bytes.length, 0);

function headerOf([request]: readonly Datagram[]): NetlinkMessage {
  const [message] = decodeMessages(request?.bytes ?? new Uint8Array());
  if (message === undefined) throw new Error('a datagram without a message');
  return message;
}

/** Of the acknowledgements that say no more than that all is well, one is enough. */
function keep(name: string, command: string, datagrams: readonly Datagram[]): void {
  let replies = 0;
  for (const it of datagrams) {
    if (isPlainAcknowledgement(it) && name !== 'link-add-bridge') continue;
    const part = it.direction === 'sent' ? 'request' : `reply${++replies === 1 ? '' : `-${replies}`}`;
    write(`${name}.${part}`, command, it);
  }
}

function isPlainAcknowledgement({ direction, bytes }: Datagram): boolean {
  const [message] = decodeMessages(bytes);
  return direction === 'received' && message?.type === NLMSG_ERROR && decodeAcknowledgement(message).errno === 0;
}

function write(name: string, command: string, { bytes, reading }: Datagram): void {
  const compared = agree(bytes, reading);
  const remark = `, ${compared} attributes as strace reads them`;
  keepTraced(folder, { name, command, bytes, value: datagramToJson(bytes) }, 'iproute2', remark);
}

/** What is multicast while a port comes up, gets an address and a route, and goes. */
async function captureEvents(): Promise<void> {
  const command = ['ip', 'monitor', 'link', 'address', 'route', 'rule'];
  const file = `/tmp/landline-strace-${process.pid}`;
  const monitor = spawn('strace', [...straceOptions, '-o', file, ...command], { stdio: 'ignore' });
  await sleep(500);
  const commands = `ip link add ll1 master br0 type veth peer name ll2
    ip link set dev ll1 up
    ip link set dev ll2 up
    ip address add 192.168.11.102/23 dev ll2
    ip route add 10.51.0.0/24 via 192.168.11.1 dev ll2
    ip rule add from 192.168.11.102 lookup 1000009 priority 7600 protocol static
    ip rule delete from 192.168.11.102 lookup 1000009 priority 7600
    ip link delete dev ll1`;
  for (const line of commands.split('\n')) {
    const [program = '', ...rest] = line.trim().split(' ');
    execFileSync(program, rest);
    await sleep(100);
  }
  // strace ends with the command that it traces.
  execFileSync('kill', fs.readFileSync(`/proc/${monitor.pid}/task/${monitor.pid}/children`, 'utf8').trim().split(' '));
  await once(monitor, 'exit');
  const events = parseTrace(fs.readFileSync(file, 'utf8')).filter((it) => it.direction === 'received');
  fs.rmSync(file);
  const kinds = new Map(events.filter((it) => decodeMessages(it.bytes).length === 1).map((it) => [shapeOf(it), it]));
  for (const [index, it] of [...kinds.values()].entries()) {
    write(`event-${String(index + 1).padStart(2, '0')}`, command.join(' '), it);
  }
}

/** Events of one shape differ in numbers alone. */
const shapeOf = ({ bytes }: Datagram): string => JSON.stringify(datagramToJson(bytes)).replace(/\d+|"[0-9a-f:]*"/g, '');
