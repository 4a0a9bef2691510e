import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { limited } from './limited.ts';

test('at most so many run at once, and the others begin in the order of asking', async () => {
  const atMost = limited(2);
  const ends = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const began: number[] = [];
  const all = ends.map((end, at) =>
    atMost(async () => {
      began.push(at);
      await end.promise;
      return at;
    }),
  );
  await turn();
  assert.deepEqual(began, [0, 1]);
  ends[1]?.resolve();
  await turn();
  assert.deepEqual(began, [0, 1, 2]);
  for (const end of ends) end.resolve();
  assert.deepEqual(await Promise.all(all), [0, 1, 2, 3, 4]);
});

test('one that fails makes room for the next', async () => {
  const one = limited(1);
  const failed = one(() => Promise.reject(new Error('no')));
  const next = one(async () => 'next');
  await assert.rejects(failed, { message: 'no' });
  assert.equal(await next, 'next');
});

test('law: never more than the limit, all of them run, and none is forgotten', async () => {
  const many = fc.array(fc.record({ turns: fc.integer({ min: 1, max: 4 }), fails: fc.boolean() }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), many, async (most, works) => {
      const atMost = limited(most);
      let running = 0;
      let highest = 0;
      const outcomes = await Promise.allSettled(
        works.map(({ turns, fails }) =>
          atMost(async () => {
            running += 1;
            highest = Math.max(highest, running);
            for (let count = 0; count < turns; count += 1) await Promise.resolve();
            running -= 1;
            if (fails) throw new Error('no');
          }),
        ),
      );
      assert.ok(highest <= most, `${highest} of ${most}`);
      assert.equal(highest, Math.min(most, works.length));
      assert.deepEqual(
        outcomes.map((it) => it.status),
        works.map((it) => (it.fails ? 'rejected' : 'fulfilled')),
      );
      assert.equal(running, 0);
    }),
  );
});
