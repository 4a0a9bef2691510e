/**
 * Receiving from a raw socket in Node's event loop.
 *
 * Node adopts only UDP sockets, so a dummy one is bound first and the raw socket is then laid over its fd with dup3,
 * in the same tick, before the loop polls. From then on each 'message' is one frame or one netlink datagram, and
 * errors (ENETDOWN, ENOBUFS) are told without ending it.
 */
import dgram from 'node:dgram';
import { AF_INET, closeFd, duplicateOnto, openSocket, SOCK_DGRAM } from './ffi.ts';

export interface Receiver {
  /** The fd to send on; it is the receiver's own, never close it. */
  readonly fd: number;
  close(): void;
}

/**
 * Takes over `fd` (non-blocking, a datagram socket of any family), which must not be used afterwards.
 * `onError` gets the errno's name: ENOBUFS when datagrams were lost, ENETDOWN when the link went down.
 */
export function receiveFrom(fd: number, onMessage: (bytes: Uint8Array) => void, onError: (errno: string) => void): Receiver {
  const { dummy, socket } = layOver(fd);
  socket.on('message', onMessage);
  socket.on('error', (error: NodeJS.ErrnoException) => onError(error.code ?? error.message));
  let open = true;
  const close = (): void => {
    if (open) socket.close();
    open = false;
  };
  return { fd: dummy, close };
}

/** `fd` is closed on every way out: the dummy has become its duplicate. */
function layOver(fd: number): { readonly dummy: number; readonly socket: dgram.Socket } {
  try {
    const dummy = openSocket(AF_INET, SOCK_DGRAM, 0);
    const socket = dgram.createSocket('udp4');
    socket.bind({ fd: dummy });
    duplicateOnto(fd, dummy);
    return { dummy, socket };
  } finally {
    closeFd(fd);
  }
}
