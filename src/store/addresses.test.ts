import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type Code, isLandlineError } from '../errors.ts';
import { formatIpv4, type Ipv4, ipv4 } from '../net/ipv4.ts';
import { prefix } from '../net/prefix.ts';
import { ask, at, everything, lab, office, openTemporaryStore, say, temporaryFolder } from './fixture.ts';
import { openStore, type Store } from './index.ts';

const second = 1_000;

/** The refusal of `body`, which must be of this code and must have changed nothing. */
function refused(store: Store, code: Code, body: () => unknown): string {
  const before = everything(store);
  let message = '';
  assert.throws(body, (error) => {
    assert.ok(isLandlineError(error, code), String(error));
    message = error.message;
    return true;
  });
  assert.deepEqual(everything(store), before);
  return message;
}

test('an endpoint gets an address, and the same one when it asks again', (t) => {
  const store = openTemporaryStore(t);
  const lease = store.take(ask('shop', 'pool', '14:00'));
  assert.equal(say(lease), 'office 192.168.11.101 shop/eth0 pool');
  assert.equal(lease.since, at('14:00'));
  const before = everything(store);
  assert.deepEqual(store.take(ask('shop', 'pool', '14:01')), lease);
  assert.deepEqual(everything(store), before);
  assert.deepEqual(store.leasesOf('shop'), [lease]);
});

test('one address on two networks is two addresses', (t) => {
  const store = openTemporaryStore(t);
  store.take(ask('shop', '192.168.11.101', '14:00'));
  store.take(ask('crm', '192.168.11.101', '14:00', { network: lab }));
  assert.deepEqual(store.leases().map(say), ['lab 192.168.11.101 crm/eth0 static', 'office 192.168.11.101 shop/eth0 static']);
});

test('an endpoint that moves leaves its former address to rest for a minute, on its former network too', (t) => {
  const store = openTemporaryStore(t);
  store.take(ask('shop', 'pool', '14:00'));
  store.take(ask('shop', '192.168.11.50', '14:01'));
  assert.deepEqual(store.leases().map(say), ['office 192.168.11.50 shop/eth0 static']);
  store.take(ask('shop', '192.168.11.50', '14:02', { network: lab }));
  assert.deepEqual(store.leases().map(say), ['lab 192.168.11.50 shop/eth0 static']);
  assert.deepEqual(store.quarantined(at('14:01')), [
    { network: 'office', address: ipv4('192.168.11.50'), environment: 'shop', until: at('14:03') },
    { network: 'office', address: ipv4('192.168.11.101'), environment: 'shop', until: at('14:02') },
  ]);
});

test('an address that was found taken on the wire is left without a rest', (t) => {
  const store = openTemporaryStore(t);
  const { address } = store.take(ask('shop', 'pool', '14:00'));
  const next = store.take(ask('shop', 'pool', '14:00', { avoid: [address] }));
  assert.equal(say(next), 'office 192.168.11.102 shop/eth0 pool');
  assert.deepEqual(store.quarantined(0), []);
  assert.equal(say(store.take(ask('crm', 'pool', '14:01'))), 'office 192.168.11.101 crm/eth0 pool');
});

test('a changed MAC or source is a new line of the history, of the same address without a rest', (t) => {
  const store = openTemporaryStore(t);
  store.take(ask('shop', '192.168.11.101', '14:00'));
  const lease = store.take(ask('shop', 'pool', '14:05', { mac: '02:00:00:00:00:09' }));
  assert.equal(say(lease), 'office 192.168.11.101 shop/eth0 pool');
  assert.deepEqual(store.quarantined(0), []);
  assert.deepEqual(
    store.history({ most: 9 }).map((it) => [it.mac, it.from, it.to]),
    [
      ['02:00:00:00:00:09', at('14:05'), undefined],
      ['02:4c:4c:00:00:01', at('14:00'), at('14:05')],
    ],
  );
});

test('a released address rests for others, and is at once there for the environment that had it', (t) => {
  const store = openTemporaryStore(t);
  store.take(ask('shop', 'pool', '14:00'));
  store.release({ environment: 'shop', interface: 'eth0', now: at('14:05'), quarantineMs: 60 * second });
  assert.equal(
    refused(store, 'ADDRESS_QUARANTINED', () => store.take(ask('crm', '192.168.11.101', '14:05:59'))),
    "192.168.11.101 on network 'office' was shop's a moment ago and rests until 2026-03-02T14:06:00Z, so that neighbours forget it",
  );
  assert.equal(say(store.take(ask('crm', 'pool', '14:05:59'))), 'office 192.168.11.102 crm/eth0 pool');
  assert.equal(say(store.take(ask('shop', 'pool', '14:05:59'))), 'office 192.168.11.101 shop/eth0 pool');
  assert.deepEqual(store.quarantined(0), []);
});

test('a rested address is free again', (t) => {
  const store = openTemporaryStore(t);
  store.take(ask('shop', 'pool', '14:00'));
  store.release({ environment: 'shop', interface: 'eth0', now: at('14:05'), quarantineMs: 60 * second });
  assert.equal(store.quarantined(at('14:05:59')).length, 1);
  assert.equal(store.quarantined(at('14:06')).length, 0);
  assert.equal(say(store.take(ask('crm', '192.168.11.101', '14:06'))), 'office 192.168.11.101 crm/eth0 static');
});

test('a quarantine that its environment ended by coming back does not come back with its next release', (t) => {
  const store = openTemporaryStore(t);
  const release = (time: string, quarantineMs: number) =>
    store.release({ environment: 'shop', interface: 'eth0', now: at(time), quarantineMs });
  store.take(ask('shop', 'pool', '14:00'));
  release('14:05', 60 * second);
  store.take(ask('shop', 'pool', '14:05:10'));
  release('14:05:20', 0);
  assert.equal(say(store.take(ask('crm', '192.168.11.101', '14:05:30'))), 'office 192.168.11.101 crm/eth0 static');
});

test('a release without quarantine frees the address at once, and a second release is success', (t) => {
  const store = openTemporaryStore(t);
  store.take(ask('shop', 'pool', '14:00'));
  store.release({ environment: 'shop', interface: 'eth0', now: at('14:05'), quarantineMs: 0 });
  const before = everything(store);
  store.release({ environment: 'shop', interface: 'eth0', now: at('14:06'), quarantineMs: 60 * second });
  store.release({ environment: 'nobody', interface: 'eth0', now: at('14:06'), quarantineMs: 60 * second });
  assert.deepEqual(everything(store), before);
  assert.equal(say(store.take(ask('crm', 'pool', '14:06'))), 'office 192.168.11.101 crm/eth0 pool');
});

test('an environment that returns gets the address it had last, if nobody took it', (t) => {
  const store = openTemporaryStore(t);
  store.take(ask('shop', 'pool', '14:00'));
  store.take(ask('crm', 'pool', '14:00'));
  for (const name of ['shop', 'crm']) store.removeEnvironment({ name, now: at('15:00'), quarantineMs: 0, keepAddresses: false });
  assert.equal(say(store.take(ask('crm', 'pool', '16:00'))), 'office 192.168.11.102 crm/eth0 pool');
  store.take(ask('erp', '192.168.11.101', '16:00'));
  assert.equal(say(store.take(ask('shop', 'pool', '16:00'))), 'office 192.168.11.104 shop/eth0 pool');
});

test('what is not to be had is refused with the reason, and nothing is changed', (t) => {
  const store = openTemporaryStore(t);
  store.take(ask('shop', '192.168.11.101', '14:00'));
  store.reserve({
    network: office,
    address: ipv4('192.168.11.120'),
    holder: 'qa',
    note: '',
    hostAddresses: [],
    now: at('14:00'),
  });
  const take =
    (wish: string, change = {}) =>
    () =>
      store.take(ask('crm', wish, '14:05', change));
  assert.equal(
    refused(store, 'ADDRESS_OUTSIDE', take('192.168.12.5')),
    "192.168.12.5 is not in 192.168.10.0/23, the subnet of network 'office'",
  );
  assert.equal(
    refused(store, 'ADDRESS_UNUSABLE', take('192.168.11.20')),
    "192.168.11.20 is this host's own address of network 'office', and never handed out",
  );
  assert.equal(
    refused(store, 'ADDRESS_HELD', take('192.168.11.101')),
    "192.168.11.101 on network 'office' belongs to environment 'shop'",
  );
  assert.equal(
    refused(store, 'ADDRESS_RESERVED', take('192.168.11.120')),
    "192.168.11.120 on network 'office' is reserved for 'qa'",
  );
  assert.equal(
    refused(store, 'POOL_MISSING', take('pool', { network: { ...office, pool: [] } })),
    "network 'office' has no pool to take an address from",
  );
});

test('an endpoint that is refused another address keeps the one it has', (t) => {
  const store = openTemporaryStore(t);
  store.take(ask('shop', '192.168.11.101', '14:00'));
  store.take(ask('crm', '192.168.11.102', '14:00'));
  refused(store, 'ADDRESS_HELD', () => store.take(ask('shop', '192.168.11.102', '14:05')));
  refused(store, 'ADDRESS_OUTSIDE', () => store.take(ask('shop', '10.0.0.1', '14:05')));
});

test('a full pool says who holds what', (t) => {
  const store = openTemporaryStore(t);
  const network = { ...office, pool: [{ first: ipv4('192.168.11.101'), last: ipv4('192.168.11.105') }] };
  store.take(ask('shop', 'pool', '14:00'));
  store.take(ask('old', 'pool', '14:00'));
  store.release({ environment: 'old', interface: 'eth0', now: at('14:05'), quarantineMs: 60 * second });
  store.reserve({ network, address: ipv4('192.168.11.104'), holder: 'qa', note: '', hostAddresses: [], now: at('14:00') });
  const message = refused(store, 'POOL_FULL', () =>
    store.take(ask('crm', 'pool', '14:05:10', { network, avoid: [ipv4('192.168.11.105')] })),
  );
  assert.equal(
    message,
    "the pool of network 'office' is full: 192.168.11.101 shop, 192.168.11.102 resting until 2026-03-02T14:06:00Z, " +
      '192.168.11.104 reserved for qa, 192.168.11.105 taken on the wire',
  );
});

test('a reservation is made, kept when made again, and binds all but its holder', (t) => {
  const store = openTemporaryStore(t);
  const reserve = (holder: string, note: string, time: string) =>
    store.reserve({ network: office, address: ipv4('192.168.11.101'), holder, note, hostAddresses: [], now: at(time) });
  const made = reserve('qa', 'for the fair', '14:00');
  assert.deepEqual(made, {
    network: 'office',
    address: ipv4('192.168.11.101'),
    holder: 'qa',
    note: 'for the fair',
    since: at('14:00'),
  });
  assert.deepEqual(reserve('qa', 'for the fair', '15:00'), made);
  assert.deepEqual(reserve('qa', 'for the congress', '15:00'), { ...made, note: 'for the congress' });
  assert.deepEqual(store.reservations(), [{ ...made, note: 'for the congress' }]);
  refused(store, 'ADDRESS_RESERVED', () => reserve('crm', '', '15:00'));
  assert.equal(say(store.take(ask('crm', 'pool', '15:00'))), 'office 192.168.11.102 crm/eth0 pool');
  assert.equal(say(store.take(ask('qa', 'pool', '15:00'))), 'office 192.168.11.101 qa/eth0 pool');
});

test('an address that another environment has cannot be reserved', (t) => {
  const store = openTemporaryStore(t);
  store.take(ask('shop', '192.168.11.101', '14:00'));
  const reserve = (address: string, holder: string) => () =>
    store.reserve({
      network: office,
      address: ipv4(address),
      holder,
      note: '',
      hostAddresses: [ipv4('192.168.11.20')],
      now: at('14:00'),
    });
  refused(store, 'ADDRESS_HELD', reserve('192.168.11.101', 'qa'));
  refused(store, 'ADDRESS_UNUSABLE', reserve('192.168.11.20', 'qa'));
  refused(store, 'ADDRESS_OUTSIDE', reserve('10.0.0.1', 'qa'));
  assert.equal(reserve('192.168.11.101', 'shop')().holder, 'shop');
});

test('an unreserved address is free again; without a network it is meant on every one', (t) => {
  const store = openTemporaryStore(t);
  const address = ipv4('192.168.11.101');
  const reserve = () => {
    for (const network of [office, lab]) store.reserve({ network, address, holder: 'qa', note: '', hostAddresses: [], now: 0 });
  };
  reserve();
  store.unreserve({ network: 'office', address });
  assert.deepEqual(
    store.reservations().map((it) => it.network),
    ['lab'],
  );
  assert.equal(
    refused(store, 'ADDRESS_UNKNOWN', () => store.unreserve({ network: 'office', address })),
    '192.168.11.101 is not reserved',
  );
  assert.equal(say(store.take(ask('crm', '192.168.11.101', '14:00'))), 'office 192.168.11.101 crm/eth0 static');
  store.release({ environment: 'crm', interface: 'eth0', now: at('14:00'), quarantineMs: 0 });
  reserve();
  store.unreserve({ address });
  assert.deepEqual(store.reservations(), []);
});

test('history answers who had .101 at 14:05', (t) => {
  const store = openTemporaryStore(t);
  const address = ipv4('192.168.11.101');
  const held = (environment: string, from: string, to: string) => {
    store.take(ask(environment, '192.168.11.101', from));
    store.release({ environment, interface: 'eth0', now: at(to), quarantineMs: 0 });
  };
  held('shop', '13:00', '14:00');
  held('crm', '14:00', '14:30');
  store.take(ask('erp', '192.168.11.101', '15:00'));
  const who = (time: string): string[] => store.history({ address, at: at(time), most: 10 }).map((it) => it.environment);
  assert.deepEqual(who('12:59:59'), []);
  assert.deepEqual(who('13:59:59'), ['shop']);
  assert.deepEqual(who('14:00'), ['crm']);
  assert.deepEqual(who('14:05'), ['crm']);
  assert.deepEqual(who('14:45'), []);
  assert.deepEqual(who('23:00'), ['erp']);
  assert.deepEqual(store.history({ address, at: at('14:05'), most: 10 }), [
    {
      network: 'office',
      address,
      environment: 'crm',
      interface: 'eth0',
      mac: '02:4c:4c:00:00:01',
      source: 'static',
      from: at('14:00'),
      to: at('14:30'),
    },
  ]);
});

test('history is newest first, filtered by network and environment, and no longer than asked for', (t) => {
  const store = openTemporaryStore(t);
  store.take(ask('shop', 'pool', '13:00'));
  store.take(ask('crm', 'pool', '13:00'));
  store.take(ask('shop', '192.168.11.50', '14:00', { network: lab }));
  const history = (filter: object, most = 10): string[] => store.history({ ...filter, most }).map(say);
  const [moved, crm, shop] = [
    'lab 192.168.11.50 shop/eth0 static',
    'office 192.168.11.102 crm/eth0 pool',
    'office 192.168.11.101 shop/eth0 pool',
  ];
  assert.deepEqual(history({}), [moved, crm, shop]);
  assert.deepEqual(history({}, 2), [moved, crm]);
  assert.deepEqual(history({ environment: 'shop' }), [moved, shop]);
  assert.deepEqual(history({ environment: 'shop', network: 'office' }), [shop]);
});

test('a clock that was set back makes no lease that ended before it began', (t) => {
  const store = openTemporaryStore(t);
  store.take(ask('shop', 'pool', '14:00'));
  store.release({ environment: 'shop', interface: 'eth0', now: at('13:00'), quarantineMs: 0 });
  assert.equal(store.history({ most: 1 })[0]?.to, at('14:00'));
});

test('two hundred who ask at once get two hundred addresses', async (t) => {
  const store = openTemporaryStore(t);
  const network = { ...office, pool: [{ first: ipv4('192.168.10.1'), last: ipv4('192.168.11.254') }], exclude: [] };
  const asks = Array.from({ length: 200 }, async (_, i) => {
    // Each comes back in the middle of the others.
    for (let turn = 0; turn < i % 7; turn += 1) await setImmediate();
    const lease = store.take(ask(`e${i}`, 'pool', '14:00', { network }));
    await setImmediate();
    if (i % 3 > 0) return lease;
    store.release({ environment: `e${i}`, interface: 'eth0', now: at('14:00'), quarantineMs: 0 });
    await setImmediate();
    return store.take(ask(`e${i}`, 'pool', '14:00', { network }));
  });
  const taken = (await Promise.all(asks)).map((lease) => formatIpv4(lease.address));
  assert.equal(new Set(taken).size, 200);
  assert.deepEqual(
    store
      .leases()
      .map((it) => formatIpv4(it.address))
      .sort(),
    [...taken].sort(),
  );
});

test('two hundred asks of a nearly full pool of 65,536 take less than a second of the processor', { timeout: 60_000 }, (t) => {
  const first = ipv4('172.16.0.0');
  const network = { ...office, subnet: prefix('172.0.0.0/8'), pool: [{ first, last: first + 65_535 }], exclude: [] };
  const file = join(temporaryFolder(t), 'landline.db');
  openStore({ file, now: 0 }).close();
  holdMany(file, first, 65_336);
  const store = openStore({ file, now: 0 });
  t.after(() => store.close());
  const started = process.cpuUsage();
  for (let i = 0; i < 200; i += 1) store.take(ask(`late${i}`, 'pool', '14:00', { network }));
  const { user, system } = process.cpuUsage(started);
  const took = (user + system) / 1_000;
  t.diagnostic(`200 asks: ${took.toFixed(0)} ms`);
  assert.ok(took < 1_000, `${took} ms`);
  assert.match(
    refused(store, 'POOL_FULL', () => store.take(ask('one-more', 'pool', '14:00', { network }))),
    /: 172\.16\.0\.0 e0, 172\.16\.0\.1 e1, .*, 172\.16\.1\.43 e299 and 65236 more$/,
  );
});

/** As many leases from `first` on as 65,336 commits would make, in one. */
function holdMany(file: string, first: Ipv4, count: number): void {
  const database = new DatabaseSync(file);
  const add = database.prepare(`INSERT INTO leases (network, address, environment, interface, mac, source, since)
    VALUES ('office', ?, ?, 'eth0', '02:4c:4c:00:00:01', 'pool', 0)`);
  database.exec('BEGIN');
  for (let i = 0; i < count; i += 1) add.run(first + i, `e${i}`);
  database.exec('COMMIT');
  database.close();
}
