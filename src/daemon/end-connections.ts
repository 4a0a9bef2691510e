/**
 * Connections to a generation whose place another has taken: who only waits on one would wait for ever. They are ended in
 * the former sandbox, whose link is on no bridge any more; the resets that its kernel sends are heard at the host's end,
 * and sent on from the new generation's link. So whoever connects again after his reset meets the new one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Host, homeNetns, isKernelError, type NetnsRef, type PacketSocket } from '../host/index.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import { WireError } from '../wire/bytes.ts';
import { withTcpChecksum } from '../wire/tcp/whole.ts';

/** Resets are with us within so many milliseconds of the end of their connections: they pass one veth. */
const patienceMs = 100;
const lookEveryMs = 2;

export interface FormerSandbox {
  readonly netns: NetnsRef;
  /** The host's ends of its links, and what those are called inside, as their successors are. */
  readonly ends: readonly { readonly index: number; readonly interface: string }[];
}

/** What is none, or cannot be sent, is one reset that its client never hears of, as before. */
function passOn(out: PacketSocket, frame: Uint8Array): void {
  try {
    out.send(withTcpChecksum(frame));
  } catch (error) {
    if (!isKernelError(error) && !(error instanceof WireError)) throw error;
  }
}

/** @returns how many connections were ended @throws KernelError */
export async function endConnections(
  host: Host,
  former: FormerSandbox,
  successor: NetnsRef,
  addresses: readonly Ipv4[],
): Promise<number> {
  return host.within(successor, (next) =>
    host.within(homeNetns, (home) =>
      host.within(former.netns, async (before) => {
        const links = await next.kernel.listLinks();
        let passed = 0;
        for (const { index, interface: name } of former.ends) {
          const link = links.find((it) => it.name === name);
          if (link === undefined) continue;
          const out = next.openResets(link.index);
          home.openResets(index, (frame) => {
            passed += 1;
            passOn(out, frame);
          });
        }
        const ended = before.endConnections(addresses);
        for (const end = performance.now() + patienceMs; passed < ended && performance.now() < end; ) await sleep(lookEveryMs);
        return ended;
      }),
    ),
  );
}
