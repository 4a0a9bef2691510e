/**
 * The DHCP client's machine (RFC 2131 section 4.4), pure: a lease, an event and the time give the next lease and what is
 * to be done. The shell sleeps until {@link wakeAt} and sends a tick.
 */
import type { Ipv4 } from '../../net/ipv4.ts';
import { optionOf } from '../../wire/dhcp/dhcp.ts';
import { readGrant, readOffer } from './grant.ts';
import { decline, discover, release, requestAgain, requestMore, requestOffer } from './messages.ts';
import {
  type DhcpClient,
  type DhcpEffect,
  type DhcpEvent,
  type DhcpLease,
  type Dice,
  type Exchange,
  type Grant,
  grantOf,
  type Instant,
  type Offer,
  type Phase,
} from './model.ts';
import { begin, renewalResendAt, resendAfterMs } from './timing.ts';

/** An offer of the address that was asked for is taken at once; with another one it is waited so long for a better. */
const betterOfferMs = 500;

/** A NAK of a server that did not grant the lease waits so long for one that grants it: anybody on the LAN can say no. */
const doubtMs = 500;

/** So many requests for an offer, and then it is forgotten. */
const mostRequests = 3;

/** So many requests for a former address; who still has a lease goes on with it then (section 3.2 step 3). */
const mostRebootRequests = 2;

/** After a DECLINE (section 3.1 step 5). */
const afterDeclineMs = 10_000;

/** From one NAK to the next try: none at first, then doubled from a second on. */
const lastRefusalMs = 16_000;

/** What a server says in words is shown to people: so much of it. */
const mostWords = 200;

export interface Stepped {
  readonly lease: DhcpLease;
  readonly effects: readonly DhcpEffect[];
}

/** A lease that is to be asked for. `wanted` is the address that the endpoint had last. */
export function newLease(client: DhcpClient, startAt: Instant, wanted?: Ipv4): DhcpLease {
  return { client, phase: { name: 'init', startAt, refusals: 0, ...(wanted === undefined ? {} : { wanted }) } };
}

/** A lease that a former daemon held: it is asked for again, and may be used meanwhile until it ends. */
export function knownLease(client: DhcpClient, startAt: Instant, grant: Grant): DhcpLease {
  return { client, phase: { name: 'init-reboot', startAt, wanted: grant.address, grant } };
}

/** When a tick is due; undefined: never. */
export function wakeAt({ phase }: DhcpLease): Instant | undefined {
  switch (phase.name) {
    case 'init':
      return phase.startAt;
    case 'init-reboot':
      return Math.min(phase.startAt, phase.grant?.ends?.expiresAt ?? Number.POSITIVE_INFINITY);
    case 'selecting':
      return Math.min(phase.exchange.resendAt, phase.decideAt ?? Number.POSITIVE_INFINITY);
    case 'requesting':
      return phase.exchange.resendAt;
    case 'rebooting':
      return Math.min(phase.doubt?.at ?? phase.exchange.resendAt, phase.grant?.ends?.expiresAt ?? Number.POSITIVE_INFINITY);
    case 'bound':
      return phase.grant.ends?.renewAt;
    case 'renewing':
      return Math.min(phase.exchange.resendAt, phase.grant.ends?.rebindAt ?? Number.POSITIVE_INFINITY);
    case 'rebinding':
      return Math.min(phase.doubt?.at ?? phase.exchange.resendAt, phase.grant.ends?.expiresAt ?? Number.POSITIVE_INFINITY);
    case 'released':
      return undefined;
  }
}

export function step(lease: DhcpLease, event: DhcpEvent, now: Instant): Stepped {
  switch (event.kind) {
    case 'tick':
      return tick(lease, event.dice, now);
    case 'heard':
      return hear(lease, event, now);
    case 'conflict':
      return conflict(lease, event.dice, now);
    case 'renew':
      return renewNow(lease, event.dice, now);
    case 'reattached':
      return reattached(lease, now);
    case 'release':
      return releaseNow(lease, event.dice);
  }
}

const to = (lease: DhcpLease, phase: Phase, ...effects: readonly DhcpEffect[]): Stepped => ({
  lease: { client: lease.client, phase },
  effects,
});

const moment = ({ xid, beganAt }: Exchange, now: Instant) => ({ xid, beganAt, now });

// What the time brings.

function tick(lease: DhcpLease, dice: Dice, now: Instant): Stepped {
  const { phase } = lease;
  const grant = grantOf(lease);
  if (grant?.ends !== undefined && now >= grant.ends.expiresAt) return lose(lease, grant, 'expired', now);
  if (now < (wakeAt(lease) ?? Number.POSITIVE_INFINITY)) return { lease, effects: [] };
  if ('doubt' in phase && phase.doubt !== undefined) return refused(lease, phase, phase.doubt.says, now);
  switch (phase.name) {
    case 'init':
      return startSelecting(lease, phase, dice, now);
    case 'selecting':
      return phase.decideAt !== undefined && now >= phase.decideAt
        ? takeOffer(lease, phase, dice, now)
        : sendAgain(lease, phase, dice, now);
    case 'requesting':
      return phase.exchange.sent < mostRequests
        ? sendAgain(lease, phase, dice, now)
        : startSelecting(lease, { refusals: phase.refusals, wanted: phase.offer.address }, dice, now);
    case 'init-reboot': {
      const exchange = begin(dice, now, rebootResendAt(phase, 1, dice, now));
      return sent(lease, { ...phase, name: 'rebooting', exchange }, now);
    }
    case 'rebooting':
      if (phase.exchange.sent < mostRebootRequests) return sendAgain(lease, phase, dice, now);
      if (phase.grant === undefined) return startSelecting(lease, { refusals: 0, wanted: phase.wanted }, dice, now);
      return tick({ ...lease, phase: { name: 'bound', grant: phase.grant } }, dice, now);
    case 'bound':
    case 'renewing':
    case 'rebinding':
      return extend(lease, phase.grant, phase.name, dice, now);
    case 'released':
      return { lease, effects: [] };
  }
}

function startSelecting(lease: DhcpLease, it: { refusals: number; wanted?: Ipv4 }, dice: Dice, now: Instant): Stepped {
  const wanted = it.wanted === undefined ? {} : { wanted: it.wanted };
  return sent(lease, { name: 'selecting', exchange: begin(dice, now), refusals: it.refusals, offers: [], ...wanted }, now);
}

/** T1, T2, or a retransmission between them. */
function extend(lease: DhcpLease, grant: Grant, from: Phase['name'], dice: Dice, now: Instant): Stepped {
  const { ends } = grant;
  if (ends === undefined) return extendEndless(lease, grant, dice, now);
  const name = now >= ends.rebindAt ? 'rebinding' : 'renewing';
  const resendAt = renewalResendAt(grant, name === 'renewing' ? ends.rebindAt : ends.expiresAt, now);
  const { phase } = lease;
  const exchange =
    name === from && 'exchange' in phase
      ? { ...phase.exchange, sent: phase.exchange.sent + 1, resendAt }
      : begin(dice, now, resendAt);
  return sent(lease, { name, grant, exchange }, now);
}

/** A lease without end is only renewed because somebody asked for it, and goes on when nobody answers. */
function extendEndless(lease: DhcpLease, grant: Grant, dice: Dice, now: Instant): Stepped {
  const { phase } = lease;
  const again = phase.name === 'renewing' && phase.exchange.sent < mostRequests;
  return again ? sendAgain(lease, phase, dice, now) : to(lease, { name: 'bound', grant });
}

type Sending = Extract<Phase, { readonly exchange: Exchange }>;

function sendAgain(lease: DhcpLease, phase: Sending, dice: Dice, now: Instant): Stepped {
  const count = phase.exchange.sent + 1;
  const resendAt = phase.name === 'rebooting' ? rebootResendAt(phase, count, dice, now) : now + resendAfterMs(count, dice);
  const exchange = { ...phase.exchange, sent: count, resendAt };
  return sent(lease, { ...phase, exchange }, now);
}

/** A lease that ends soon has no time for the usual waits: a quarter of what is left, so that renewals have their tries too. */
function rebootResendAt({ grant }: { readonly grant?: Grant }, count: number, dice: Dice, now: Instant): Instant {
  const usual = now + resendAfterMs(count, dice);
  if (grant?.ends === undefined) return usual;
  return Math.min(usual, renewalResendAt(grant, (now + grant.ends.expiresAt) / 2, now));
}

/** The phase, and the message that it has just sent. */
function sent(lease: DhcpLease, phase: Sending, now: Instant): Stepped {
  return to(lease, phase, messageOf(lease.client, phase, now));
}

function messageOf(client: DhcpClient, phase: Sending, now: Instant): DhcpEffect {
  const at = moment(phase.exchange, now);
  switch (phase.name) {
    case 'selecting':
      return { do: 'send', from: 0, message: discover(client, at, phase.wanted) };
    case 'requesting':
      return { do: 'send', from: 0, message: requestOffer(client, at, phase.offer) };
    case 'rebooting':
      return { do: 'send', from: 0, message: requestAgain(client, at, phase.wanted) };
    case 'renewing':
      return { do: 'send', from: phase.grant.address, to: phase.grant.server, message: requestMore(client, at, phase.grant) };
    case 'rebinding':
      return { do: 'send', from: phase.grant.address, message: requestMore(client, at, phase.grant) };
  }
}

// What a server says.

function hear(lease: DhcpLease, { message, dice }: Extract<DhcpEvent, { kind: 'heard' }>, now: Instant): Stepped {
  const { phase } = lease;
  const ignore = (why: Extract<DhcpEffect, { do: 'ignore' }>['why']): Stepped => to(lease, phase, { do: 'ignore', why });
  if (message.op !== 'reply') return ignore('no reply');
  if (message.chaddr !== lease.client.mac) return ignore('another client');
  if (!('exchange' in phase)) return ignore('out of turn');
  if (message.xid !== phase.exchange.xid) return ignore('another transaction');
  const type = optionOf(message, 'messageType');
  const server = optionOf(message, 'server');
  if (phase.name === 'selecting') {
    const offer = type === 'offer' ? readOffer(message) : 'out of turn';
    return typeof offer === 'string' ? ignore(offer) : weigh(lease, phase, offer, dice, now);
  }
  if (type !== 'ack' && type !== 'nak') return ignore('out of turn');
  if (server === undefined) return ignore('without a server');
  // Whoever was asked answers; a broadcast request may be answered by any.
  const asked = phase.name === 'requesting' ? phase.offer.server : phase.name === 'renewing' ? phase.grant.server : server;
  if (server !== asked) return ignore('another server');
  if (type === 'nak') {
    const says = optionOf(message, 'message');
    const isStranger = grantOf(lease) !== undefined && grantOf(lease)?.server !== server;
    if (!isStranger || (phase.name !== 'rebooting' && phase.name !== 'rebinding')) return refused(lease, phase, says, now);
    const doubt = { at: now + doubtMs, ...(says === undefined ? {} : { says }) };
    return to(lease, { ...phase, doubt: phase.doubt ?? doubt });
  }
  const grant = readGrant(message, phase.exchange.sentAt, dice);
  if (typeof grant === 'string') return ignore(grant);
  if (grant.address !== addressAskedFor(phase)) return ignore('an unusable address');
  if (grant.ends !== undefined && now >= grant.ends.expiresAt) return ignore('without a lease time');
  const before = grantOf(lease);
  const bind: DhcpEffect = { do: 'bind', grant, ...(before === undefined ? {} : { before }) };
  const wasDoubted = 'doubt' in phase && phase.doubt !== undefined;
  return to(lease, { name: 'bound', grant }, ...(wasDoubted ? [{ do: 'ignore', why: 'another server' } as const] : []), bind);
}

function addressAskedFor(phase: Exclude<Sending, { name: 'selecting' }>): Ipv4 {
  switch (phase.name) {
    case 'requesting':
      return phase.offer.address;
    case 'rebooting':
      return phase.wanted;
    default:
      return phase.grant.address;
  }
}

type Selecting = Extract<Phase, { name: 'selecting' }>;

/** The address that was asked for is worth no waiting, nor is any when none was. */
function weigh(lease: DhcpLease, phase: Selecting, offer: Offer, dice: Dice, now: Instant): Stepped {
  const offers = [...phase.offers, offer].slice(0, 16);
  const isBest = phase.wanted === undefined || offer.address === phase.wanted;
  const weighed: Selecting = { ...phase, offers, decideAt: phase.decideAt ?? now + betterOfferMs };
  return isBest ? takeOffer(lease, weighed, dice, now) : to(lease, weighed);
}

/** `secs` counts on from the DISCOVER (section 4.4.1); the number is the DISCOVER's too. */
function takeOffer(lease: DhcpLease, phase: Selecting, dice: Dice, now: Instant): Stepped {
  const offer = phase.offers.find((it) => it.address === phase.wanted) ?? phase.offers[0];
  if (offer === undefined) throw new Error('an offer was to be taken, and there is none');
  const { xid, beganAt } = phase.exchange;
  const exchange = { ...begin(dice, now), xid, beganAt };
  return sent(lease, { name: 'requesting', exchange, offer, refusals: phase.refusals }, now);
}

/** Only words that can be shown. */
const shown = (words: string): string => words.replaceAll(/[^\x20-\x7e]/g, '').slice(0, mostWords);

function refused(lease: DhcpLease, phase: Sending, words: string | undefined, now: Instant): Stepped {
  const grant = grantOf(lease);
  const refusals = 'refusals' in phase ? phase.refusals : 0;
  const waitMs = refusals === 0 ? 0 : Math.min(lastRefusalMs, 1000 * 2 ** (refusals - 1));
  const init: Phase = { name: 'init', startAt: now + waitMs, refusals: refusals + 1 };
  if (grant === undefined) return to(lease, init);
  return to(lease, init, { do: 'lose', grant, why: 'refused', ...(words === undefined ? {} : { says: shown(words) }) });
}

/** The same address is asked for again. */
function lose(lease: DhcpLease, grant: Grant, why: 'expired', now: Instant): Stepped {
  return to(lease, { name: 'init', startAt: now, wanted: grant.address, refusals: 0 }, { do: 'lose', grant, why });
}

// What the world and its people want.

function conflict(lease: DhcpLease, dice: Dice, now: Instant): Stepped {
  const grant = grantOf(lease);
  if (grant === undefined) return { lease, effects: [] };
  return to(
    lease,
    { name: 'init', startAt: now + afterDeclineMs, refusals: 0 },
    { do: 'send', from: 0, message: decline(lease.client, dice.xid, grant) },
    { do: 'lose', grant, why: 'in conflict' },
  );
}

function renewNow(lease: DhcpLease, dice: Dice, now: Instant): Stepped {
  const { phase } = lease;
  switch (phase.name) {
    case 'bound': {
      const { grant } = phase;
      const resendAt = grant.ends === undefined ? now + resendAfterMs(1, dice) : renewalResendAt(grant, grant.ends.rebindAt, now);
      return sent(lease, { name: 'renewing', grant, exchange: begin(dice, now, resendAt) }, now);
    }
    case 'renewing':
    case 'rebinding':
    case 'selecting':
    case 'requesting':
      return sendAgain(lease, phase, dice, now);
    case 'init':
    case 'init-reboot':
      return tick({ ...lease, phase: { ...phase, startAt: now } }, dice, now);
    default:
      return { lease, effects: [] };
  }
}

function reattached(lease: DhcpLease, now: Instant): Stepped {
  const { phase } = lease;
  const grant = grantOf(lease);
  // Who waits for a moment in `init` has a reason to.
  if (phase.name === 'released' || phase.name === 'init') return { lease, effects: [] };
  if (grant === undefined) return to(lease, { name: 'init', startAt: now, refusals: 0, ...wantedIn(phase) });
  return to(lease, { name: 'init-reboot', startAt: now, wanted: grant.address, grant });
}

function wantedIn(phase: Phase): { readonly wanted?: Ipv4 } {
  if (phase.name === 'requesting') return { wanted: phase.offer.address };
  return 'wanted' in phase && phase.wanted !== undefined ? { wanted: phase.wanted } : {};
}

function releaseNow(lease: DhcpLease, dice: Dice): Stepped {
  const grant = grantOf(lease);
  if (grant === undefined) return to(lease, { name: 'released' });
  return to(
    lease,
    { name: 'released' },
    { do: 'send', from: grant.address, to: grant.server, message: release(lease.client, dice.xid, grant) },
    { do: 'lose', grant, why: 'released' },
  );
}
