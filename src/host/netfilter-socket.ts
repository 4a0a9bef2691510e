/** NETLINK_NETFILTER in the daemon's namespace: whether the ruleset has changed, and connections to forget. */
import type { Ipv4 } from '../net/ipv4.ts';
import {
  connectionAttributes,
  decodeNetfilter,
  encodeNetfilter,
  FILTER_PROTO_NUM,
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
 * Forgets the connections that lead to these places (`conntrack -D -p PROTOCOL --reply-src ADDRESS --reply-port-src
 * PORT`): their next packets find their way anew. The kernel looks through its whole table, which takes it some ten
 * milliseconds, so it is asked once for all places. Where it tracks none, there is nothing to forget.
 */
export async function forgetConnections(socket: Transactions, destinations: readonly Destination[]): Promise<void> {
  for (const protocol of ['tcp', 'udp'] as const) {
    const places = new Set(destinations.filter((it) => it.protocol === protocol).map((it) => placeOf(it.address, it.port)));
    if (places.size === 0) continue;
    for (const connection of findConnections(socket, protocol, places)) await forget(socket, connection);
  }
}

const placeOf = (address: Ipv4 | undefined, port: number | undefined): string => `${address} ${port}`;

function findConnections(socket: Transactions, protocol: Destination['protocol'], places: ReadonlySet<string>): AttributeList[] {
  const request = { doing: `conntrack -L -p ${protocol}`, type: IPCTNL_MSG_CT_GET, flags: 0, payload: askFor(protocol) };
  try {
    return socket.dump(request).flatMap((message) => originOf(message, protocol, places));
  } catch (error) {
    if (isKernelError(error, 'EOPNOTSUPP', 'EINVAL', 'ENOENT')) return [];
    throw error;
  }
}

/** A kernel before 5.8 ignores the filter and tells of all. */
function askFor(protocol: Destination['protocol']): Uint8Array {
  const proto = attributes({ CTA_PROTO_NUM: protocolNumbers[protocol] });
  const tuple = new AttributeList([{ name: 'CTA_TUPLE_PROTO', value: proto, flags: NLA_F_NESTED }]);
  const filter = attributes({ CTA_FILTER_ORIG_FLAGS: 0, CTA_FILTER_REPLY_FLAGS: FILTER_PROTO_NUM });
  const list = new AttributeList([
    { name: 'CTA_TUPLE_REPLY', value: tuple, flags: NLA_F_NESTED },
    { name: 'CTA_FILTER', value: filter, flags: NLA_F_NESTED },
  ]);
  return encodeNetfilter({ ...empty, family: AF_INET, attributes: list }, connectionAttributes);
}

/** CTA_TUPLE_ORIG (and the zone) of a connection that leads to one of the places: what names it in a request. */
function originOf(message: NetlinkMessage, protocol: Destination['protocol'], places: ReadonlySet<string>): AttributeList[] {
  const found = decodeNetfilter(message.payload, connectionAttributes).attributes;
  const reply = found.nested('CTA_TUPLE_REPLY');
  const proto = reply?.nested('CTA_TUPLE_PROTO');
  const source = placeOf(reply?.nested('CTA_TUPLE_IP')?.number('CTA_IP_V4_SRC'), proto?.number('CTA_PROTO_SRC_PORT'));
  if (proto?.number('CTA_PROTO_NUM') !== protocolNumbers[protocol] || !places.has(source)) return [];
  const kept = found.decoded().filter((attribute) => 'name' in attribute && /^CTA_(TUPLE_ORIG|ZONE)$/.test(attribute.name));
  return [new AttributeList(kept)];
}

async function forget(socket: Transactions, list: AttributeList): Promise<void> {
  const payload = encodeNetfilter({ ...empty, family: AF_INET, attributes: list }, connectionAttributes);
  try {
    await socket.change({ doing: 'conntrack -D', type: IPCTNL_MSG_CT_DELETE, flags: 0, payload });
  } catch (error) {
    // It ended by itself.
    if (!isKernelError(error, 'ENOENT')) throw error;
  }
}
