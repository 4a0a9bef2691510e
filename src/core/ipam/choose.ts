/** Which address an ask gets. Every expected outcome is a value; the ledger turns refusals into errors. */
import type { Ipv4 } from '../../net/ipv4.ts';
import { containsAddress } from '../../net/prefix.ts';
import { addressesOf, rangeContains, rangeSize } from '../../net/range.ts';
import type { Lease, Network } from '../model.ts';
import { lansOwn, poolRanges } from './pool.ts';
import { firstOutside, type Ranges } from './ranges.ts';

/** One endpoint's ask for an address. */
export interface AddressAsk {
  readonly network: Network;
  readonly environment: string;
  readonly interface: string;
  /** A fixed address, or `pool`. */
  readonly wish: Ipv4 | 'pool';
  /** This host's own addresses on the network. */
  readonly hostAddresses: readonly Ipv4[];
  /** Addresses that this very ask found taken on the wire: the pool walks around them. */
  readonly avoid: readonly Ipv4[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Who has a right to which addresses of a network, of either family. */
export interface Rights<A> {
  readonly leases: ReadonlyMap<A, Pick<Lease, 'environment' | 'interface'>>;
  /** Address → name of the environment it is promised to. */
  readonly reservations: ReadonlyMap<A, string>;
  /** Addresses in quarantine, and perhaps some whose quarantine is over. */
  readonly resting: ReadonlyMap<A, { readonly environment: string; readonly until: number }>;
}

/** How the ledger stands for the ask's network, and for the endpoint that asks. */
export interface AddressFacts extends Rights<Ipv4> {
  /** The addresses of `leases` once more, as ranges: what makes a pool of 65,536 quick to search. */
  readonly leased: Ranges;
  /** The lease that the endpoint has, on whatever network. */
  readonly current?: Pick<Lease, 'network' | 'address' | 'source'>;
  /** The address that the endpoint had last on this network. */
  readonly last?: Ipv4;
}

/** Why one address of a full pool is not to be had. */
export type Holding =
  | { readonly kind: 'leased'; readonly address: Ipv4; readonly environment: string }
  | { readonly kind: 'reserved'; readonly address: Ipv4; readonly holder: string }
  | { readonly kind: 'resting'; readonly address: Ipv4; readonly environment: string; readonly until: number }
  | { readonly kind: 'on-the-wire'; readonly address: Ipv4 };

/** Why one given address is refused. */
export type Refusal<A = Ipv4> =
  | { readonly kind: 'outside'; readonly address: A }
  /** The LAN's own; `reason` says what it is: `the gateway`. */
  | { readonly kind: 'unusable'; readonly address: A; readonly reason: string }
  | { readonly kind: 'held'; readonly address: A; readonly environment: string }
  | { readonly kind: 'reserved'; readonly address: A; readonly holder: string }
  | { readonly kind: 'quarantined'; readonly address: A; readonly environment: string; readonly until: number };

export interface Granted<A = Ipv4> {
  readonly kind: 'granted';
  readonly address: A;
}

export type Outcome =
  | Granted
  | Refusal
  /** `size` addresses in all; `holdings` are the lowest of them, {@link mostHoldings} at most. */
  | { readonly kind: 'pool-full'; readonly size: number; readonly holdings: readonly Holding[] }
  /** No pool, or nothing left of it once the excluded and the LAN's own are taken out. */
  | { readonly kind: 'pool-missing' };

/** More than these nobody reads; a full pool of 65,536 addresses must not make an answer of megabytes. */
const mostHoldings = 300;

/**
 * The address for an ask. A fixed one is any host address of the subnet that nobody else has a right to. Of a pool:
 * the one the endpoint has, else one reserved for its environment, else the one it had last, else the lowest free.
 * A reserved address that still rests from someone else is waited for (`quarantined`), not walked around: an
 * environment must not settle on another address because it came a minute early.
 */
export function choose(ask: AddressAsk, facts: AddressFacts): Outcome {
  return ask.wish === 'pool' ? chooseFromPool(ask, facts) : judge(ask, facts, ask.wish);
}

/** Whether an address may be reserved for `holder`. Resting is no hindrance: the promise is for later. */
export function mayReserve(
  ask: Pick<AddressAsk, 'network' | 'hostAddresses'> & { readonly address: Ipv4; readonly holder: string },
  facts: Pick<AddressFacts, 'leases' | 'reservations'>,
): Granted | Exclude<Refusal, { kind: 'quarantined' }> {
  const { address, holder } = ask;
  return notForHosts(ask, address) ?? mayPromise(holder, facts, address);
}

/** Whether nobody else has a right to an address, so that it may be promised. */
export function mayPromise<A>(
  holder: string,
  facts: Pick<Rights<A>, 'leases' | 'reservations'>,
  address: A,
): Granted<A> | Exclude<Refusal<A>, { kind: 'quarantined' }> {
  const lease = facts.leases.get(address);
  if (lease !== undefined && lease.environment !== holder) return { kind: 'held', address, environment: lease.environment };
  return reservedForOther(facts, holder, address) ?? { kind: 'granted', address };
}

/** One given address, for the endpoint that asks. */
function judge(ask: AddressAsk, facts: AddressFacts, address: Ipv4): Granted | Refusal {
  return notForHosts(ask, address) ?? judgeRights(ask, facts, address);
}

/** Whether nobody else has a right to an address, so that the endpoint that asks may have it. */
export function judgeRights<A>(
  ask: Pick<AddressAsk, 'environment' | 'interface' | 'now'>,
  facts: Rights<A>,
  address: A,
): Granted<A> | Refusal<A> {
  const lease = facts.leases.get(address);
  if (lease !== undefined) {
    const itsOwn = lease.environment === ask.environment && lease.interface === ask.interface;
    return itsOwn ? { kind: 'granted', address } : { kind: 'held', address, environment: lease.environment };
  }
  return reservedForOther(facts, ask.environment, address) ?? restsFromOther(ask, facts, address) ?? { kind: 'granted', address };
}

function notForHosts(
  ask: Pick<AddressAsk, 'network' | 'hostAddresses'>,
  address: Ipv4,
): Extract<Refusal, { kind: 'outside' | 'unusable' }> | undefined {
  if (!containsAddress(ask.network.subnet, address)) return { kind: 'outside', address };
  const reason = lansOwn(ask.network, ask.hostAddresses, address);
  return reason === undefined ? undefined : { kind: 'unusable', address, reason };
}

function reservedForOther<A>(
  facts: Pick<Rights<A>, 'reservations'>,
  environment: string,
  address: A,
): Extract<Refusal<A>, { kind: 'reserved' }> | undefined {
  const holder = facts.reservations.get(address);
  return holder === undefined || holder === environment ? undefined : { kind: 'reserved', address, holder };
}

function restsFromOther<A>(
  ask: Pick<AddressAsk, 'environment' | 'now'>,
  facts: Pick<Rights<A>, 'resting'>,
  address: A,
): Extract<Refusal<A>, { kind: 'quarantined' }> | undefined {
  const rest = facts.resting.get(address);
  if (rest === undefined || rest.until <= ask.now || rest.environment === ask.environment) return undefined;
  return { kind: 'quarantined', address, environment: rest.environment, until: rest.until };
}

function chooseFromPool(ask: AddressAsk, facts: AddressFacts): Outcome {
  const ranges = poolRanges(ask.network, ask.hostAddresses);
  const inPool = (address: Ipv4): boolean => ranges.some((range) => rangeContains(range, address));
  const free = (address: Ipv4): boolean => !ask.avoid.includes(address) && judge(ask, facts, address).kind === 'granted';

  const { current, last } = facts;
  const keeps =
    current?.network === ask.network.name &&
    free(current.address) &&
    // The pool may have been moved away from under it: an address that came from a pool stays as it is.
    (current.source === 'pool' || inPool(current.address) || facts.reservations.get(current.address) === ask.environment);
  if (keeps) return { kind: 'granted', address: current.address };

  return (
    chooseReserved(ask, facts) ??
    (last !== undefined && inPool(last) && free(last) ? { kind: 'granted', address: last } : chooseLowest(ask, facts, ranges))
  );
}

/** The lowest address reserved for the asking environment that it can have now; undefined when none is to be considered. */
function chooseReserved(ask: AddressAsk, facts: AddressFacts): Outcome | undefined {
  const own: Ipv4[] = [];
  for (const [address, holder] of facts.reservations)
    if (holder === ask.environment && !ask.avoid.includes(address)) own.push(address);
  const judged = own.sort((a, b) => a - b).map((address) => judge(ask, facts, address));
  return judged.find((it) => it.kind === 'granted') ?? judged.find((it) => it.kind === 'quarantined');
}

function chooseLowest(ask: AddressAsk, facts: AddressFacts, ranges: Ranges): Outcome {
  for (const { first, last } of ranges) {
    for (let address = firstOutside(facts.leased, first); address <= last; address = firstOutside(facts.leased, address + 1)) {
      if (holdingOf(address, ask, facts) === undefined) return { kind: 'granted', address };
    }
  }
  const size = ranges.reduce((sum, range) => sum + rangeSize(range), 0);
  return size === 0 ? { kind: 'pool-missing' } : { kind: 'pool-full', size, holdings: lowestHoldings(ask, facts, ranges) };
}

function lowestHoldings(ask: AddressAsk, facts: AddressFacts, ranges: Ranges): readonly Holding[] {
  const holdings: Holding[] = [];
  for (const address of addressesOf(ranges)) {
    const holding = holdingOf(address, ask, facts);
    if (holding !== undefined) holdings.push(holding);
    if (holdings.length === mostHoldings) break;
  }
  return holdings;
}

/** Who or what keeps a pool's address from this ask; undefined when it is free. */
function holdingOf(address: Ipv4, ask: AddressAsk, facts: AddressFacts): Holding | undefined {
  if (ask.avoid.includes(address)) return { kind: 'on-the-wire', address };
  const lease = facts.leases.get(address);
  if (lease !== undefined) return { kind: 'leased', address, environment: lease.environment };
  const reserved = reservedForOther(facts, ask.environment, address);
  if (reserved !== undefined) return reserved;
  const rest = restsFromOther(ask, facts, address);
  return rest === undefined ? undefined : { ...rest, kind: 'resting' };
}
