/** A clock that never steps and goes on while the machine sleeps, and what it was when a former daemon looked at it. */
import fs from 'node:fs';
import os from 'node:os';
import type { Grant, Instant } from '../core/dhcp/model.ts';
import type { ClockReading, LeaseTerms } from '../core/model.ts';

/** CLOCK_BOOTTIME (clock_gettime(2)), in milliseconds; /proc/uptime has it to ten of them. */
export function bootNow(): Instant {
  return os.uptime() * 1000;
}

let boot: string | undefined;

export function readClock(): ClockReading {
  boot ??= fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return { boot, offset: Date.now() - bootNow() };
}

/**
 * A grant on the clock of now: what another boot wrote is only known by the time of day. That may have been set back since, or
 * the whole machine: no lease has more time left than it had at first.
 * @param at the instant of now
 */
export function grantNow({ grant, clock }: LeaseTerms, now: ClockReading, at: Instant): Grant {
  const told = clock.boot === now.boot ? 0 : clock.offset - now.offset;
  const shift = Math.min(told, at - grant.since);
  const { ends } = grant;
  const moved = { ...grant, since: grant.since + shift };
  if (ends === undefined) return moved;
  return {
    ...moved,
    ends: { renewAt: ends.renewAt + shift, rebindAt: ends.rebindAt + shift, expiresAt: ends.expiresAt + shift },
  };
}

/** An instant of a lease's terms in milliseconds since 1970. */
export function timeOfDay(at: Instant, clock: ClockReading, now: ClockReading): number {
  return at + (clock.boot === now.boot ? now.offset : clock.offset);
}
