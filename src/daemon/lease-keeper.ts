/**
 * Leases from the LAN's DHCP servers: each endpoint's machine (`core/dhcp`), its clock, its messages and its line in the
 * ledger.
 *
 * Promises: what is bound is in the ledger before anybody uses it; a lease that is held is asked for again by the next
 * daemon; only `release` tells a server that an address is free. It touches no link: whoever it wakes does that.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { knownLease, newLease, step, wakeAt } from '../core/dhcp/machine.ts';
import type { DhcpClient, DhcpEffect, DhcpEvent, DhcpLease, Grant, Ignored } from '../core/dhcp/model.ts';
import { grantOf, type Instant } from '../core/dhcp/model.ts';
import { defaultLeasing, type Lease, type Network } from '../core/model.ts';
import { isLandlineError, LandlineError } from '../errors.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import { optionOf } from '../wire/dhcp/dhcp.ts';
import { bootNow, grantNow, readClock, timeOfDay } from './boot-clock.ts';
import { sayRelease } from './dhcp-outside.ts';
import { type DhcpTalk, isLost, openDhcpTalk, type Sending } from './dhcp-talk.ts';
import { openPacer, type Pacer } from './pacer.ts';
import type { World } from './world.ts';

/** Sockets are closed when so long nothing was sent, in milliseconds: they keep their sandbox alive. */
const listenMs = 10_000;

/** The longest sleep that setTimeout knows. */
const longestSleepMs = 2 ** 31 - 1;

/** A machine that slept is noticed within so many milliseconds. */
const sleepCheckMs = 5_000;

/** After trouble of our own it is tried again so much later, in milliseconds. */
const troubleMs = 1_000;

/** How long somebody who asks for a renewal waits for the answer. */
const renewalMs = 10_000;

/** An endpoint that leases its address. */
export interface DhcpWish {
  readonly environment: string;
  readonly interface: string;
  readonly network: Network;
  readonly client: DhcpClient;
  /** Path of the sandbox's namespace. */
  readonly netns: string;
  /** Whether its link is there. */
  readonly attached: boolean;
}

type Endpoint = Pick<DhcpWish, 'environment' | 'interface'>;

/** How a lease stands. */
export interface LeaseStanding extends Endpoint {
  readonly network: string;
  readonly mac: Mac;
  readonly clientId: string;
  readonly state: DhcpLease['phase']['name'] | 'expired';
  readonly grant?: Grant;
  /** In milliseconds since 1970; undefined for a lease without end. */
  readonly times?: { readonly since: number; readonly renewAt?: number; readonly rebindAt?: number; readonly expiresAt?: number };
}

/** What was counted since the daemon began. */
export interface LeaseCounts {
  readonly sent: ReadonlyMap<string, number>;
  readonly heard: ReadonlyMap<string, number>;
  readonly ignored: ReadonlyMap<Ignored | 'damaged', number>;
  readonly lost: ReadonlyMap<string, number>;
  readonly bound: number;
  readonly renewed: number;
}

export interface LeaseKeeper {
  /** Says what is wished for, again and again: begins to lease once the link is there. */
  want(wish: DhcpWish): void;
  /** Gives an endpoint's address back to its server, or those of all of an environment; forgets them. Never throws. */
  release(environment: string, link?: string): Promise<void>;
  /** Forgets, and leaves the address to its server until the lease ends. */
  forget(environment: string): void;
  /** The LAN was away, and may be another: every lease on it is asked for again. */
  lanBack(network: string): void;
  /** Somebody else answers for the address. */
  conflict(endpoint: Endpoint, holder: Mac): void;
  /** Asks the server now. @throws LandlineError LEASE_UNKNOWN, LEASE_UNANSWERED */
  renew(environment: string, link?: string): Promise<void>;
  /** Gives back, and asks for no other until `renew`. @throws LandlineError LEASE_UNKNOWN */
  giveUp(environment: string, link?: string): Promise<void>;
  /** What stands in the way of an environment's leases; those without an address first. */
  problems(environment: string): readonly LandlineError[];
  /** All, or those of one environment. */
  standings(environment?: string): readonly LeaseStanding[];
  /** Undefined for an endpoint that leases nothing. */
  standing(endpoint: Endpoint): LeaseStanding | undefined;
  readonly counts: LeaseCounts;
  /** Told whenever an environment's lease is another than before; a hint to look. */
  onChange(listener: (environment: string) => void): void;
  close(): void;
}

interface Held {
  wish: DhcpWish;
  lease: DhcpLease;
  begun: boolean;
  /** Grant whose time is over, and whose address is kept all the same. */
  expired?: Grant;
  /** Why there is no address, where more is known than that nobody has answered. */
  because?: string;
  talk?: Promise<DhcpTalk>;
  timer?: NodeJS.Timeout;
  talkTimer?: NodeJS.Timeout;
  /** A slot that has been taken for the tick that is due. */
  slot?: number;
}

export function openLeaseKeeper(world: Pick<World, 'host' | 'store' | 'events' | 'netnsFolder'>): LeaseKeeper {
  const { host, store, events } = world;
  /** By environment, then by link. */
  const all = new Map<string, Map<string, Held>>();
  const pacers = new Map<string, Pacer>();
  const counts = { sent: new Map(), heard: new Map(), ignored: new Map(), lost: new Map(), bound: 0, renewed: 0 };
  let closed = false;
  let wake: (environment: string) => void = () => undefined;

  const count = <K>(counter: Map<K, number>, what: K): void => void counter.set(what, (counter.get(what) ?? 0) + 1);

  const find = (it: Endpoint): Held | undefined => all.get(it.environment)?.get(it.interface);

  const held = (environment: string, link?: string): Held[] =>
    [...(all.get(environment)?.values() ?? [])].filter((it) => (link ?? it.wish.interface) === it.wish.interface);

  const everyone = (): Held[] => [...all.values()].flatMap((links) => [...links.values()]);

  const pacerOf = ({ name, dhcp = defaultLeasing }: Network): Pacer => {
    // Of another rate it is another pacer.
    const key = `${name} ${dhcp.rate}`;
    const pacer = pacers.get(key) ?? openPacer(dhcp.rate);
    pacers.set(key, pacer);
    return pacer;
  };

  /** Waits for a slot of a message that nobody's clock has asked for. */
  const awaitSlot = async (it: Held): Promise<void> => {
    const now = bootNow();
    await sleep(takeSlot(it, now) - now);
  };

  /** A DISCOVER is followed by a REQUEST, as soon as there is an offer. */
  const takeSlot = ({ wish, lease }: Held, now: Instant): Instant =>
    pacerOf(wish.network).take(now, lease.phase.name === 'init' ? 2 : 1);

  const dice = () => ({ xid: randomInt(2 ** 32), jitter: Math.random() });

  // Words for people.

  const fieldsOf = ({ wish }: Held): { environment: string; network: string; interface: string } => ({
    environment: wish.environment,
    network: wish.network.name,
    interface: wish.interface,
  });

  const tellTrouble = ({ wish }: Held, error: unknown): void => {
    const { environment, interface: link, network } = wish;
    events.tell('lease in trouble', { environment, network: network.name, interface: link, problem: String(error) });
  };

  const untilText = (grant: Grant): string => {
    const now = readClock();
    return grant.ends === undefined ? 'never' : new Date(grant.ends.expiresAt + now.offset).toISOString();
  };

  // The machine.

  const handle = (it: Held, event: Omit<DhcpEvent, 'dice'>): void => {
    if (closed || find(it.wish) !== it) return;
    const before = it.lease;
    // The kind tells the rest of the event.
    const { lease, effects } = step(before, { ...event, dice: dice() } as DhcpEvent, bootNow());
    it.lease = lease;
    try {
      for (const effect of effects) perform(it, effect);
    } catch (error) {
      // What the ledger does not take has not happened: it is tried again when the machine sends again.
      it.lease = before;
      tellTrouble(it, error);
      if ((wakeAt(before) ?? Number.POSITIVE_INFINITY) <= bootNow()) it.slot = bootNow() + troubleMs;
    }
    if (!('exchange' in it.lease.phase)) closeTalk(it);
    arm(it);
  };

  const perform = (it: Held, effect: DhcpEffect): void => {
    switch (effect.do) {
      case 'send':
        return send(it, effect);
      case 'bind':
        return bind(it, effect.grant, effect.before);
      case 'lose':
        return lose(it, effect);
      case 'ignore':
        return count(counts.ignored, effect.why);
    }
  };

  /** Sleeps until the machine wants to be woken; who asks for an address waits for a slot besides. */
  const arm = (it: Held): void => {
    clearTimeout(it.timer);
    const due = wakeAt(it.lease);
    if (due === undefined || closed || !it.begun) return;
    const now = bootNow();
    const at = Math.max(due, it.slot ?? Number.NEGATIVE_INFINITY);
    it.timer = setTimeout(() => wakeUp(it), Math.min(longestSleepMs, Math.max(0, at - now)));
  };

  const wakeUp = (it: Held): void => {
    const now = bootNow();
    const due = wakeAt(it.lease) ?? Number.POSITIVE_INFINITY;
    // Timers are of another clock, and may be early by a little.
    if (now < due) return arm(it);
    // One from before the machine went on is nobody's.
    if (it.slot === undefined || it.slot < due) it.slot = takeSlot(it, now);
    if (now < it.slot && mayWait(it, it.slot - now)) return arm(it);
    delete it.slot;
    handle(it, { kind: 'tick' });
  };

  /** What is held waits for a slot only as long as its lease allows: an eighth of what is left of it. */
  const mayWait = (it: Held, ms: number): boolean => {
    const ends = grantOf(it.lease)?.ends;
    return ends === undefined || ms <= (ends.expiresAt - bootNow()) / 8;
  };

  // Messages.

  const send = (it: Held, effect: Sending): void => {
    count(counts.sent, optionOf(effect.message, 'messageType') ?? '');
    it.talk ??= openDhcpTalk(
      host,
      { netns: it.wish.netns, interface: it.wish.interface, mac: it.lease.client.mac },
      {
        heard: (message) => {
          count(counts.heard, optionOf(message, 'messageType') ?? '');
          handle(it, { kind: 'heard', message } as Omit<DhcpEvent, 'dice'>);
        },
        damaged: () => count(counts.ignored, 'damaged'),
      },
    );
    const talk = it.talk;
    clearTimeout(it.talkTimer);
    it.talkTimer = setTimeout(() => closeTalk(it), listenMs);
    talk
      .then((open) => open.send(effect))
      .catch((error: unknown) => {
        if (it.talk === talk) closeTalk(it);
        // It is sent again in time; a link that is away is another's to mend.
        if (!isLost(error)) tellTrouble(it, error);
      });
  };

  const closeTalk = (it: Held): void => {
    clearTimeout(it.talkTimer);
    const { talk } = it;
    delete it.talk;
    // What was being sent goes first.
    talk?.then(
      (open) => setImmediate(() => open.close()),
      () => undefined,
    );
  };

  // What a server grants, and what ends.

  const bind = (it: Held, grant: Grant, before: Grant | undefined): void => {
    const { wish, lease } = it;
    const known = before ?? it.expired;
    const { environment, interface: link, network } = wish;
    try {
      const terms = { grant, clock: readClock() };
      const { mac } = lease.client;
      store.hold({
        network: network.name,
        address: grant.address,
        environment,
        interface: link,
        mac,
        source: 'dhcp',
        since: Date.now(),
        terms,
      });
    } catch (error) {
      // Two of this host never have one address: the server is told so.
      if (!isLandlineError(error, 'ADDRESS_HELD')) throw error;
      it.because = error.message;
      return void setImmediate(() => handle(it, { kind: 'conflict' }));
    }
    delete it.expired;
    delete it.because;
    const address = formatIpv4(grant.address);
    const server = formatIpv4(grant.server);
    const until = untilText(grant);
    const on = network.name;
    if (known?.address === grant.address) {
      counts.renewed += 1;
      const changed = changesBetween(known, grant).join(' ');
      if (changed === '')
        return events.tell('lease renewed', { environment, network: on, interface: link, address, server, until });
      events.tell('lease changed', { environment, network: on, interface: link, address, server, until, changed });
    } else {
      counts.bound += 1;
      events.tell('lease bound', { environment, network: on, interface: link, address, server, until });
    }
    wake(environment);
  };

  const lose = (it: Held, { grant, why, says }: Extract<DhcpEffect, { do: 'lose' }>): void => {
    const { environment, interface: link, network } = it.wish;
    count(counts.lost, why);
    const isKept = why === 'expired' && (network.dhcp ?? defaultLeasing).expired === 'keep';
    const address = formatIpv4(grant.address);
    const on = network.name;
    const kept = isKept ? 'yes' : 'no';
    if (why === 'expired') events.tell('lease expired', { environment, network: on, interface: link, address, kept });
    else if (why === 'refused')
      events.tell('lease refused', { environment, network: on, interface: link, address, says: says ?? '' });
    else if (why === 'in conflict') events.tell('lease declined', { environment, network: on, interface: link, address });
    if (isKept) it.expired = grant;
    else {
      if (why === 'refused')
        it.because = `server ${formatIpv4(grant.server)} has refused ${address}${says === undefined ? '' : `: ${says}`}`;
      store.release({ environment, interface: link, now: Date.now(), quarantineMs: 0 });
    }
    wake(environment);
  };

  // What is wished for.

  const begin = (wish: DhcpWish): Held => {
    const { environment, interface: link, network, client } = wish;
    const now = bootNow();
    const kept = keptLease(environment, link, network.name);
    const grant = kept?.terms === undefined ? undefined : grantNow(kept.terms, readClock(), now);
    const wanted = store.lastAddress({ environment, interface: link, network: network.name });
    const lease = grant === undefined ? newLease(client, now, wanted) : knownLease(client, now, grant);
    return { wish, lease, begun: false };
  };

  const keptLease = (environment: string, link: string, network: string): Lease | undefined =>
    store.leasesOf(environment).find((it) => it.interface === link && it.network === network && it.source === 'dhcp');

  const want = (wish: DhcpWish): void => {
    const there = find(wish);
    const isAnother =
      there !== undefined &&
      (there.lease.client.mac !== wish.client.mac ||
        there.lease.client.clientId !== wish.client.clientId ||
        there.wish.network.name !== wish.network.name);
    if (isAnother) drop(there);
    const it = there === undefined || isAnother ? begin(wish) : there;
    const wasAttached = it.wish.attached;
    const links = all.get(wish.environment) ?? new Map<string, Held>();
    all.set(wish.environment, links.set(wish.interface, it));
    // Its link is in another sandbox by now: what is said is said from there.
    if (it.wish.netns !== wish.netns) closeTalk(it);
    it.wish = wish;
    it.lease = { ...it.lease, client: wish.client };
    if (!wish.attached) return;
    if (!it.begun) {
      it.begun = true;
      arm(it);
    } else if (!wasAttached) handle(it, { kind: 'reattached' });
  };

  const drop = (it: Held): void => {
    clearTimeout(it.timer);
    closeTalk(it);
    const { environment, interface: link } = it.wish;
    if (find(it.wish) === it) all.get(environment)?.delete(link);
    if (all.get(environment)?.size === 0) all.delete(environment);
  };

  const giveBack = async (it: Held): Promise<void> => {
    const { wish, lease } = it;
    const { environment, interface: link, network } = wish;
    const grant = grantOf(lease);
    const { effects } = step(lease, { kind: 'release', dice: dice() }, bootNow());
    for (const effect of effects) {
      if (effect.do !== 'send' || effect.to === undefined || grant === undefined) continue;
      await awaitSlot(it);
      count(counts.sent, 'release');
      const saying = { ...effect, to: effect.to };
      const address = formatIpv4(effect.from);
      const on = network.name;
      await sayRelease(world, { ...wish, client: lease.client }, grant, saying).then(
        () => events.tell('lease released', { environment, network: on, interface: link, address }),
        (error: unknown) =>
          events.tell('lease not released', { environment, network: on, interface: link, address, problem: String(error) }),
      );
    }
  };

  const isOver = (it: Held): boolean => {
    const ends = grantOf(it.lease)?.ends;
    return ends !== undefined && ends.expiresAt <= bootNow();
  };

  const release: LeaseKeeper['release'] = async (environment, link) => {
    for (const it of held(environment, link)) {
      drop(it);
      if (!isOver(it)) await giveBack(it);
      store.release({ environment, interface: it.wish.interface, now: Date.now(), quarantineMs: 0 });
    }
  };

  const require = (environment: string, link: string | undefined): Held[] => {
    const found = held(environment, link);
    if (found.length === 0)
      throw new LandlineError('LEASE_UNKNOWN', { environment, ...(link === undefined ? {} : { interface: link }) });
    return found;
  };

  const renew: LeaseKeeper['renew'] = async (environment, link) => {
    for (const it of require(environment, link)) {
      const before = keptLease(environment, it.wish.interface, it.wish.network.name)?.terms?.grant.since;
      if (it.lease.phase.name === 'released')
        it.lease = newLease(it.wish.client, bootNow(), store.lastAddress({ ...it.wish, network: it.wish.network.name }));
      await awaitSlot(it);
      handle(it, { kind: 'renew' });
      const end = performance.now() + renewalMs;
      const isDone = (): boolean =>
        it.lease.phase.name === 'bound' &&
        keptLease(environment, it.wish.interface, it.wish.network.name)?.terms?.grant.since !== before;
      while (!isDone()) {
        if (performance.now() > end) throw unanswered(it);
        await sleep(20);
      }
    }
  };

  const giveUp: LeaseKeeper['giveUp'] = async (environment, link) => {
    for (const it of require(environment, link)) {
      clearTimeout(it.timer);
      closeTalk(it);
      if (!isOver(it)) await giveBack(it);
      it.lease = { ...it.lease, phase: { name: 'released' } };
      delete it.expired;
      store.release({ environment, interface: it.wish.interface, now: Date.now(), quarantineMs: 0 });
      wake(environment);
    }
  };

  const unanswered = (it: Held): LandlineError => {
    const grant = grantOf(it.lease) ?? it.expired;
    return grant === undefined
      ? awaited(it)
      : new LandlineError('LEASE_UNANSWERED', {
          ...fieldsOf(it),
          address: formatIpv4(grant.address),
          server: formatIpv4(grant.server),
          until: untilText(grant),
        });
  };

  const awaited = (it: Held): LandlineError =>
    new LandlineError('LEASE_AWAITED', {
      ...fieldsOf(it),
      because: it.because ?? `no DHCP server has answered on network '${it.wish.network.name}'`,
    });

  const problemOf = (it: Held): LandlineError | undefined => {
    const { phase } = it.lease;
    if (phase.name === 'released') return new LandlineError('LEASE_RELEASED', fieldsOf(it));
    if (it.expired !== undefined)
      return new LandlineError('LEASE_EXPIRED', {
        ...fieldsOf(it),
        address: formatIpv4(it.expired.address),
        server: formatIpv4(it.expired.server),
        since: untilText(it.expired),
      });
    if (phase.name === 'rebinding') return unanswered(it);
    return grantOf(it.lease) === undefined ? awaited(it) : undefined;
  };

  const standingOf = (it: Held): LeaseStanding => {
    const { wish, lease } = it;
    const grant = grantOf(lease) ?? it.expired;
    const now = readClock();
    const at = (instant: number): number => timeOfDay(instant, now, now);
    const ends = grant?.ends;
    return {
      environment: wish.environment,
      interface: wish.interface,
      network: wish.network.name,
      mac: lease.client.mac,
      clientId: lease.client.clientId,
      state: it.expired === undefined ? lease.phase.name : 'expired',
      ...(grant === undefined
        ? {}
        : {
            grant,
            times: {
              since: at(grant.since),
              ...(ends === undefined
                ? {}
                : { renewAt: at(ends.renewAt), rebindAt: at(ends.rebindAt), expiresAt: at(ends.expiresAt) }),
            },
          }),
    };
  };

  // Timers stand still while the machine sleeps; the lease's clock does not.
  let drift = bootNow() - performance.now();
  const sleepCheck = setInterval(() => {
    const now = bootNow() - performance.now();
    if (Math.abs(now - drift) > 500) for (const it of everyone()) arm(it);
    drift = now;
  }, sleepCheckMs);
  sleepCheck.unref();

  return {
    want,
    release,
    renew,
    giveUp,
    forget: (environment) => held(environment).forEach(drop),
    lanBack: (network) => {
      for (const it of everyone()) if (it.begun && it.wish.network.name === network) handle(it, { kind: 'reattached' });
    },
    conflict: (endpoint, holder) => {
      const it = find(endpoint);
      if (it === undefined) return;
      const grant = grantOf(it.lease) ?? it.expired;
      if (it.expired !== undefined) {
        // It was kept without a lease, and now it is another's.
        delete it.expired;
        store.release({ ...endpoint, now: Date.now(), quarantineMs: 0 });
      }
      it.because = `${grant === undefined ? 'the address' : formatIpv4(grant.address)} was declined, since ${holder} answers for it`;
      handle(it, { kind: 'conflict' });
    },
    problems: (environment) => held(environment).flatMap((it) => problemOf(it) ?? []),
    standings: (environment) => (environment === undefined ? everyone() : held(environment)).map(standingOf),
    standing: (endpoint) => {
      const it = find(endpoint);
      return it === undefined ? undefined : standingOf(it);
    },
    counts,
    onChange: (listener) => {
      wake = listener;
    },
    close: () => {
      closed = true;
      clearInterval(sleepCheck);
      for (const it of everyone()) {
        clearTimeout(it.timer);
        closeTalk(it);
      }
    },
  };
}

/** What is another in a renewal, apart from its times. */
function changesBetween(before: Grant, after: Grant): readonly string[] {
  const compared = ['prefixLength', 'routes', 'resolvers', 'search', 'ntpServers', 'mtu', 'fqdn', 'server'] as const;
  return compared.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
}
