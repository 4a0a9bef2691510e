import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatMark } from '../core/mark.ts';
import type { Link } from '../host/index.ts';
import { openEnvironments } from './environments.ts';
import { type FakeWorld, fakeWorld, specOf } from './fixture.ts';
import { watchWorld } from './triggers.ts';

/** Longer than bursts are gathered. */
const soonMs = 60;

interface Watched extends FakeWorld {
  /** What was woken since it was asked last. */
  woken(): Promise<readonly string[]>;
  /** How often somebody was woken. */
  times(): number;
}

/** Two environments, and somebody who listens to what is woken. */
async function watched(t: TestContext): Promise<Watched> {
  const it = await fakeWorld(t);
  const environments = openEnvironments(it.world);
  for (const name of ['crm', 'shop']) await environments.up(specOf(name, 'pool'), { wait: false, timeoutMs: 1000 });
  const woken = new Set<string>();
  let times = 0;
  const listener = {
    ...environments,
    wake: (names: Iterable<string>): void => {
      times += 1;
      for (const name of names) woken.add(name);
    },
    wakeThese: (names: Iterable<string>): void => {
      for (const name of names) woken.add(name);
    },
  };
  const triggers = await watchWorld(it.world, listener);
  t.after(async () => {
    triggers.close();
    await environments.close();
  });
  const take = async (): Promise<readonly string[]> => {
    await sleep(soonMs);
    const names = [...woken].sort();
    woken.clear();
    return names;
  };
  await take();
  return { ...it, woken: take, times: () => times };
}

const hostEnd = async ({ world }: FakeWorld, name: string): Promise<Link> => {
  const found = (await world.host.kernel.listLinks()).find((it) => it.alias?.includes(`:${name}:`));
  assert.ok(found, name);
  return found;
};

const inside = (it: FakeWorld, name: string): string => `${it.world.netnsFolder}/${name}`;

test('what happens to one environment wakes that one alone', async (t) => {
  const it = await watched(t);
  const { host } = it.world;
  const { index, peer = 0 } = await hostEnd(it, 'shop');
  const [lease] = it.world.store.leasesOf('shop');
  const address = { address: lease?.address ?? 0, length: 23 };
  const happenings: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["the host's end goes down", () => host.kernel.setLink(index, { up: false })],
    ["the host's end leaves the bridge", () => host.kernel.setLink(index, { controller: 0 })],
    ['the mark is taken away', () => host.kernel.setLink(index, { alias: '' })],
    [
      'the MAC in the sandbox changes',
      () => host.within(inside(it, 'shop'), ({ kernel }) => kernel.setLink(peer, { mac: '02:00:00:00:00:77' })),
    ],
    [
      'the MTU in the sandbox changes',
      () => host.within(inside(it, 'shop'), ({ kernel }) => kernel.setLink(peer, { mtu: 1280 })),
    ],
    [
      'the address is deleted',
      () => host.within(inside(it, 'shop'), ({ kernel }) => kernel.deleteAddress({ link: peer, address })),
    ],
    ['the link is deleted', () => host.kernel.deleteLink(index)],
    ['a service ends', async () => it.machine.end('shop', 'web', 1)],
  ];
  for (const [what, happen] of happenings) {
    await happen();
    const names = await it.woken();
    assert.ok(names.includes('shop'), `${what}: ${names}`);
    // Deleting an address takes routes along that name none, and may be anybody's.
    if (!['the address is deleted', 'the link is deleted'].includes(what)) assert.deepEqual(names, ['shop'], what);
  }
});

test('what may concern everybody wakes everybody: the bridge, lost events', async (t) => {
  const it = await watched(t);
  const bridge = (await it.world.host.kernel.getLink('br0'))?.index ?? 0;
  await it.world.host.kernel.setLink(bridge, { up: false });
  assert.deepEqual(await it.woken(), ['crm', 'shop']);
  it.host.tell({ kind: 'overrun' });
  assert.deepEqual(await it.woken(), ['crm', 'shop']);
  assert.ok(it.told.includes('kernel events lost'));
});

test("other people's links and marks wake nobody", async (t) => {
  const it = await watched(t);
  const { kernel } = it.world.host;
  const added = await kernel.addLink({ kind: 'veth', name: 'docker0', up: true, peer: { name: 'docker1' } });
  const theirs = formatMark({ installation: 'another', environment: 'shop', interface: 'eth0' });
  await kernel.setLink(added.index, { alias: theirs, mtu: 1400 });
  await kernel.setLink(added.peer ?? 0, { up: true });
  assert.deepEqual(await it.woken(), []);
  await kernel.deleteLink(added.index);
  assert.deepEqual(await it.woken(), []);
});

test('a sandbox that is unbound is noticed without any event, even right after the start', async (t) => {
  const it = await watched(t);
  // Its links die with it; who holds it open keeps them.
  it.host.bindNetns('/proc/1001/ns/net', inside(it, 'shop'));
  await it.world.host.deleteNetns(inside(it, 'shop'));
  assert.deepEqual(await it.woken(), []);
  await sleep(5200);
  assert.deepEqual(await it.woken(), ['shop']);
});

test('a burst of events is one look', async (t) => {
  const it = await watched(t);
  const { index } = await hostEnd(it, 'shop');
  const before = it.times();
  for (let change = 0; change < 50; change += 1) await it.world.host.kernel.setLink(index, { mtu: 1400 + change });
  assert.deepEqual(await it.woken(), ['shop']);
  assert.equal(it.times() - before, 1);
});

test('a bridge that is only told of anew, as with each port that joins it, wakes nobody', async (t) => {
  const it = await watched(t);
  const link = await it.world.host.kernel.getLink('br0');
  assert.ok(link);
  it.host.tell({ kind: 'link', change: 'new', link });
  await it.woken();
  for (let port = 0; port < 5; port += 1) it.host.tell({ kind: 'link', change: 'new', link });
  assert.deepEqual(await it.woken(), []);
  it.host.tell({ kind: 'link', change: 'new', link: { ...link, mtu: 1400 } });
  assert.deepEqual(await it.woken(), ['crm', 'shop']);
});

test('where there is a reason to look at everything all the time, looks have rests between them, and the last reason gets one', async (t) => {
  const it = await watched(t);
  // 202 environments rest for 808 ms.
  for (let at = 0; at < 200; at += 1) it.world.store.putEnvironment(specOf(`more-${at}`, 'pool'), 'up', 0);
  const looks: number[] = [];
  for (let reason = 0; reason < 10; reason += 1) {
    it.host.tell({ kind: 'route', change: 'deleted' });
    looks.push((await it.woken()).length);
  }
  assert.equal(looks[0], 202);
  assert.ok(looks.filter((count) => count > 0).length <= 3, String(looks));
  await sleep(900);
  assert.equal((await it.woken()).length, 202);
});

test('a route that names its address concerns whoever has that', async (t) => {
  const it = await watched(t);
  const [lease] = it.world.store.leasesOf('shop');
  it.host.tell({ kind: 'route', change: 'deleted', source: lease?.address ?? 0 });
  assert.deepEqual(await it.woken(), ['shop']);
});

test("a NIC whose carrier goes and comes back is told of; a container's port that starts and ends is none", async (t) => {
  const it = await watched(t);
  const { kernel } = it.world.host;
  const bridge = (await kernel.getLink('br0'))?.index ?? 0;
  const addPort = (name: string): ReturnType<typeof kernel.addLink> =>
    kernel.addLink({ kind: 'veth', name, up: true, controller: bridge, peer: { name: `${name}-far` } });
  const plug = (peer: number | undefined, up: boolean): Promise<void> => kernel.setLink(peer ?? 0, { up });
  const carriers = async (): Promise<readonly string[]> => {
    await sleep(400);
    return it.told.filter((line) => line.startsWith('carrier'));
  };
  const nic = await addPort('ens33');
  const container = await addPort('veth7');
  await plug(nic.peer, true);
  await plug(container.peer, true);
  await plug(container.peer, false);
  await kernel.deleteLink(container.index);
  await plug(nic.peer, false);
  await plug(nic.peer, true);
  assert.deepEqual(await carriers(), [], 'it bounced');
  await plug(nic.peer, false);
  const lost = 'carrier lost network=office link=ens33';
  assert.deepEqual(await carriers(), [lost]);
  await plug(nic.peer, true);
  assert.deepEqual(await carriers(), [lost, 'carrier back network=office link=ens33']);
  const { index } = await hostEnd(it, 'shop');
  await kernel.setLink(index, { up: false });
  assert.equal((await carriers()).length, 2, 'an endpoint of ours is no NIC');
});

test('whatever was heard, each environment is looked at once a minute, and not all of them at once', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const it = await watched(t);
  t.mock.timers.tick(60_000);
  assert.deepEqual(await it.woken(), []);
  const looks: string[][] = [];
  for (let look = 0; look < 12; look += 1) {
    t.mock.timers.tick(5_000);
    looks.push([...(await it.woken())]);
  }
  assert.deepEqual(looks.flat(), ['crm', 'shop']);
  assert.ok(looks.every((names) => names.length <= 1));
});
