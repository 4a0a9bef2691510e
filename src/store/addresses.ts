/** Taking, giving back and promising addresses: what `core/ipam` decided, written down. */
import type { DatabaseSync } from 'node:sqlite';
import { choose, mayReserve, restMs } from '../core/ipam/index.ts';
import type { Lease } from '../core/model.ts';
import { LandlineError } from '../errors.ts';
import { formatIpv4, type Ipv4 } from '../net/ipv4.ts';
import { pruneHistory } from './history.ts';
import type { Ask, Quarantine, Reservation, Store } from './index.ts';
import type { Pages } from './pages.ts';
import { refusal } from './refusal.ts';
import { allRows, firstRow } from './rows.ts';

/** The history is pruned at the start, and again after so many new lines. */
const linesBetweenPruning = 1_000;

type Addresses = Pick<
  Store,
  'take' | 'hold' | 'lastAddress' | 'leases' | 'leasesOf' | 'release' | 'reserve' | 'unreserve' | 'reservations' | 'quarantined'
> & {
  /** Ends all leases of an environment; for the inside of a transaction. */
  giveBack(it: Parameters<Store['removeEnvironment']>[0]): void;
};

/** @param write runs its argument in one transaction, all or nothing */
export function openAddresses(database: DatabaseSync, pages: Pages, write: <T>(body: () => T) => T): Addresses {
  const select = prepareSelects(database);

  const move = (ask: Ask, former: Lease | undefined, lease: Lease): void => {
    if (former !== undefined) pages.endLease(former, ask.now);
    // An address that someone else on the wire answers for was never used, and does not rest.
    if (former !== undefined && !isSameAddress(former, lease) && !ask.avoid.includes(former.address)) {
      pages.rest(restOf(former, ask.now + restMs));
    }
    const line = pages.addLease(lease);
    if (line % linesBetweenPruning === 0) pruneHistory(database, ask.now);
  };

  const end = (lease: Lease, now: number, quarantineMs: number): void => {
    pages.endLease(lease, now);
    if (quarantineMs > 0) pages.rest(restOf(lease, now + quarantineMs));
  };

  const held = ({ environment, interface: link }: Pick<Lease, 'environment' | 'interface'>): Lease | undefined =>
    pages.leasesOf(environment).find((it) => it.interface === link);

  const lastAddress: Addresses['lastAddress'] = ({ environment, interface: link, network }) =>
    firstRow<{ address: Ipv4 }>(select.last, environment, link, network)?.address;

  return {
    take: (ask) => {
      const current = held(ask);
      const last = lastAddress({ ...ask, network: ask.network.name });
      const known = { ...(current === undefined ? {} : { current }), ...(last === undefined ? {} : { last }) };
      const outcome = choose(ask, { ...pages.of(ask.network.name), ...known });
      if (outcome.kind !== 'granted') throw refusal(ask.network, outcome);
      const lease = leaseOf(ask, outcome.address);
      if (current !== undefined && isSameLease(current, lease)) return current;
      write(() => move(ask, current, lease));
      return lease;
    },
    lastAddress,
    hold: (lease) => {
      const current = held(lease);
      const holder = pages.of(lease.network).leases.get(lease.address);
      if (holder !== undefined && !isSameEndpoint(holder, lease))
        throw new LandlineError('ADDRESS_HELD', {
          address: formatIpv4(lease.address),
          network: lease.network,
          environment: holder.environment,
        });
      if (current !== undefined && isSameLease(current, lease)) write(() => pages.renewLease({ ...lease, since: current.since }));
      else
        write(() => {
          if (current !== undefined) end(current, lease.since, 0);
          pages.addLease(lease);
        });
    },
    leases: pages.leases,
    leasesOf: pages.leasesOf,
    release: ({ environment, interface: link, now, quarantineMs }) => {
      const lease = held({ environment, interface: link });
      if (lease !== undefined) write(() => end(lease, now, quarantineMs));
    },
    giveBack: ({ name, now, quarantineMs, keepAddresses }) => {
      for (const lease of pages.leasesOf(name)) {
        const isOurs = lease.source !== 'dhcp';
        end(lease, now, keepAddresses || !isOurs ? 0 : quarantineMs);
        if (keepAddresses && isOurs && !pages.of(lease.network).reservations.has(lease.address)) {
          const { network, address } = lease;
          pages.setReservation({ network, address, holder: name, note: 'kept when its environment was ended', since: now });
        }
      }
    },
    reserve: ({ network, address, holder, note, hostAddresses, now }) => {
      const outcome = mayReserve({ network, hostAddresses, address, holder }, pages.of(network.name));
      if (outcome.kind !== 'granted') throw refusal(network, outcome);
      const there = firstRow<Reservation>(select.reservation, network.name, address);
      const reservation = { network: network.name, address, holder, note, since: there?.since ?? now };
      if (there?.note !== note) write(() => pages.setReservation(reservation));
      return reservation;
    },
    unreserve: ({ network, address }) => {
      const reserved = allRows<Reservation>(select.reservedAddress, address).filter(
        (it) => network === undefined || it.network === network,
      );
      if (reserved.length === 0) throw new LandlineError('ADDRESS_UNKNOWN', { address: formatIpv4(address) });
      write(() => reserved.forEach(pages.deleteReservation));
    },
    reservations: () => allRows<Reservation>(select.reservations),
    quarantined: (now) => allRows<Quarantine>(select.quarantined, now),
  };
}

function leaseOf(ask: Ask, address: Ipv4): Lease {
  const { environment, interface: link, mac, now } = ask;
  return {
    network: ask.network.name,
    address,
    environment,
    interface: link,
    mac,
    source: ask.wish === 'pool' ? 'pool' : 'static',
    since: now,
  };
}

const restOf = ({ network, address, environment }: Lease, until: number): Quarantine => ({
  network,
  address,
  environment,
  until,
});

const isSameEndpoint = (a: Lease, b: Lease): boolean => a.environment === b.environment && a.interface === b.interface;

const isSameAddress = (a: Lease, b: Lease): boolean => a.network === b.network && a.address === b.address;

const isSameLease = (a: Lease, b: Lease): boolean => isSameAddress(a, b) && a.mac === b.mac && a.source === b.source;

function prepareSelects(database: DatabaseSync) {
  const reservation = 'SELECT network, address, holder, note, since FROM reservations';
  return {
    last: database.prepare(
      'SELECT address FROM leases WHERE environment = ? AND interface = ? AND network = ? ORDER BY id DESC LIMIT 1',
    ),
    reservations: database.prepare(`${reservation} ORDER BY network, address`),
    reservation: database.prepare(`${reservation} WHERE network = ? AND address = ?`),
    reservedAddress: database.prepare(`${reservation} WHERE address = ?`),
    quarantined: database.prepare(
      'SELECT network, address, environment, until FROM quarantine WHERE until > ? ORDER BY network, address',
    ),
  };
}
