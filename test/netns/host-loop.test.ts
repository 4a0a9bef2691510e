import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { inRoom } from './host-room.ts';

interface Lag {
  /** Milliseconds from begin to end. */
  readonly total: number;
  /** By how many milliseconds a timer of one millisecond was late: most, and for nineteen of twenty. */
  readonly most: number;
  readonly usual: number;
}

async function lagOf(body: () => Promise<unknown>): Promise<Lag> {
  const late: number[] = [];
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    late.push(now - last - 1);
    last = now;
  }, 1);
  const begin = performance.now();
  await body();
  const total = performance.now() - begin;
  // What a loop that stood still has missed is counted when it turns again.
  await sleep(10);
  clearInterval(timer);
  const sorted = late.sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  return { total, most: at(1), usual: at(0.95) };
}

const names = Array.from({ length: 100 }, (_, index) => `a${index}`);

inRoom('a hundred links are deleted while the event loop goes on', async ({ host }) => {
  const { kernel } = host;
  const links = await Promise.all(names.map((name) => kernel.addLink({ kind: 'veth', name, peer: { name: `${name}-peer` } })));
  const lag = await lagOf(() => Promise.all(links.map(({ index }) => kernel.deleteLink(index))));
  assert.equal((await kernel.listLinks()).length, 1);
  const measured = JSON.stringify(lag);
  assert.ok(lag.total > 200, `deleting is slow, or this measures nothing: ${measured}`);
  assert.ok(lag.usual < 10, measured);
  assert.ok(lag.most < lag.total / 4, measured);
});

inRoom('a link is made in the middle of many deletes, and need not wait for them', async ({ host }) => {
  const { kernel } = host;
  const links = await Promise.all(names.map((name) => kernel.addLink({ kind: 'veth', name, peer: { name: `${name}-peer` } })));
  const begin = performance.now();
  const deleting = Promise.all(links.map(({ index }) => kernel.deleteLink(index))).then(() => performance.now() - begin);
  await kernel.addLink({ kind: 'veth', name: 'b', peer: { name: 'b-peer' } });
  const added = performance.now() - begin;
  const deleted = await deleting;
  assert.ok(added < deleted / 4, `made after ${added.toFixed(1)} ms of ${deleted.toFixed(1)}`);
});

inRoom('a hundred links are made while the event loop goes on', async ({ host }) => {
  const { kernel } = host;
  const lag = await lagOf(() =>
    Promise.all(names.map((name) => kernel.addLink({ kind: 'veth', name, peer: { name: `${name}-peer` } }))),
  );
  assert.ok(lag.usual < 10, JSON.stringify(lag));
});
