/** IPv6 addresses of endpoints: taken, given back, promised, and kept in the history, as the IPv4 ones are. */
import type { DatabaseSync } from 'node:sqlite';
import { judge6, mayReserve6, type Rights, restMs } from '../core/ipam/index.ts';
import type { Lease6 } from '../core/model.ts';
import { LandlineError } from '../errors.ts';
import type { Ipv6 } from '../net/ipv6.ts';
import type { Quarantine6, Reservation6, Store } from './index.ts';
import { refusal } from './refusal.ts';
import { allRows, firstRow } from './rows.ts';

type Addresses6 = Pick<Store, 'take6' | 'release6' | 'leases6' | 'reserve6' | 'unreserve6' | 'reservations6'> & {
  /** Ends all leases of an environment; for the inside of a transaction. */
  giveBack6(it: Parameters<Store['removeEnvironment']>[0]): void;
};

/** @param write runs its argument in one transaction, all or nothing */
export function openAddresses6(database: DatabaseSync, write: <T>(body: () => T) => T): Addresses6 {
  const run = prepare(database);

  /** Who has a right to one address: nobody asks for another at the same time. */
  const rightsTo = (network: string, address: Ipv6): Rights<Ipv6> => {
    const one = <T>(row: T | undefined): ReadonlyMap<Ipv6, T> => new Map(row === undefined ? [] : [[address, row]]);
    return {
      leases: one(firstRow<Lease6>(run.ofAddress, network, address)),
      reservations: one(firstRow<Reservation6>(run.reservation, network, address)?.holder),
      resting: one(firstRow<Quarantine6>(run.resting, network, address)),
    };
  };

  const held = (environment: string, link: string): Lease6 | undefined => firstRow<Lease6>(run.ofEndpoint, environment, link);

  const end = ({ network, address, environment, interface: link }: Lease6, now: number, quarantineMs: number): void => {
    run.end.run(now, environment, link);
    if (quarantineMs > 0) run.rest.run(network, address, environment, now + quarantineMs);
  };

  const setReservation = ({ network, address, holder, note, since }: Reservation6): void =>
    void run.reserve.run(network, address, holder, note, since);

  return {
    take6: (ask) => {
      const { network, environment, interface: link, address, mac, now } = ask;
      const current = held(environment, link);
      const outcome = judge6(ask, rightsTo(network.name, address));
      if (outcome.kind !== 'granted') throw refusal(network, outcome);
      const lease: Lease6 = { network: network.name, address, environment, interface: link, mac, since: now };
      const isSame = current?.network === lease.network && current.address === address;
      if (isSame && current.mac === mac) return current;
      write(() => {
        if (current !== undefined) end(current, now, isSame ? 0 : restMs);
        run.endRest.run(lease.network, address);
        run.add.run(lease.network, address, environment, link, mac, now);
      });
      return lease;
    },
    release6: ({ environment, interface: link, now, quarantineMs }) => {
      const lease = held(environment, link);
      if (lease !== undefined) write(() => end(lease, now, quarantineMs));
    },
    leases6: (environment) =>
      environment === undefined ? allRows<Lease6>(run.all) : allRows<Lease6>(run.ofEnvironment, environment),
    giveBack6: ({ name, now, quarantineMs, keepAddresses }) => {
      for (const lease of allRows<Lease6>(run.ofEnvironment, name)) {
        const { network, address } = lease;
        end(lease, now, keepAddresses ? 0 : quarantineMs);
        if (keepAddresses && firstRow(run.reservation, network, address) === undefined)
          setReservation({ network, address, holder: name, note: 'kept when its environment was ended', since: now });
      }
    },
    reserve6: ({ network, address, holder, note, hostAddresses, now }) => {
      const outcome = mayReserve6({ network, hostAddresses, address, holder }, rightsTo(network.name, address));
      if (outcome.kind !== 'granted') throw refusal(network, outcome);
      const there = firstRow<Reservation6>(run.reservation, network.name, address);
      const reservation = { network: network.name, address, holder, note, since: there?.since ?? now };
      if (there?.note !== note) write(() => setReservation(reservation));
      return reservation;
    },
    unreserve6: ({ network, address }) => {
      const reserved = allRows<Reservation6>(run.reservations).filter(
        (it) => it.address === address && (network ?? it.network) === it.network,
      );
      if (reserved.length === 0) throw new LandlineError('ADDRESS_UNKNOWN', { address });
      write(() => {
        for (const it of reserved) run.unreserve.run(it.network, it.address);
      });
    },
    reservations6: () => allRows<Reservation6>(run.reservations),
  };
}

function prepare(database: DatabaseSync) {
  const lease = 'SELECT network, address, environment, interface, mac, since FROM leases6 WHERE ended IS NULL';
  const reservation = 'SELECT network, address, holder, note, since FROM reservations6';
  return {
    all: database.prepare(`${lease} ORDER BY network, address`),
    ofEnvironment: database.prepare(`${lease} AND environment = ? ORDER BY interface`),
    ofEndpoint: database.prepare(`${lease} AND environment = ? AND interface = ?`),
    ofAddress: database.prepare(`${lease} AND network = ? AND address = ?`),
    reservations: database.prepare(`${reservation} ORDER BY network, address`),
    reservation: database.prepare(`${reservation} WHERE network = ? AND address = ?`),
    resting: database.prepare('SELECT network, address, environment, until FROM quarantine6 WHERE network = ? AND address = ?'),
    add: database.prepare('INSERT INTO leases6 (network, address, environment, interface, mac, since) VALUES (?, ?, ?, ?, ?, ?)'),
    // max: a clock that was set back must not make a lease that ended before it began.
    end: database.prepare('UPDATE leases6 SET ended = max(since, ?) WHERE environment = ? AND interface = ? AND ended IS NULL'),
    rest: database.prepare('INSERT OR REPLACE INTO quarantine6 (network, address, environment, until) VALUES (?, ?, ?, ?)'),
    endRest: database.prepare('DELETE FROM quarantine6 WHERE network = ? AND address = ?'),
    reserve: database.prepare(
      'INSERT OR REPLACE INTO reservations6 (network, address, holder, note, since) VALUES (?, ?, ?, ?, ?)',
    ),
    unreserve: database.prepare('DELETE FROM reservations6 WHERE network = ? AND address = ?'),
  };
}
