/** One ARP socket for the whole of an attach: it listens while the address is probed, and announces in the end. */
import type { Inside } from '../host/index.ts';

export interface Ears {
  send(frame: Uint8Array): void;
  /** Whoever listens; undefined: nobody. */
  listen(listener: ((frame: Uint8Array) => void) | undefined): void;
  close(): void;
}

export function openEars(inside: Inside, link: number): Ears {
  let hear: ((frame: Uint8Array) => void) | undefined;
  const arp = inside.openArp(link, (frame) => hear?.(frame));
  return {
    send: arp.send,
    listen: (listener) => {
      hear = listener;
    },
    close: arp.close,
  };
}
