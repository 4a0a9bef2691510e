/**
 * The ledger: the one durable record of what is wished for, and of who has, and who had, which address.
 *
 * Promises: one SQLite file, one writer; a call that returned survives kill -9 and power loss; a call that threw
 * changed nothing; no address is ever two endpoints'. It never looks at the clock or the kernel: `now` is handed in,
 * in milliseconds since 1970. Every call that writes may throw STATE_BROKEN or STATE_UNWRITABLE when the file fails it.
 */
import type { DesiredName } from '../core/dns/desired.ts';
import type { Address6Ask } from '../core/ipam/index.ts';
import type { DnsUpdateSpec, EnvironmentSpec, Lease, Lease6, LeaseSource, Network } from '../core/model.ts';
import type { Address } from '../net/address.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Ipv6 } from '../net/ipv6.ts';
import type { Mac } from '../net/mac.ts';

export { openStore, type StoreOptions } from './open.ts';

/** What stands in the ledger of one environment. */
export interface EnvironmentRecord {
  readonly spec: EnvironmentSpec;
  /** `creating` until it has been plumbed once: what fails before that is taken back whole. */
  readonly phase: 'creating' | 'up' | 'removing';
  readonly createdAt: number;
}

/** How often a service was started again. */
export interface Restarts {
  /** In all. */
  readonly restarts: number;
  /** By `restart`, since somebody asked for it. */
  readonly retries: number;
}

/** A promise of an address to a name, whether or not that environment exists. */
export interface Reservation {
  readonly network: string;
  readonly address: Ipv4;
  /** Name of the environment that may have it. */
  readonly holder: string;
  readonly note: string;
  readonly since: number;
}

/** An address that rests: only the environment that had it may have it again before `until`. */
export interface Quarantine {
  readonly network: string;
  readonly address: Ipv4;
  readonly environment: string;
  readonly until: number;
}

export interface Reservation6 extends Omit<Reservation, 'address'> {
  readonly address: Ipv6;
}

export interface Quarantine6 extends Omit<Quarantine, 'address'> {
  readonly address: Ipv6;
}

/** One line of who had what, when. */
export interface HistoryEntry {
  readonly network: string;
  readonly address: Address;
  readonly environment: string;
  readonly interface: string;
  readonly mac: Mac;
  readonly source: LeaseSource;
  readonly from: number;
  /** Undefined while it is held. */
  readonly to?: number;
}

/** One endpoint's ask for an address. */
export interface Ask {
  readonly network: Network;
  readonly environment: string;
  readonly interface: string;
  readonly mac: Mac;
  /** A fixed address, or `pool`. */
  readonly wish: Ipv4 | 'pool';
  /** This host's own addresses on the network, never handed out. */
  readonly hostAddresses: readonly Ipv4[];
  /** Addresses found taken on the wire by this very ask: the pool walks around them. */
  readonly avoid: readonly Ipv4[];
  readonly now: number;
}

/** One endpoint's ask for an IPv6 address. */
export interface Ask6 extends Address6Ask {
  readonly mac: Mac;
}

/** A name in DNS that may have records of ours. */
export interface NameRecord {
  /** Lower case, absolute, without final dot. */
  readonly name: string;
  readonly zone: string;
  readonly environment: string;
  /** All of ours that may stand there, without the owner's record. */
  readonly data: DesiredName['data'];
  /** `registered` once the server has said so. */
  readonly state: 'claiming' | 'registered';
  readonly since: number;
}

/** Names that may stand at servers which the configuration no longer names for their zone. */
export interface FormerNames {
  readonly zone: string;
  /** How they were registered. */
  readonly spec: DnsUpdateSpec;
  /** Whether it is known that these servers are not the new ones under other addresses. */
  readonly apart: boolean;
  readonly names: readonly NameRecord[];
}

/** A NIC of this host that is in a sandbox, or on its way there or back: what it was here, and is to be again. */
export interface NicRecord {
  /** Its name on the host. */
  readonly name: string;
  readonly environment: string;
  /** Its name in the sandbox. */
  readonly interface: string;
  readonly mac: Mac;
  readonly permanentMac?: Mac;
  readonly mtu: number;
  readonly up: boolean;
  /** An alias that somebody else has given it. */
  readonly alias?: string;
}

export interface Store {
  /** Random id of this installation, made once. */
  readonly installation: string;
  environments(): readonly EnvironmentRecord[];
  environment(name: string): EnvironmentRecord | undefined;
  /** Writes the wish for an environment, new or changed. */
  putEnvironment(spec: EnvironmentSpec, phase: EnvironmentRecord['phase'], now: number): void;
  /** Of one environment's services, by name; those that were never started again are left out. */
  restartsOf(environment: string): ReadonlyMap<string, Restarts>;
  /** They go with their environment; of one that is not there nothing is kept. */
  putRestarts(it: Restarts & { readonly environment: string; readonly service: string }): void;
  /**
   * Gives an endpoint its address, in one transaction: the one it has if that fits the wish, else a new one (the
   * former is released into quarantine). Of a pool: its reservation, else the one it had last, else the lowest free.
   * A reservation of its own that still rests from another is refused as such, not walked around.
   * @throws LandlineError ADDRESS_OUTSIDE, ADDRESS_UNUSABLE, ADDRESS_HELD, ADDRESS_RESERVED, ADDRESS_QUARANTINED, POOL_FULL, POOL_MISSING
   */
  take(ask: Ask): Lease;
  /**
   * Writes what a DHCP server granted: a new lease, one in place of another, or new terms of the one that is held.
   * @throws LandlineError ADDRESS_HELD when it is another endpoint's
   */
  hold(lease: Lease & { readonly source: 'dhcp' }): void;
  /** The address that an endpoint has, or had last, on a network. */
  lastAddress(it: { readonly environment: string; readonly interface: string; readonly network: string }): Ipv4 | undefined;
  /**
   * Runs `body`, which calls this store, in one transaction with the bodies of all who ask in the same turn of the event
   * loop. Resolves when what it wrote survives; what it throws undoes what it wrote, and nothing of the others.
   */
  together<T>(body: () => T): Promise<T>;
  /** All leases, of all networks. */
  leases(): readonly Lease[];
  /** The leases of one environment. */
  leasesOf(environment: string): readonly Lease[];
  /** Gives back one endpoint's address; it rests for `quarantineMs` (0: not at all). Nothing held is success. */
  release(it: { environment: string; interface: string; now: number; quarantineMs: number }): void;
  /**
   * Forgets the environment and gives back its addresses, in one transaction. With `keepAddresses` they become
   * reservations in its name.
   */
  removeEnvironment(it: { name: string; now: number; quarantineMs: number; keepAddresses: boolean }): void;
  /** @throws LandlineError ADDRESS_OUTSIDE, ADDRESS_UNUSABLE, ADDRESS_HELD, ADDRESS_RESERVED */
  reserve(it: {
    network: Network;
    address: Ipv4;
    holder: string;
    note: string;
    hostAddresses: readonly Ipv4[];
    now: number;
  }): Reservation;
  /** Without a network: on every one that has it. @throws LandlineError ADDRESS_UNKNOWN */
  unreserve(it: { network?: string; address: Ipv4 }): void;
  reservations(): readonly Reservation[];
  /**
   * Gives an endpoint its IPv6 address, as `take` does; a former one rests.
   * @throws LandlineError ADDRESS_OUTSIDE, ADDRESS_UNUSABLE, ADDRESS_HELD, ADDRESS_RESERVED, ADDRESS_QUARANTINED
   */
  take6(ask: Ask6): Lease6;
  /** Gives it back, as `release` does. */
  release6(it: { environment: string; interface: string; now: number; quarantineMs: number }): void;
  /** Of one environment, or all. */
  leases6(environment?: string): readonly Lease6[];
  /** @throws LandlineError ADDRESS_OUTSIDE, ADDRESS_UNUSABLE, ADDRESS_HELD, ADDRESS_RESERVED */
  reserve6(it: {
    network: Network;
    address: Ipv6;
    holder: string;
    note: string;
    hostAddresses: readonly Ipv6[];
    now: number;
  }): Reservation6;
  /** Without a network: on every one that has it. @throws LandlineError ADDRESS_UNKNOWN */
  unreserve6(it: { network?: string; address: Ipv6 }): void;
  reservations6(): readonly Reservation6[];
  quarantined(now: number): readonly Quarantine[];
  /** Newest first. `at`: only what was held at that moment. */
  history(filter: {
    network?: string;
    address?: Address;
    environment?: string;
    at?: number;
    most: number;
  }): readonly HistoryEntry[];
  /** What may stand in DNS of ours, by name. */
  names(): ReadonlyMap<string, NameRecord>;
  putName(record: NameRecord): void;
  /** Nothing of it is left in DNS. */
  deleteName(name: string): void;
  /** How names of each zone were registered, for when they are to be taken back and the configuration no longer says so. */
  zones(): Readonly<Record<string, DnsUpdateSpec>>;
  putZones(zones: Readonly<Record<string, DnsUpdateSpec>>): void;
  /** What is to be taken back at servers of before, beside what stands in `names`. */
  formerNames(): readonly FormerNames[];
  putFormerNames(all: readonly FormerNames[]): void;
  /** NICs that were given away, by name. */
  nics(): readonly NicRecord[];
  /** Written before the NIC is touched. */
  putNic(record: NicRecord): void;
  /** It is back, as it was. */
  deleteNic(name: string): void;
  close(): void;
}
