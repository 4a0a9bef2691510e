/**
 * Who has which address now: the rows of leases, reservations and quarantine, and the same in memory, so that a pool of
 * 65,536 is searched, and hundreds of environments are looked at, without reading the file at every ask.
 *
 * The file is the truth. The pages are changed with it, inside its transactions; when one is undone, {@link Pages.forget}
 * drops them, and they are read again. That they cannot go stale otherwise rests on the lock: one writer.
 */
import type { DatabaseSync } from 'node:sqlite';
import { addAddress, deleteAddress, mergeRanges, type Ranges } from '../core/ipam/index.ts';
import type { Lease, LeaseTerms } from '../core/model.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Quarantine, Reservation } from './index.ts';
import { allRows } from './rows.ts';

/** How the addresses of one network stand. */
export interface Page {
  readonly leases: ReadonlyMap<Ipv4, Lease>;
  /** The addresses of `leases`. */
  readonly leased: Ranges;
  readonly reservations: ReadonlyMap<Ipv4, string>;
  readonly resting: ReadonlyMap<Ipv4, Quarantine>;
}

interface OpenPage extends Page {
  readonly leases: Map<Ipv4, Lease>;
  leased: Ranges;
  readonly reservations: Map<Ipv4, string>;
  readonly resting: Map<Ipv4, Quarantine>;
}

/** The changing calls are for the inside of a transaction. */
export interface Pages {
  of(network: string): Page;
  /** All that are held, by network and address. */
  leases(): readonly Lease[];
  /** By interface. */
  leasesOf(environment: string): readonly Lease[];
  /** Opens a lease, and ends the quarantine of its address. Returns the number of its line in the history. */
  addLease(lease: Lease): number;
  endLease(lease: Lease, now: number): void;
  /** What a DHCP server granted anew, of a lease that is held. */
  renewLease(lease: Lease): void;
  rest(quarantine: Quarantine): void;
  /** Makes a reservation, or gives the one that is there this holder and note. */
  setReservation(reservation: Reservation): void;
  deleteReservation(it: { readonly network: string; readonly address: Ipv4 }): void;
  forget(): void;
}

export function openPages(database: DatabaseSync): Pages {
  const pages = new Map<string, OpenPage>();
  const readPage = preparePage(database);
  const readLeases = prepareLeases(database);
  const run = prepareChanges(database);
  /** By environment; undefined: to be read. */
  let held: Map<string, readonly Lease[]> | undefined;
  let sorted: readonly Lease[] | undefined;

  const leases = (): Map<string, readonly Lease[]> => {
    held ??= new Map(Map.groupBy(readLeases(), (it) => it.environment));
    return held;
  };

  const page = (network: string): OpenPage => {
    const known = pages.get(network) ?? readPage(network, allLeases());
    pages.set(network, known);
    return known;
  };

  const allLeases = (): readonly Lease[] => {
    sorted ??= [...leases().values()].flat().sort(byAddress);
    return sorted;
  };

  /** The one lease of an endpoint, or none. */
  const noteLease = ({ environment, interface: link }: Lease, now: readonly Lease[]): void => {
    const others = (leases().get(environment) ?? []).filter((it) => it.interface !== link);
    const all = [...others, ...now].sort((a, b) => (a.interface < b.interface ? -1 : 1));
    if (all.length === 0) leases().delete(environment);
    else leases().set(environment, all);
    sorted = undefined;
  };

  return {
    of: page,
    leases: allLeases,
    leasesOf: (environment) => leases().get(environment) ?? [],
    forget: () => {
      pages.clear();
      held = undefined;
      sorted = undefined;
    },
    addLease: (it) => {
      run.deleteRest.run(it.network, it.address);
      const { lastInsertRowid } = run.addLease.run(
        it.network,
        it.address,
        it.environment,
        it.interface,
        it.mac,
        it.source,
        it.since,
        termsText(it),
      );
      noteLease(it, [it]);
      const changed = page(it.network);
      changed.resting.delete(it.address);
      changed.leases.set(it.address, it);
      changed.leased = addAddress(changed.leased, it.address);
      return Number(lastInsertRowid);
    },
    renewLease: (it) => {
      run.renewLease.run(termsText(it), it.environment, it.interface);
      noteLease(it, [it]);
      page(it.network).leases.set(it.address, it);
    },
    endLease: (it, now) => {
      run.endLease.run(now, it.environment, it.interface);
      noteLease(it, []);
      const changed = page(it.network);
      changed.leases.delete(it.address);
      changed.leased = deleteAddress(changed.leased, it.address);
    },
    rest: (it) => {
      run.rest.run(it.network, it.address, it.environment, it.until);
      page(it.network).resting.set(it.address, it);
    },
    setReservation: (it) => {
      run.setReservation.run(it.network, it.address, it.holder, it.note, it.since);
      page(it.network).reservations.set(it.address, it.holder);
    },
    deleteReservation: (it) => {
      run.deleteReservation.run(it.network, it.address);
      page(it.network).reservations.delete(it.address);
    },
  };
}

const termsText = ({ terms }: Lease): string | null => (terms === undefined ? null : JSON.stringify(terms));

function preparePage(database: DatabaseSync): (network: string, all: readonly Lease[]) => OpenPage {
  const reservations = database.prepare('SELECT address, holder FROM reservations WHERE network = ?');
  const resting = database.prepare('SELECT network, address, environment, until FROM quarantine WHERE network = ?');
  return (network, all) => {
    const held = all.filter((it) => it.network === network);
    const promised = allRows<Pick<Reservation, 'address' | 'holder'>>(reservations, network);
    return {
      leases: new Map(held.map((it) => [it.address, it])),
      leased: mergeRanges(held.map(({ address }) => ({ first: address, last: address }))),
      reservations: new Map(promised.map((it) => [it.address, it.holder])),
      resting: new Map(allRows<Quarantine>(resting, network).map((it) => [it.address, it])),
    };
  };
}

/** Terms are JSON in the file. */
type LeaseRow = Omit<Lease, 'terms'> & { readonly terms?: string };

/** Those that are held, by interface. */
function prepareLeases(database: DatabaseSync): () => Lease[] {
  const select = database.prepare(`SELECT network, address, environment, interface, mac, source, since, terms
    FROM leases WHERE ended IS NULL ORDER BY interface`);
  return () => allRows<LeaseRow>(select).map(leaseIn);
}

function leaseIn({ terms, ...lease }: LeaseRow): Lease {
  // Only this file writes the column.
  return terms === undefined ? lease : { ...lease, terms: JSON.parse(terms) as LeaseTerms };
}

const byAddress = (a: Lease, b: Lease): number =>
  a.network === b.network ? a.address - b.address : a.network < b.network ? -1 : 1;

function prepareChanges(database: DatabaseSync) {
  return {
    addLease: database.prepare(`INSERT INTO leases (network, address, environment, interface, mac, source, since, terms)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`),
    renewLease: database.prepare('UPDATE leases SET terms = ? WHERE environment = ? AND interface = ? AND ended IS NULL'),
    // max: a clock that was set back must not make a lease that ended before it began.
    endLease: database.prepare(
      'UPDATE leases SET ended = max(since, ?) WHERE environment = ? AND interface = ? AND ended IS NULL',
    ),
    rest: database.prepare(`INSERT INTO quarantine (network, address, environment, until) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET environment = excluded.environment, until = excluded.until`),
    deleteRest: database.prepare('DELETE FROM quarantine WHERE network = ? AND address = ?'),
    setReservation: database.prepare(`INSERT INTO reservations (network, address, holder, note, since) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET holder = excluded.holder, note = excluded.note`),
    deleteReservation: database.prepare('DELETE FROM reservations WHERE network = ? AND address = ?'),
  };
}
