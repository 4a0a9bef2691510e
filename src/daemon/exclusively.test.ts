import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { exclusively } from './exclusively.ts';

/** A body that says when it begins, and ends when told to. */
function body(said: string[], name: string) {
  const end = Promise.withResolvers<string>();
  const run = async (): Promise<string> => {
    said.push(`${name} begins`);
    try {
      return await end.promise;
    } finally {
      said.push(`${name} ends`);
    }
  };
  return { run, end: () => end.resolve(name), fail: () => end.reject(new Error(`${name} failed`)) };
}

test('one after the other for one name, in the order of asking; each gets its own result', async () => {
  const said: string[] = [];
  const inTurn = exclusively();
  const [first, second, third] = ['first', 'second', 'third'].map((it) => body(said, it)) as [Body, Body, Body];
  const results = [first, second, third].map((it) => inTurn('shop', it.run));
  await turn();
  assert.deepEqual(said, ['first begins']);
  third.end();
  second.end();
  first.end();
  assert.deepEqual(await Promise.all(results), ['first', 'second', 'third']);
  assert.deepEqual(said, ['first begins', 'first ends', 'second begins', 'second ends', 'third begins', 'third ends']);
});

type Body = ReturnType<typeof body>;

test('different names run side by side', async () => {
  const said: string[] = [];
  const inTurn = exclusively();
  const [shop, crm] = ['shop', 'crm'].map((it) => body(said, it)) as [Body, Body];
  const results = [inTurn('shop', shop.run), inTurn('crm', crm.run)];
  await turn();
  assert.deepEqual(said, ['shop begins', 'crm begins']);
  shop.end();
  crm.end();
  await Promise.all(results);
});

test('what fails fails for its own caller alone, and the next has its turn', async () => {
  const said: string[] = [];
  const inTurn = exclusively();
  const [first, second] = ['first', 'second'].map((it) => body(said, it)) as [Body, Body];
  const results = [inTurn('shop', first.run), inTurn('shop', second.run)];
  first.fail();
  second.end();
  await assert.rejects(results[0] as Promise<string>, { message: 'first failed' });
  assert.equal(await results[1], 'second');
});

test('a name is free again after its last turn, also within the same tick', async () => {
  const inTurn = exclusively();
  await inTurn('shop', async () => undefined);
  let began = false;
  const again = inTurn('shop', async () => {
    began = true;
  });
  await Promise.resolve();
  assert.ok(began);
  await again;
});
