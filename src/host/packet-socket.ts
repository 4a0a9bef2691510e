/** AF_PACKET sockets (packet(7)): whole Ethernet frames of one protocol on one link. */
import { ByteWriter } from '../wire/bytes.ts';
import {
  AF_INET,
  AF_PACKET,
  attachFilter,
  bindSocket,
  closeAsync,
  closeFd,
  duplicateOnto,
  openSocket,
  SOCK_DGRAM,
  SOCK_RAW,
  sendNow,
} from './ffi.ts';
import type { PacketSocket } from './index.ts';
import { receiveFrom } from './receive.ts';

/** struct sockaddr_ll: family, protocol (network order), link, and nothing else that bind reads. */
function packetAddress(link: number, protocol: number): Uint8Array {
  return new ByteWriter().u16le(AF_PACKET).u16(protocol).s32le(link).zeros(12).finish();
}

/**
 * Opens the fd in the namespace that the calling thread is in. It is made with protocol 0 and hears nothing until it
 * is bound, so that no other link's frame slips in between, and none past the filter. What the link itself sends only a socket for all protocols
 * would hear.
 */
export function openPacketFd(link: number, protocol: number, filter?: Uint8Array): number {
  const fd = openSocket(AF_PACKET, SOCK_RAW, 0);
  try {
    if (filter !== undefined) attachFilter(fd, filter);
    bindSocket(fd, packetAddress(link, protocol));
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** Half of the pool's threads (libuv has four unless told otherwise): those of many attaches would keep all from sending. */
const mostClosing = (): number => Math.max(1, Math.floor(Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) / 2));
const toClose: number[] = [];
let closing = 0;

/**
 * The last close of a packet socket waits 16 ms for an RCU grace period, so it is left to a pool thread; those that
 * close at the same time wait for the same one. Until then the socket keeps its namespace alive.
 */
function closeLater(fd: number): void {
  toClose.push(fd);
  if (closing < mostClosing()) void closeAll();
}

async function closeAll(): Promise<void> {
  closing += 1;
  for (let fd = toClose.shift(); fd !== undefined; fd = toClose.shift()) await closeAsync(fd);
  closing -= 1;
}

/** Sends on such an fd, and listens where there is somebody to hear; owns it. A link that goes down is heard as silence. */
export function packetSocketOn(fd: number, onFrame?: (frame: Uint8Array) => void): PacketSocket {
  if (onFrame === undefined) return { send: (frame) => sendNow(fd, frame), close: once(() => closeLater(fd)) };
  // A second fd of the socket outlives the receiver's by a moment.
  const last = duplicate(fd);
  const receiver = receiveFrom(fd, onFrame, () => undefined);
  const close = once(() => {
    receiver.close();
    closeLater(last);
  });
  return { send: (frame) => sendNow(receiver.fd, frame), close };
}

/** Closing twice would close an fd that has become somebody else's. */
function once(close: () => void): () => void {
  let open = true;
  return () => {
    if (open) close();
    open = false;
  };
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
