/** AF_PACKET sockets for ARP (packet(7)): whole Ethernet frames on one link. */
import { ETH_P_ARP } from '../wire/arp/arp.ts';
import { ByteWriter } from '../wire/bytes.ts';
import {
  AF_INET,
  AF_PACKET,
  bindSocket,
  closeFd,
  closeLater,
  duplicateOnto,
  openSocket,
  SOCK_DGRAM,
  SOCK_RAW,
  sendNow,
} from './ffi.ts';
import type { ArpSocket } from './index.ts';
import { receiveFrom } from './receive.ts';

/** struct sockaddr_ll: family, protocol (network order), link, and nothing else that bind reads. */
function packetAddress(link: number): Uint8Array {
  return new ByteWriter().u16le(AF_PACKET).u16(ETH_P_ARP).s32le(link).zeros(12).finish();
}

/**
 * Opens the fd in the namespace that the calling thread is in. It is made with protocol 0 and hears nothing until it
 * is bound, so that no other link's frame slips in between. What the link itself sends only a socket for all protocols
 * would hear.
 */
export function openArpFd(link: number): number {
  const fd = openSocket(AF_PACKET, SOCK_RAW, 0);
  try {
    bindSocket(fd, packetAddress(link));
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/**
 * Listens and sends on such an fd, and owns it. A link that goes down is heard as silence.
 *
 * The last close of a packet socket waits for an RCU grace period, so it is left to a pool thread: a second fd of the
 * socket outlives the receiver's by a moment.
 */
export function arpSocketOn(fd: number, onFrame: (frame: Uint8Array) => void): ArpSocket {
  const last = duplicate(fd);
  const receiver = receiveFrom(fd, onFrame, () => undefined);
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    receiver.close();
    closeLater(last);
  };
  return { send: (frame) => sendNow(receiver.fd, frame), close };
}

/** A second fd of the same socket. When there is none left, the first is closed too. */
function duplicate(fd: number): number {
  try {
    const second = openSocket(AF_INET, SOCK_DGRAM, 0);
    duplicateOnto(fd, second);
    return second;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}
