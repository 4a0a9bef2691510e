import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { iterate } from './iterate.ts';

/** Something to listen to, that knows how many do. */
function source() {
  const listeners = new Set<(value: string) => void>();
  return {
    listen: (listener: (value: string) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    say: (value: string) => {
      for (const listener of listeners) listener(value);
    },
    count: () => listeners.size,
  };
}

test('what is said comes out in order, also what was said before it was asked for', async () => {
  const { listen, say } = source();
  const values = iterate(listen, new AbortController().signal);
  const first = values.next();
  say('a');
  say('b');
  say('c');
  assert.deepEqual(await first, { done: false, value: 'a' });
  assert.deepEqual([(await values.next()).value, (await values.next()).value], ['b', 'c']);
  const later = values.next();
  await turn();
  say('d');
  assert.equal((await later).value, 'd');
});

test('an abort ends it, while it waits and between two values, and nobody listens any more', async () => {
  for (const whileWaiting of [true, false]) {
    const { listen, say, count } = source();
    const stop = new AbortController();
    const values = iterate(listen, stop.signal);
    const first = values.next();
    say('a');
    await first;
    const next = whileWaiting ? values.next() : undefined;
    await turn();
    stop.abort();
    assert.deepEqual(await (next ?? values.next()), { done: true, value: undefined });
    assert.equal(count(), 0);
  }
});

test('whoever stops reading stops listening', async () => {
  const { listen, say, count } = source();
  setTimeout(() => say('a'), 1);
  for await (const value of iterate(listen, new AbortController().signal)) {
    assert.equal(value, 'a');
    assert.equal(count(), 1);
    break;
  }
  assert.equal(count(), 0);
});
