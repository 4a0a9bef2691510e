import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fakeHost } from '../host/fake.ts';
import { watchForwarding } from './forwarding.ts';

/** A port of a bridge, up or not; the fake's ports forward as soon as both ends are up. */
async function port(up: boolean) {
  const host = fakeHost();
  const forwarding = watchForwarding();
  await host.watch(forwarding.hear);
  const bridge = await host.kernel.addLink({ kind: 'bridge', name: 'br0', up: true });
  const { index, peer = 0 } = await host.kernel.addLink({
    kind: 'veth',
    name: 'll0',
    controller: bridge.index,
    peer: { name: 'eth0' },
    up: true,
  });
  const raise = (): Promise<void> => host.kernel.setLink(peer, { up: true });
  if (up) await raise();
  const wait = async (): Promise<number> => {
    const begin = performance.now();
    await forwarding.wait(host, index);
    return performance.now() - begin;
  };
  return { host, wait, raise };
}

test('a port that forwards is not waited for', async () => {
  const { wait } = await port(true);
  assert.ok((await wait()) < 50);
});

test('a port is waited for until the kernel says that it forwards', async () => {
  const { wait, raise } = await port(false);
  const waiting = wait();
  await sleep(100);
  await raise();
  const took = await waiting;
  assert.ok(took >= 95 && took < 300, `${took} ms`);
});

test('lost events may have been the one: the wait is over', async () => {
  const { host, wait } = await port(false);
  const waiting = wait();
  await sleep(50);
  host.tell({ kind: 'overrun' });
  assert.ok((await waiting) < 300);
});

test('patience ends after a second, so that a bridge with spanning tree does not hold up an attach for half a minute', async () => {
  const { wait } = await port(false);
  const took = await wait();
  assert.ok(took >= 950 && took < 1500, `${took} ms`);
});

test('a port that is gone is an error, and is not waited for', async () => {
  const { host, wait } = await port(true);
  host.failAt(1, { errno: 'EIO' });
  await assert.rejects(wait(), { errno: 'EIO' });
});
