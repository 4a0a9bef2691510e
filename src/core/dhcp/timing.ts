/** When to send again, and when to renew (RFC 2131 sections 4.1 and 4.4.5). */
import type { Dice, Exchange, Grant, Instant } from './model.ts';

const second = 1000;

/** Section 4.1: 4 s, doubled, each a second more or less. It allows 64 s at most; a server that is back should not wait that long. */
const firstResendMs = 4 * second;
const lastResendMs = 16 * second;

/** Section 4.4.5: retransmissions come no closer than a minute, where the lease is long enough for that. */
const leastRenewalMs = 60 * second;

/** 32 bits of ones (section 3.3). */
const infinite = 0xffffffff;

/** After `sent` messages of a transaction. */
export function resendAfterMs(sent: number, dice: Dice): number {
  return Math.min(lastResendMs, firstResendMs * 2 ** (sent - 1)) + (dice.jitter * 2 - 1) * second;
}

/** Half of the time that is left until `until`. For short leases a thirty-second of the lease stands for the minute. */
export function renewalResendAt(grant: Grant, until: Instant, now: Instant): Instant {
  const leaseMs = (grant.ends?.expiresAt ?? now) - grant.since;
  const waitMs = Math.max((until - now) / 2, Math.min(leastRenewalMs, leaseMs / 32));
  return Math.min(until, now + waitMs);
}

/** An exchange that has just sent its first message. */
export function begin(dice: Dice, now: Instant, resendAt = now + resendAfterMs(1, dice)): Exchange {
  return { xid: dice.xid, beganAt: now, sentAt: now, sent: 1, resendAt };
}

/**
 * T1, T2 and the end. Times that are missing, or make no sense beside the others, are those of section 4.4.5: half and
 * seven eighths. T1 comes up to a twentieth later, so that what was leased together is not renewed together.
 */
export function endsOf(
  since: Instant,
  told: { readonly lease: number; readonly renew: number | undefined; readonly rebind: number | undefined },
  dice: Dice,
): Grant['ends'] {
  if (told.lease === infinite) return undefined;
  const leaseMs = told.lease * second;
  const within = (seconds: number | undefined, most: number): number | undefined =>
    seconds !== undefined && seconds > 0 && seconds * second < most ? seconds * second : undefined;
  const rebindMs = within(told.rebind, leaseMs) ?? leaseMs * 0.875;
  const renewMs = within(told.renew, rebindMs) ?? Math.min(leaseMs * 0.5, rebindMs * 0.75);
  const fuzzMs = dice.jitter * Math.min(renewMs / 20, (rebindMs - renewMs) / 4);
  return { renewAt: since + renewMs + fuzzMs, rebindAt: since + rebindMs, expiresAt: since + leaseMs };
}
