import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { DnsUpdateSpec } from '../../core/model.ts';
import { ipv4 } from '../../net/ipv4.ts';
import { temporaryFolder } from '../../store/fixture.ts';
import { openStore, type Store } from '../../store/index.ts';
import { zonesToKeep } from './zones.ts';

const zone = 'test.office.example';
const at = (...servers: readonly string[]): DnsUpdateSpec => ({
  servers: servers.map((it) => ({ address: ipv4(it), port: 53 })),
  zone,
  reverse: [],
  ttl: 60,
});
const [first, second] = ['192.168.11.2', '192.168.11.3'];

function ledger(t: TestContext, ...names: readonly string[]): Store {
  const store = openStore({ file: join(temporaryFolder(t), 'landline.db'), now: 0 });
  t.after(() => store.close());
  for (const name of names)
    store.putName({ name: `${name}.${zone}`, zone, environment: name, data: [], state: 'registered', since: 0 });
  return store;
}

const former = (store: Store): readonly string[] =>
  store.formerNames().map(({ spec, apart, names }) => {
    const servers = spec.servers.map((it) => it.address & 255).join('+');
    return `${servers} ${apart ? 'apart' : 'to be told'}: ${names.map((it) => it.environment).join(' ')}`;
  });

test('names of a zone that is written to elsewhere from now on are remembered for its servers of before', (t) => {
  const store = ledger(t, 'crm', 'shop');
  zonesToKeep(store, at(first));
  assert.deepEqual(former(store), []);
  zonesToKeep(store, at(second));
  zonesToKeep(store, at(second));
  assert.deepEqual(former(store), ['2 to be told: crm shop']);
  assert.deepEqual([...zonesToKeep(store, undefined).values()], [at(second)]);
});

test('one server more or less, or the primary that nobody names, is the same zone', (t) => {
  const store = ledger(t, 'shop');
  for (const spec of [at(first), at(first, second), at(second), at(), at(first)]) zonesToKeep(store, spec);
  assert.deepEqual(former(store), []);
});

test('back at the servers of before, what was still to be taken back there is kept by the zone itself', (t) => {
  const store = ledger(t, 'crm', 'shop');
  zonesToKeep(store, at(first));
  zonesToKeep(store, at(second));
  store.putFormerNames(store.formerNames().map((it) => ({ ...it, apart: true })));
  store.deleteName(`crm.${zone}`);
  zonesToKeep(store, at(first));
  assert.deepEqual(former(store), ['3 apart: shop']);
  assert.deepEqual([...store.names().keys()], [`crm.${zone}`, `shop.${zone}`]);
});
