import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from './fixture.ts';
import { type NameRecord, openStore } from './index.ts';

const shop: NameRecord = {
  name: 'shop.test.office.example',
  zone: 'test.office.example',
  environment: 'shop',
  data: [
    { kind: 'A', address: 3_232_238_437 },
    { kind: 'AAAA', address: '2001:db8::101' },
  ],
  state: 'claiming',
  since: 1,
};

test('a name is there as it was written until it is deleted, also for the next who opens the ledger', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const store = openStore({ file, now: 0 });
  store.putName(shop);
  store.putName({ ...shop, state: 'registered', since: 2 });
  store.putName({ ...shop, name: '101.11.168.192.in-addr.arpa', data: [{ kind: 'PTR', target: shop.name }] });
  store.close();
  const next = openStore({ file, now: 0 });
  assert.deepEqual([...next.names().keys()], ['101.11.168.192.in-addr.arpa', shop.name]);
  assert.deepEqual(next.names().get(shop.name), { ...shop, state: 'registered', since: 2 });
  next.deleteName(shop.name);
  next.deleteName('nobody');
  assert.deepEqual([...next.names().keys()], ['101.11.168.192.in-addr.arpa']);
  next.close();
});

test('how a zone was written to is known to the next who opens the ledger', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const store = openStore({ file, now: 0 });
  assert.deepEqual(store.zones(), {});
  const spec = { servers: [{ address: 3_232_238_338, port: 53 }], zone: shop.zone, reverse: [], ttl: 60 };
  store.putZones({ [shop.zone]: spec });
  store.close();
  const next = openStore({ file, now: 0 });
  assert.deepEqual(next.zones(), { [shop.zone]: spec });
  next.putZones({});
  assert.deepEqual(next.zones(), {});
  const former = { zone: shop.zone, spec, apart: false, names: [{ ...shop, state: 'registered' as const, since: 2 }] };
  assert.deepEqual(next.formerNames(), []);
  next.putFormerNames([former]);
  next.close();
  const last = openStore({ file, now: 0 });
  assert.deepEqual(last.formerNames(), [former]);
  last.close();
});

test('what a transaction wrote that was undone is forgotten', async (t) => {
  const store = openStore({ file: join(temporaryFolder(t), 'landline.db'), now: 0 });
  const undone = store.together(() => {
    store.putName(shop);
    assert.equal(store.names().size, 1);
    throw new Error('undo');
  });
  await assert.rejects(undone, /undo/);
  assert.equal(store.names().size, 0);
  store.close();
});
