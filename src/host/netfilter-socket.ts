/** NETLINK_NETFILTER in the daemon's namespace: whether the ruleset has changed, and connections to forget. */
import { formatIpv4, type Ipv4 } from '../net/ipv4.ts';
import {
  connectionAttributes,
  decodeNetfilter,
  encodeNetfilter,
  FILTER_IP_SRC,
  FILTER_PROTO_NUM,
  FILTER_PROTO_SRC_PORT,
  generationAttributes,
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  NFNLGRP_NFTABLES,
  NFT_MSG_GETGEN,
  NFT_MSG_NEWGEN,
  NLA_F_NESTED,
} from '../wire/netfilter/netfilter.ts';
import { AttributeList, attributes } from '../wire/netlink/attribute.ts';
import { decodeMessages, type NetlinkMessage } from '../wire/netlink/message.ts';
import { AF_INET } from '../wire/netlink/route.ts';
import { closeFd, NETLINK_NETFILTER, receiveNow, SO_RCVBUFFORCE, SOL_SOCKET, sendAsync, sendNow, setOption } from './ffi.ts';
import { isKernelError } from './kernel-error.ts';
import { receiveFrom } from './receive.ts';
import { openRouteSocket } from './rtnetlink-socket.ts';
import { type Transactions, transactions } from './transactions.ts';

/** A place inside that connections were led to. */
export interface Destination {
  readonly protocol: 'tcp' | 'udp';
  readonly address: Ipv4;
  readonly port: number;
}

const protocolNumbers = { tcp: 6, udp: 17 } as const;
const datagram = new Uint8Array(64 * 1024);
const empty = { family: 0, version: 0, resource: 0, attributes: attributes({}) };

/** Opens one for requests. The caller closes it. @throws KernelError EPERM, EPROTONOSUPPORT */
export function openNetfilter(): Transactions {
  const fd = openRouteSocket(0, () => undefined, NETLINK_NETFILTER);
  return transactions({
    sendNow: (bytes) => sendNow(fd, bytes),
    sendAsync: (bytes) => sendAsync(fd, bytes),
    receive: () => receiveNow(fd, datagram),
    close: () => closeFd(fd),
  });
}

/** How often the ruleset of this namespace was changed: NFTA_GEN_ID, which each transaction raises by one. */
export function readGeneration(socket: Transactions): number {
  const payload = encodeNetfilter(empty, generationAttributes);
  const reply = socket.get({ doing: 'read the generation of the ruleset', type: NFT_MSG_GETGEN, flags: 0, payload });
  if (reply === undefined) throw new Error('the kernel tells no generation of the ruleset');
  return decodeNetfilter(reply.payload, generationAttributes).attributes.number('NFTA_GEN_ID') ?? 0;
}

/** Told after each change of the ruleset, whoever made it, and when news of one may have been lost. */
export function watchRuleset(onChange: () => void): { close(): void } {
  const prepare = (fd: number): void => setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, 1024 * 1024);
  const fd = openRouteSocket(1 << (NFNLGRP_NFTABLES - 1), prepare, NETLINK_NETFILTER);
  // A transaction of a thousand elements is a thousand messages, and the new generation is the last of them.
  return receiveFrom(fd, (bytes) => endsWithGeneration(bytes) && onChange(), onChange);
}

const endsWithGeneration = (bytes: Uint8Array): boolean => decodeMessages(bytes).some((it) => it.type === NFT_MSG_NEWGEN);

/**
 * Forgets the connections that lead to these places (`conntrack -D --reply-src ADDRESS --reply-port-src PORT`): their
 * next packets find their way anew. Where the kernel tracks none, there is nothing to forget.
 */
export async function forgetConnections(socket: Transactions, destinations: readonly Destination[]): Promise<void> {
  for (const it of destinations) {
    const connections = findConnections(socket, it);
    for (const tuple of connections) await forget(socket, it, tuple);
  }
}

function findConnections(socket: Transactions, it: Destination): AttributeList[] {
  const doing = `conntrack -L ${describe(it)}`;
  try {
    const found = socket.dump({ doing, type: IPCTNL_MSG_CT_GET, flags: 0, payload: askFor(it) });
    return found.flatMap((message) => originOf(message, it));
  } catch (error) {
    if (isKernelError(error, 'EOPNOTSUPP', 'EINVAL', 'ENOENT')) return [];
    throw error;
  }
}

const describe = (it: Destination): string =>
  `-p ${it.protocol} --reply-src ${formatIpv4(it.address)} --reply-port-src ${it.port}`;

/** The kernel looks through its table itself; one before 5.8 ignores the filter and tells of all. */
function askFor(it: Destination): Uint8Array {
  const ip = attributes({ CTA_IP_V4_SRC: it.address });
  const proto = attributes({ CTA_PROTO_NUM: protocolNumbers[it.protocol], CTA_PROTO_SRC_PORT: it.port });
  const tuple = new AttributeList([
    { name: 'CTA_TUPLE_IP', value: ip, flags: NLA_F_NESTED },
    { name: 'CTA_TUPLE_PROTO', value: proto, flags: NLA_F_NESTED },
  ]);
  const flags = FILTER_IP_SRC | FILTER_PROTO_NUM | FILTER_PROTO_SRC_PORT;
  const filter = attributes({ CTA_FILTER_ORIG_FLAGS: 0, CTA_FILTER_REPLY_FLAGS: flags });
  const list = new AttributeList([
    { name: 'CTA_TUPLE_REPLY', value: tuple, flags: NLA_F_NESTED },
    { name: 'CTA_FILTER', value: filter, flags: NLA_F_NESTED },
  ]);
  return encodeNetfilter({ ...empty, family: AF_INET, attributes: list }, connectionAttributes);
}

/** CTA_TUPLE_ORIG (and the zone) of a connection that leads there: what names it in a request. */
function originOf(message: NetlinkMessage, it: Destination): AttributeList[] {
  const found = decodeNetfilter(message.payload, connectionAttributes).attributes;
  const reply = found.nested('CTA_TUPLE_REPLY');
  const source = reply?.nested('CTA_TUPLE_IP')?.number('CTA_IP_V4_SRC');
  const proto = reply?.nested('CTA_TUPLE_PROTO');
  const leadsThere =
    source === it.address &&
    proto?.number('CTA_PROTO_NUM') === protocolNumbers[it.protocol] &&
    proto.number('CTA_PROTO_SRC_PORT') === it.port;
  const kept = found.decoded().filter((attribute) => 'name' in attribute && /^CTA_(TUPLE_ORIG|ZONE)$/.test(attribute.name));
  return leadsThere ? [new AttributeList(kept)] : [];
}

async function forget(socket: Transactions, it: Destination, list: AttributeList): Promise<void> {
  const payload = encodeNetfilter({ ...empty, family: AF_INET, attributes: list }, connectionAttributes);
  try {
    await socket.change({ doing: `conntrack -D ${describe(it)}`, type: IPCTNL_MSG_CT_DELETE, flags: 0, payload });
  } catch (error) {
    // It ended by itself.
    if (!isKernelError(error, 'ENOENT')) throw error;
  }
}
