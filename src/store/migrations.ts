/** The schema of the ledger, as the steps that lead to it. A step that was released is never changed: the next one mends it. */
import type { DatabaseSync } from 'node:sqlite';
import { transact } from './transact.ts';

/**
 * Environments, leases, reservations, quarantine.
 *
 * A lease and its line of history are one row, open while `ended` is null, so the two cannot contradict each other.
 * The unique indexes over the open rows are the last wall: whatever a caller's mistake, no address has two holders and
 * no endpoint two addresses. A lease has no foreign key on its environment, since history outlives it.
 * Addresses are unsigned 32-bit numbers, times milliseconds since 1970.
 */
const ledger = `
CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE environments (
  name TEXT PRIMARY KEY,
  spec TEXT NOT NULL CHECK (json_valid(spec)),
  phase TEXT NOT NULL CHECK (phase IN ('creating', 'up', 'removing')),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  network TEXT NOT NULL,
  address INTEGER NOT NULL CHECK (address BETWEEN 0 AND 4294967295),
  environment TEXT NOT NULL,
  interface TEXT NOT NULL,
  mac TEXT NOT NULL,
  source TEXT NOT NULL,
  since INTEGER NOT NULL,
  ended INTEGER CHECK (ended >= since)
) STRICT;
CREATE UNIQUE INDEX leases_one_holder ON leases (network, address) WHERE ended IS NULL;
CREATE UNIQUE INDEX leases_one_address ON leases (environment, interface) WHERE ended IS NULL;
CREATE INDEX leases_by_address ON leases (address);
CREATE INDEX leases_by_endpoint ON leases (environment, interface, network);

CREATE TABLE reservations (
  network TEXT NOT NULL,
  address INTEGER NOT NULL CHECK (address BETWEEN 0 AND 4294967295),
  holder TEXT NOT NULL,
  note TEXT NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (network, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
  network TEXT NOT NULL,
  address INTEGER NOT NULL CHECK (address BETWEEN 0 AND 4294967295),
  environment TEXT NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (network, address)
) STRICT, WITHOUT ROWID;
`;

/**
 * Names in DNS: what stands there of ours, or may. A row is written before its first update is sent, and goes when the
 * server has said that nothing of it is left, so that no name is forgotten whatever ends the daemon.
 */
const names = `
CREATE TABLE names (
  name TEXT PRIMARY KEY,
  zone TEXT NOT NULL,
  environment TEXT NOT NULL,
  data TEXT NOT NULL CHECK (json_valid(data)),
  state TEXT NOT NULL CHECK (state IN ('claiming', 'registered')),
  since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`;

/** What a DHCP server granted (`LeaseTerms` as JSON), and stays in the history as it was last. */
const terms = `
ALTER TABLE leases ADD COLUMN terms TEXT CHECK (json_valid(terms));
`;

/** IPv6 addresses, in the one spelling of RFC 5952: the same tables as for IPv4, whose addresses are numbers. */
const ipv6 = `
CREATE TABLE leases6 (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  network TEXT NOT NULL,
  address TEXT NOT NULL,
  environment TEXT NOT NULL,
  interface TEXT NOT NULL,
  mac TEXT NOT NULL,
  since INTEGER NOT NULL,
  ended INTEGER CHECK (ended >= since)
) STRICT;
CREATE UNIQUE INDEX leases6_one_holder ON leases6 (network, address) WHERE ended IS NULL;
CREATE UNIQUE INDEX leases6_one_address ON leases6 (environment, interface) WHERE ended IS NULL;
CREATE INDEX leases6_by_address ON leases6 (address);

CREATE TABLE reservations6 (
  network TEXT NOT NULL,
  address TEXT NOT NULL,
  holder TEXT NOT NULL,
  note TEXT NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (network, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine6 (
  network TEXT NOT NULL,
  address TEXT NOT NULL,
  environment TEXT NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (network, address)
) STRICT, WITHOUT ROWID;
`;

/** How often services were started again: it outlives the daemon, so that `on-failure:3` gives up after the third time. */
const restarts = `
CREATE TABLE restarts (
  environment TEXT NOT NULL,
  service TEXT NOT NULL,
  restarts INTEGER NOT NULL CHECK (restarts >= 0),
  retries INTEGER NOT NULL CHECK (retries >= 0),
  PRIMARY KEY (environment, service)
) STRICT, WITHOUT ROWID;
`;

/** NICs of this host that are in a sandbox, or on their way, with all that they are to have again when they come back. */
const nics = `
CREATE TABLE nics (
  name TEXT PRIMARY KEY,
  environment TEXT NOT NULL,
  interface TEXT NOT NULL,
  mac TEXT NOT NULL,
  permanent_mac TEXT,
  mtu INTEGER NOT NULL,
  up INTEGER NOT NULL CHECK (up IN (0, 1)),
  alias TEXT
) STRICT, WITHOUT ROWID;
`;

/** In order; the number of a step is its place, from 1, and the file's `user_version` is the last one it has seen. */
export const migrations: readonly string[] = [ledger, names, terms, ipv6, restarts, nics];

/** "LL" twice: tells a file of ours from any other SQLite file (https://sqlite.org/fileformat.html, offset 68). */
export const applicationId = 0x4c4c4c4c;

export function schemaVersion(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.user_version);
}

/** Runs the steps that the file has not seen, each in a transaction of its own. */
export function migrate(database: DatabaseSync, steps: readonly string[] = migrations): void {
  for (let version = schemaVersion(database) + 1; version <= steps.length; version += 1) {
    transact(database, () => {
      database.exec(steps[version - 1] ?? '');
      database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version}`);
    });
  }
}
