/** NETLINK_SOCK_DIAG (sock_diag(7)): connections of TCP in a namespace, and their end. */
import { type Ipv4, ipv4Bytes } from '../net/ipv4.ts';
import {
  type DiagMessage,
  decodeDiag,
  encodeDiagRequest,
  SOCK_DESTROY,
  SOCK_DIAG_BY_FAMILY,
  type SocketId,
} from '../wire/diag/inet-diag.ts';
import { attributes } from '../wire/netlink/attribute.ts';
import { AF_INET6 } from '../wire/netlink/family6.ts';
import { AF_INET } from '../wire/netlink/route.ts';
import { closeFd, NETLINK_SOCK_DIAG, receiveNow, sendAsync, sendNow } from './ffi.ts';
import { isKernelError } from './kernel-error.ts';
import { openRouteSocket } from './rtnetlink-socket.ts';
import { type Transactions, transactions } from './transactions.ts';

const IPPROTO_TCP = 6;
/** All but TIME_WAIT (6), CLOSE (7), LISTEN (10) and NEW_SYN_RECV (12), which hold no connection that somebody waits on. */
const connectedStates = [1, 2, 3, 4, 5, 8, 9, 11].reduce((bits, state) => bits | (1 << state), 0);

const anybody: SocketId = {
  sourcePort: 0,
  destinationPort: 0,
  source: new Uint8Array(16),
  destination: new Uint8Array(16),
  link: 0,
  cookie: [0, 0],
};

/** It ended by itself, or the kernel ends none. */
const pardoned = ['ENOENT', 'EOPNOTSUPP'];

const datagram = new Uint8Array(64 * 1024);

/** Opens one in the namespace that the calling thread is in. The caller closes it. @throws KernelError EPROTONOSUPPORT */
export function openSockDiag(): Transactions {
  const fd = openRouteSocket(0, () => undefined, NETLINK_SOCK_DIAG);
  const channel = {
    sendNow: (bytes: Uint8Array) => sendNow(fd, bytes),
    sendAsync: (bytes: Uint8Array) => sendAsync(fd, bytes),
    receive: () => receiveNow(fd, datagram),
    close: () => closeFd(fd),
  };
  // Its numbers of messages are rtnetlink's as well, for other things.
  return transactions(channel, ({ type, payload }) => `sock_diag ${type} <${payload.length} bytes>`);
}

/**
 * Ends the connections of TCP that have one of these addresses here (`ss -K -t src ADDRESS`); a socket for IPv6 that
 * speaks IPv4 has them too. The peer is sent a RST.
 * @returns how many; 0 where the kernel cannot (CONFIG_INET_DIAG_DESTROY)
 * @throws KernelError
 */
export function endConnections(socket: Transactions, addresses: readonly Ipv4[]): number {
  return endOf(socket, AF_INET, addresses.map(ipv4Bytes)) + endOf(socket, AF_INET6, addresses.map(mappedBytes));
}

/** `::ffff:192.168.11.101` (RFC 4291, 2.5.5.2). */
const mappedBytes = (address: Ipv4): Uint8Array => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...ipv4Bytes(address));

function endOf(socket: Transactions, family: number, addresses: readonly Uint8Array[]): number {
  const wanted = addresses.map((it) => Buffer.from(it));
  const isWanted = ({ id: { source } }: DiagMessage): boolean => wanted.some((it) => it.equals(source.subarray(0, it.length)));
  const found = listConnections(socket, family).filter(isWanted);
  const refusals = socket.tryNow(
    found.map(({ id }) => ({ doing: 'ss -K', type: SOCK_DESTROY, flags: 0, payload: requestFor(family, id) })),
  );
  const refused = refusals.find((it) => it !== undefined && !pardoned.includes(it.errno));
  if (refused !== undefined) throw refused;
  return refusals.filter((it) => it === undefined).length;
}

function listConnections(socket: Transactions, family: number): readonly DiagMessage[] {
  const request = { doing: 'ss -t', type: SOCK_DIAG_BY_FAMILY, flags: 0, payload: requestFor(family, anybody) };
  try {
    return socket.dump(request).map((message) => decodeDiag(message.payload));
  } catch (error) {
    // A kernel without inet_diag.
    if (isKernelError(error, 'ENOENT')) return [];
    throw error;
  }
}

const requestFor = (family: number, id: SocketId): Uint8Array =>
  encodeDiagRequest({
    family,
    protocol: IPPROTO_TCP,
    extensions: 0,
    states: connectedStates,
    id,
    attributes: attributes({}),
  });
