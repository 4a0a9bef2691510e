import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { EnvironmentSpec } from '../core/model.ts';
import { ipv4 } from '../net/ipv4.ts';
import { ask, at, everything, office, openTemporaryStore, say, spec, temporaryFolder } from './fixture.ts';
import { openStore } from './index.ts';

const shop: EnvironmentSpec = {
  ...spec('shop'),
  endpoints: [
    { network: 'office', interface: 'eth0', address: '192.168.11.101', routes: [{ to: '10.50.0.0/24', via: '192.168.11.1' }] },
  ],
  services: [
    {
      name: 'web',
      command: ['nginx', '-g', 'daemon off;'],
      environment: { GREETING: 'größe "1"\n' },
      dependsOn: [],
      restart: 'always',
      stopSignal: 'SIGQUIT',
      stopGraceMs: 10_000,
    },
  ],
};

test('a wish is kept as it was written, and its time of creation through changes', (t) => {
  const store = openTemporaryStore(t);
  assert.equal(store.environment('shop'), undefined);
  store.putEnvironment(shop, 'creating', at('14:00'));
  assert.deepEqual(store.environment('shop'), { spec: shop, phase: 'creating', createdAt: at('14:00') });
  store.putEnvironment({ ...shop, hostname: 'other' }, 'up', at('15:00'));
  store.putEnvironment(spec('crm'), 'removing', at('15:00'));
  assert.deepEqual(store.environments(), [
    { spec: spec('crm'), phase: 'removing', createdAt: at('15:00') },
    { spec: { ...shop, hostname: 'other' }, phase: 'up', createdAt: at('14:00') },
  ]);
});

test('how often services were started again is kept, and goes with the environment', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const store = openStore({ file, now: at('14:00') });
  store.putEnvironment(shop, 'up', at('14:00'));
  store.putRestarts({ environment: 'shop', service: 'web', restarts: 2, retries: 2 });
  store.putRestarts({ environment: 'shop', service: 'web', restarts: 3, retries: 1 });
  store.putRestarts({ environment: 'nowhere', service: 'web', restarts: 1, retries: 1 });
  store.close();
  const later = openStore({ file, now: at('15:00') });
  t.after(() => later.close());
  assert.deepEqual([...later.restartsOf('shop')], [['web', { restarts: 3, retries: 1 }]]);
  later.removeEnvironment({ name: 'shop', now: at('15:00'), quarantineMs: 0, keepAddresses: false });
  for (const name of ['shop', 'nowhere']) assert.equal(later.restartsOf(name).size, 0, name);
});

test('an environment goes with all its addresses, and they rest', (t) => {
  const store = openTemporaryStore(t);
  store.putEnvironment(shop, 'up', at('14:00'));
  store.take(ask('shop', 'pool', '14:00'));
  store.take(ask('shop/eth1', 'pool', '14:00'));
  store.take(ask('crm', 'pool', '14:00'));
  store.removeEnvironment({ name: 'shop', now: at('14:05'), quarantineMs: 60_000, keepAddresses: false });
  assert.equal(store.environment('shop'), undefined);
  assert.deepEqual(store.leases().map(say), ['office 192.168.11.104 crm/eth0 pool']);
  assert.deepEqual(
    store.quarantined(at('14:05')).map((it) => [it.address, it.environment]),
    [
      [ipv4('192.168.11.101'), 'shop'],
      [ipv4('192.168.11.102'), 'shop'],
    ],
  );
});

test('with its addresses kept they are reserved for it, and a reservation that is there keeps its note', (t) => {
  const store = openTemporaryStore(t);
  store.reserve({
    network: office,
    address: ipv4('192.168.11.102'),
    holder: 'shop',
    note: 'the fair',
    hostAddresses: [],
    now: at('13:00'),
  });
  store.take(ask('shop', '192.168.11.101', '14:00'));
  store.take(ask('shop/eth1', 'pool', '14:00'));
  store.removeEnvironment({ name: 'shop', now: at('14:05'), quarantineMs: 60_000, keepAddresses: true });
  assert.deepEqual(store.leases(), []);
  assert.deepEqual(
    store.reservations().map((it) => [it.address, it.holder, it.note, it.since]),
    [
      [ipv4('192.168.11.101'), 'shop', 'kept when its environment was ended', at('14:05')],
      [ipv4('192.168.11.102'), 'shop', 'the fair', at('13:00')],
    ],
  );
  assert.equal(say(store.take(ask('crm', 'pool', '14:06'))), 'office 192.168.11.104 crm/eth0 pool');
  assert.equal(say(store.take(ask('shop', 'pool', '15:00'))), 'office 192.168.11.101 shop/eth0 pool');
});

test('removing an environment that is not there is success', (t) => {
  const store = openTemporaryStore(t);
  store.take(ask('crm', 'pool', '14:00'));
  const before = everything(store);
  store.removeEnvironment({ name: 'shop', now: at('14:05'), quarantineMs: 60_000, keepAddresses: true });
  assert.deepEqual(everything(store), before);
});

test('a removal that fails half-way is undone whole, in memory as in the file', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const store = openStore({ file, now: at('14:00') });
  t.after(() => store.close());
  store.putEnvironment(shop, 'up', at('14:00'));
  store.take(ask('shop', 'pool', '14:00'));
  store.take(ask('shop/eth1', 'pool', '14:00'));
  const before = everything(store);
  const other = new DatabaseSync(file);
  t.after(() => other.close());
  other.exec(`CREATE TRIGGER fail_late BEFORE INSERT ON reservations WHEN NEW.address = ${ipv4('192.168.11.102')}
    BEGIN SELECT RAISE(ABORT, 'half-way'); END`);
  const remove = () => store.removeEnvironment({ name: 'shop', now: at('14:05'), quarantineMs: 60_000, keepAddresses: true });
  assert.throws(remove, /half-way/);
  assert.deepEqual(everything(store), before);
  assert.throws(() => store.take(ask('crm', '192.168.11.101', '14:05')), /belongs to environment 'shop'/);
  assert.equal(say(store.take(ask('crm', 'pool', '14:05'))), 'office 192.168.11.104 crm/eth0 pool');
  other.exec('DROP TRIGGER fail_late');
  remove();
  assert.equal(store.reservations().length, 2);
});

test('everything is there again after closing and opening', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const store = openStore({ file, now: at('14:00') });
  store.putEnvironment(shop, 'up', at('14:00'));
  store.take(ask('shop', 'pool', '14:00'));
  store.take(ask('crm', 'pool', '14:00'));
  store.release({ environment: 'crm', interface: 'eth0', now: at('14:05'), quarantineMs: 60_000 });
  store.reserve({
    network: office,
    address: ipv4('192.168.10.9'),
    holder: 'qa',
    note: 'the fair',
    hostAddresses: [],
    now: at('14:05'),
  });
  const before = everything(store);
  store.close();
  const again = openStore({ file, now: at('14:05') });
  t.after(() => again.close());
  assert.deepEqual(everything(again), before);
  assert.equal(again.installation, store.installation);
});
