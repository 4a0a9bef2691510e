/**
 * Slots for what this host sends to one network's DHCP servers: hundreds that start together must neither flood the LAN
 * nor trip a switch that counts a port's DHCP messages (DHCP snooping).
 */
import type { Instant } from '../core/dhcp/model.ts';

export interface Pacer {
  /** Takes the next free slot, for so many messages that follow each other. @returns when it is, from now on */
  take(now: Instant, messages?: 1 | 2): Instant;
}

/**
 * @param perSecond messages within any second, at most; a tenth of them may go at once after a silence. Two that follow
 * each other are within one second also where only one may be.
 */
export function openPacer(perSecond: number): Pacer {
  const burst = Math.max(1, Math.floor(perSecond / 10));
  const everyMs = 1000 / Math.max(1, perSecond - burst);
  let next = Number.NEGATIVE_INFINITY;
  return {
    take: (now, messages = 1) => {
      const at = Math.max(now, next - (burst - 1) * everyMs);
      next = Math.max(next, now) + everyMs * messages;
      return at;
    },
  };
}
