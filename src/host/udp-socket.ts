/** UDP sockets that only send, from an address of the namespace that they are opened in. */
import { type Ipv4, ipv4Bytes } from '../net/ipv4.ts';
import { ByteWriter } from '../wire/bytes.ts';
import {
  AF_INET,
  bindSocket,
  closeFd,
  connectSocket,
  IP_RECVERR,
  openSocket,
  SO_REUSEADDR,
  SOCK_DGRAM,
  SOL_IP,
  SOL_SOCKET,
  sendNow,
  setOption,
} from './ffi.ts';
import type { UdpSender } from './index.ts';

/** struct sockaddr_in (ip(7)). */
const inetAddress = (address: Ipv4, port: number): Uint8Array =>
  new ByteWriter().u16le(AF_INET).u16(port).bytes(ipv4Bytes(address)).zeros(8).finish();

/**
 * Somebody in there may have the port too: it is shared. Without IP_RECVERR the kernel says nothing of a datagram that it
 * has no room for, be it in a queue or for one more neighbour (ip(7); udp_send_skb in net/ipv4/udp.c).
 */
export function openUdpFd(from: Ipv4, port: number): number {
  const fd = openSocket(AF_INET, SOCK_DGRAM, 0);
  try {
    setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    setOption(fd, SOL_IP, IP_RECVERR, 1);
    bindSocket(fd, inetAddress(from, port));
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** Owns the fd. */
export function udpSenderOn(fd: number): UdpSender {
  let open = true;
  return {
    send: (to, port, bytes) => {
      connectSocket(fd, inetAddress(to, port));
      try {
        sendNow(fd, bytes);
      } catch {
        // What a complaint about an earlier datagram left is told instead of sending (udp(7)), once.
        sendNow(fd, bytes);
      }
    },
    close: () => {
      if (open) closeFd(fd);
      open = false;
    },
  };
}
