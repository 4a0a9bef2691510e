import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { isLandlineError } from '../errors.ts';
import { ask, at, everything, openTemporaryStore, say, spec, temporaryFolder } from './fixture.ts';
import { openStore, type Store } from './index.ts';

/** A wish with an address of the pool, as `up` writes it. */
const enter = (store: Store, name: string): Promise<string> =>
  store.together(() => {
    store.putEnvironment(spec(name), 'creating', at('14:00'));
    return say(store.take(ask(name, 'pool', '14:00')));
  });

test('what is written together is there when it resolves, and each asker gets its own answer', async (t) => {
  const store = openTemporaryStore(t);
  assert.deepEqual(await Promise.all(['shop', 'crm'].map((name) => enter(store, name))), [
    'office 192.168.11.101 shop/eth0 pool',
    'office 192.168.11.102 crm/eth0 pool',
  ]);
  assert.deepEqual(
    store.environments().map((it) => it.spec.name),
    ['crm', 'shop'],
  );
});

test('a refusal undoes what its own body wrote, and nothing of the others', async (t) => {
  const store = openTemporaryStore(t);
  const outcomes = await Promise.allSettled(['a', 'b', 'c', 'one-too-many'].map((name) => enter(store, name)));
  assert.deepEqual(
    outcomes.map((it) => it.status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'rejected'],
  );
  const refused = outcomes.at(-1);
  assert.ok(refused?.status === 'rejected' && isLandlineError(refused.reason, 'POOL_FULL'));
  assert.equal(store.environment('one-too-many'), undefined);
  assert.deepEqual(store.leases().map(say), [
    'office 192.168.11.101 a/eth0 pool',
    'office 192.168.11.102 b/eth0 pool',
    'office 192.168.11.104 c/eth0 pool',
  ]);
});

test('a body that is refused after a wish was removed leaves the wish as it was', async (t) => {
  const store = openTemporaryStore(t);
  await enter(store, 'shop');
  const before = everything(store);
  const end = store.together(() => {
    store.removeEnvironment({ name: 'shop', now: at('15:00'), quarantineMs: 0, keepAddresses: false });
    throw new Error('changed its mind');
  });
  await assert.rejects(end, /changed its mind/);
  assert.deepEqual(everything(store), before);
});

test('the file says the same as memory, also for what was asked for just before the end', async (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const store = openStore({ file, now: at('12:00') });
  await Promise.allSettled(['a', 'b', 'c', 'd'].map((name) => enter(store, name)));
  const late = store.together(() => store.putEnvironment(spec('late'), 'up', at('16:00')));
  store.close();
  await late;
  const again = openStore({ file, now: at('12:00') });
  t.after(() => again.close());
  assert.deepEqual(
    again.environments().map((it) => it.spec.name),
    ['a', 'b', 'c', 'late'],
  );
  assert.equal(again.leases().length, 3);
});
