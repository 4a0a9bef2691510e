/** Waiting until a bridge's port passes frames: half a millisecond after it is up, told by netlink. */
import type { Host, KernelEvent } from '../host/index.ts';

/** The longest wait, in milliseconds; with spanning tree on a port listens for 30 s, and nobody waits that long. */
const patienceMs = 1000;

export interface Forwarding {
  /** Returns once the port forwards, or patience is at an end. */
  wait(host: Host, port: number): Promise<void>;
  /** To be told of every kernel event. */
  hear(event: KernelEvent): void;
}

export function watchForwarding(): Forwarding {
  const waiting = new Map<number, () => void>();
  return {
    hear: (event) => {
      if (event.kind === 'link' && event.link.portState === 'forwarding') waiting.get(event.link.index)?.();
      if (event.kind === 'overrun') for (const wake of [...waiting.values()]) wake();
    },
    wait: async (host, port) => {
      const forwards = Promise.withResolvers<void>();
      waiting.set(port, forwards.resolve);
      const timer = setTimeout(forwards.resolve, patienceMs);
      try {
        const link = await host.kernel.getLink(port);
        if (link?.portState !== 'forwarding') await forwards.promise;
      } finally {
        clearTimeout(timer);
        waiting.delete(port);
      }
    },
  };
}
