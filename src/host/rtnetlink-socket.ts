/** Sockets of family NETLINK_ROUTE (netlink(7)). */
import { ByteWriter } from '../wire/bytes.ts';
import {
  AF_NETLINK,
  bindSocket,
  closeFd,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  NETLINK_ROUTE,
  openSocket,
  receiveNow,
  SOCK_RAW,
  SOL_NETLINK,
  sendAsync,
  sendNow,
  setOption,
} from './ffi.ts';
import { type Transactions, transactions } from './transactions.ts';

/** Twice what the kernel puts into one datagram of a dump. */
const datagram = new Uint8Array(64 * 1024);

/** Opens one for requests, in the namespace that the calling thread is in. The caller closes it. @throws KernelError */
export function openRtnetlink(): Transactions {
  const fd = openRouteSocket(0, (opened) => {
    setOption(opened, SOL_NETLINK, NETLINK_EXT_ACK, 1);
    setOption(opened, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
  });
  return transactions({
    sendNow: (bytes) => sendNow(fd, bytes),
    sendAsync: (bytes) => sendAsync(fd, bytes),
    receive: () => receiveNow(fd, datagram),
    close: () => closeFd(fd),
  });
}

/** An fd bound to multicast groups (RTMGRP_*, or a bit for each), in the namespace that the calling thread is in. */
export function openRouteSocket(groups: number, prepare: (fd: number) => void, protocol = NETLINK_ROUTE): number {
  const fd = openSocket(AF_NETLINK, SOCK_RAW, protocol);
  try {
    prepare(fd);
    bindSocket(fd, netlinkAddress(groups));
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** struct sockaddr_nl: family, padding, port id (0: the kernel chooses), groups. */
function netlinkAddress(groups: number): Uint8Array {
  return new ByteWriter().u16le(AF_NETLINK).zeros(2).u32le(0).u32le(groups).finish();
}
