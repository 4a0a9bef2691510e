import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { ask, at, temporaryFolder } from './fixture.ts';
import { historyBounds, pruneHistory } from './history.ts';
import { openStore } from './index.ts';
import { migrate, schemaVersion } from './migrations.ts';

const day = 86_400_000;

/** Leases of e1, e2 … that ended so many days before 14:00, or are held. */
function ledgerOf(ended: readonly (number | 'held')[]): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  migrate(database);
  const add = database.prepare(`INSERT INTO leases (network, address, environment, interface, mac, source, since, ended)
    VALUES ('office', ?, ?, 'eth0', '02:4c:4c:00:00:01', 'pool', 0, ?)`);
  ended.forEach((days, i) => {
    add.run(i + 1, `e${i + 1}`, days === 'held' ? null : at('14:00') - days * day);
  });
  return database;
}

const names = (database: DatabaseSync): unknown[] =>
  database
    .prepare('SELECT environment FROM leases ORDER BY id')
    .all()
    .map((it) => it.environment);

test('lines that ended too long ago are dropped; what is held stays', () => {
  const database = ledgerOf([12, 'held', 10.1, 9.9, 1]);
  pruneHistory(database, at('14:00'), { days: 10, lines: 100 });
  assert.deepEqual(names(database), ['e2', 'e4', 'e5']);
});

test('of too many lines the oldest are dropped; what is held stays', () => {
  const database = ledgerOf([5, 'held', 4, 3, 2, 1]);
  pruneHistory(database, at('14:00'), { days: 10, lines: 3 });
  assert.deepEqual(names(database), ['e2', 'e4', 'e5', 'e6']);
});

test('a start prunes, by days', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const store = openStore({ file, now: at('14:00') });
  store.take(ask('shop', 'pool', '14:00'));
  store.release({ environment: 'shop', interface: 'eth0', now: at('14:00'), quarantineMs: 0 });
  store.close();
  const lines = (now: number): number => {
    const again = openStore({ file, now });
    const { length } = again.history({ most: 9 });
    again.close();
    return length;
  };
  assert.equal(lines(at('14:00') + historyBounds.days * day), 1);
  assert.equal(lines(at('14:00') + historyBounds.days * day + 1), 0);
});

test('every thousandth line prunes too', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const store = openStore({ file, now: at('14:00') });
  t.after(() => store.close());
  const later = at('14:00') + 500 * day;
  const takeAndRelease = (now: number): void => {
    store.take(ask('shop', 'pool', '14:00', { now }));
    store.release({ environment: 'shop', interface: 'eth0', now, quarantineMs: 0 });
  };
  for (let line = 1; line <= 999; line += 1) takeAndRelease(line < 500 ? at('14:00') : later);
  assert.equal(store.history({ most: 2_000 }).length, 999);
  takeAndRelease(later);
  assert.equal(store.history({ most: 2_000 }).length, 501);
});

test('migrations run in order, once each, and one that fails leaves the file at the step before', () => {
  const database = new DatabaseSync(':memory:');
  const steps = ['CREATE TABLE a (x); INSERT INTO a VALUES (1)', 'ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x + 1'];
  migrate(database, steps.slice(0, 1));
  migrate(database, steps);
  migrate(database, steps);
  assert.equal(schemaVersion(database), 2);
  assert.deepEqual({ ...database.prepare('SELECT * FROM a').get() }, { x: 1, y: 2 });
  assert.throws(
    () => migrate(database, [...steps, 'CREATE TABLE b (x); INSERT INTO missing VALUES (1)']),
    /no such table: missing/,
  );
  assert.equal(schemaVersion(database), 2);
  assert.throws(() => database.prepare('SELECT * FROM b'), /no such table: b/);
});
