import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AttachAsk } from '../api/daemon.ts';
import { parseLinkNetwork } from '../core/link-network.ts';
import { isLandlineError } from '../errors.ts';
import type { Link, LinkChange } from '../host/index.ts';
import { prefix } from '../net/prefix.ts';
import { attachTarget, detachTarget } from './attachments.ts';
import { type Environments, openEnvironments } from './environments.ts';
import { type FakeWorld, fakeWorld } from './fixture.ts';
import { openNics } from './nics.ts';
import type { World } from './world.ts';

const mac = '52:54:00:00:00:34';
const blue = '/run/netns/blue';
const network = 'phys:ens34:192.168.11.0/24';

interface Room extends FakeWorld {
  readonly environments: Environments;
  attach(more?: Partial<AttachAsk>): Promise<unknown>;
  /** NICs of the host, in the field's notation. */
  nics(): Promise<readonly string[]>;
  inBlue(path?: string): Promise<readonly string[]>;
  /** Somebody in blue does what root may. */
  setInBlue(name: string, change: Pick<LinkChange, 'name' | 'alias' | 'mac' | 'mtu'>): Promise<void>;
}

/** A host with a second NIC, with settings of its own, and the namespace of somebody's container. */
async function room(t: TestContext): Promise<Room> {
  const it = await fakeWorld(t);
  const { world, host } = it;
  const environments = openEnvironments(world);
  t.after(() => environments.close());
  const known = parseLinkNetwork(network);
  assert.ok(known);
  // A probe takes 300 ms.
  world.linkNetworks.set(network, { ...known, probe: 'off' });
  host.addNic('ens34', mac);
  await host.kernel.setLink((await find(it, 'ens34')).index, { mtu: 9000, alias: 'to the lab', up: true });
  await host.addNetns(blue);
  const ask: AttachAsk = {
    name: 'blue',
    target: { kind: 'file', path: blue },
    network,
    address: '192.168.11.101',
    interface: 'eth1',
    gateway: 'none',
    routes: [],
  };
  return {
    ...it,
    environments,
    attach: (more) => attachTarget(world, environments, { ...ask, ...more }),
    nics: async () => (await host.kernel.listLinks()).filter((link) => link.permanentMac !== undefined).map(show),
    inBlue: (path = blue) =>
      host.within(path, async ({ kernel }) => (await kernel.listLinks()).filter((link) => link.name !== 'lo').map(show)),
    setInBlue: (name, change) =>
      host.within(blue, async ({ kernel }) => {
        const index = (await kernel.getLink(name))?.index ?? 0;
        if (change.mac !== undefined) await kernel.setLink(index, { up: false });
        await kernel.setLink(index, { ...change, up: true });
      }),
  };
}

const show = ({ name, mac: own, mtu, up, alias }: Link): string =>
  `${name} ${own} ${mtu} ${up ? 'up' : 'down'} ${alias ?? ''}`.trim();

async function find({ host }: FakeWorld, name: string): Promise<Link> {
  const link = await host.kernel.getLink(name);
  assert.ok(link);
  return link;
}

const atHome = [`ens34 ${mac} 9000 up to the lab`];
const away = [`eth1 ${mac} 9000 up landline-nic:a1b2:blue:eth1`];

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (!(error instanceof Error && isLandlineError(error))) throw error;
    return `${error.code}: ${error.message}`;
  }
};

/** Another daemon in the same world: it holds nothing yet. */
async function restart({ world, environments }: Room, meanwhile: () => Promise<void>): Promise<void> {
  await environments.close();
  world.nics.close();
  await meanwhile();
  (world as { nics: World['nics'] }).nics = openNics(() => world);
}

test('a NIC goes into the sandbox under the wished name, and comes back as it was', async (t) => {
  const it = await room(t);
  await it.attach();
  assert.deepEqual([await it.nics(), await it.inBlue()], [[], away]);
  assert.deepEqual(
    await it.host.within(blue, async ({ kernel }) => (await kernel.listAddresses()).map((one) => one.address).at(-1)),
    prefix('192.168.11.101/24'),
  );
  assert.equal(it.world.store.leasesOf('blue')[0]?.mac, mac);
  await detachTarget(it.environments, 'blue', undefined);
  assert.deepEqual([await it.nics(), await it.inBlue(), it.world.store.nics()], [atHome, [], []]);
});

test('whatever root in the sandbox does to name, alias and MAC, it is known again', async (t) => {
  const it = await room(t);
  await it.attach();
  await it.setInBlue('eth1', { name: 'mine', alias: 'mine', mac: '02:00:00:00:00:07' });
  await detachTarget(it.environments, 'blue', undefined);
  assert.deepEqual(await it.nics(), atHome);
});

test('a link in the sandbox that carries the mark of the NIC is not taken for it', async (t) => {
  const it = await room(t);
  await it.attach();
  await it.setInBlue('eth1', { name: 'mine', alias: '' });
  await it.host.within(blue, ({ kernel }) =>
    kernel.addLink({ kind: 'bridge', name: 'eth1', alias: 'landline-nic:a1b2:blue:eth1' }),
  );
  await detachTarget(it.environments, 'blue', undefined);
  assert.deepEqual(await it.nics(), atHome);
  assert.deepEqual(await it.inBlue().then((links) => links.length), 1);
});

test('the end of the sandbox gives nothing to the kernel: the daemon holds it until the NIC is home', async (t) => {
  const it = await room(t);
  await it.attach();
  await it.setInBlue('eth1', { name: 'br0' });
  await it.host.deleteNetns(blue);
  await it.environments
    .loop('blue')
    .converge()
    .catch(() => undefined);
  assert.deepEqual([await it.nics(), it.world.store.nics()], [atHome, []]);
  await it.host.addNetns(blue);
  await it.environments.loop('blue').converge();
  assert.deepEqual([await it.nics(), await it.inBlue()], [[], away]);
});

test('a sandbox in the place of the former one gets the NIC from there', async (t) => {
  const it = await room(t);
  await it.attach();
  await it.host.deleteNetns(blue);
  await it.host.addNetns(blue);
  await it.environments.loop('blue').converge();
  assert.deepEqual([await it.nics(), await it.inBlue()], [[], away]);
});

test('what the kernel gave back under another name while no daemon ran becomes what it was', async (t) => {
  const it = await room(t);
  await it.attach();
  await it.setInBlue('eth1', { name: 'br0', alias: '' });
  await restart(it, () => it.host.deleteNetns(blue));
  assert.match((await it.nics())[0] ?? '', /^dev\d+ 52:54:00:00:00:34 9000 down/);
  const next = openEnvironments(it.world);
  t.after(() => next.close());
  await next
    .loop('blue')
    .converge()
    .catch(() => undefined);
  assert.deepEqual([await it.nics(), it.world.store.nics()], [atHome, []]);
});

test('another daemon holds it too', async (t) => {
  const it = await room(t);
  await it.attach();
  await restart(it, async () => undefined);
  const next = openEnvironments(it.world);
  t.after(() => next.close());
  await next.loop('blue').converge();
  await it.host.deleteNetns(blue);
  await next
    .loop('blue')
    .converge()
    .catch(() => undefined);
  assert.deepEqual(await it.nics(), atHome);
});

test('what was nowhere when its environment went is put right once it is seen', async (t) => {
  const it = await room(t);
  await it.attach();
  // A process of blue's own lives on.
  await restart(it, async () => it.host.bindNetns('/proc/4711/ns/net', blue));
  await it.host.deleteNetns(blue);
  const next = openEnvironments(it.world);
  t.after(() => next.close());
  await next.down('blue', { keepAddress: false, volumes: false });
  assert.deepEqual(
    it.world.store.nics().map((one) => one.name),
    ['ens34'],
  );
  await it.host.deleteNetns('/proc/4711/ns/net');
  await it.world.nics.settleOrphans();
  assert.deepEqual([await it.nics(), it.world.store.nics()], [atHome, []]);
});

test('whose name somebody has taken meanwhile is home under another, and gets its own once that is free', async (t) => {
  const it = await room(t);
  await it.attach();
  await it.host.kernel.addLink({ kind: 'bridge', name: 'ens34' });
  await detachTarget(it.environments, 'blue', undefined);
  assert.match((await it.nics())[0] ?? '', /^llnic\d+ 52:54:00:00:00:34 9000 up landline-nic/);
  assert.match(await codeOf(it.attach()), /^NIC_MOVED|^NIC_IN_USE/);
  await it.host.kernel.deleteLink((await find(it, 'ens34')).index);
  await it.world.nics.settleOrphans();
  assert.deepEqual([await it.nics(), it.world.store.nics()], [atHome, []]);
});

test('a setting that cannot be restored keeps back neither the rest of the NIC nor the environment', async (t) => {
  const it = await room(t);
  await it.attach();
  await it.setInBlue('eth1', { mtu: 1500, mac: '02:00:00:00:00:07' });
  it.host.limitMtu('eth1', 1500);
  await detachTarget(it.environments, 'blue', undefined);
  await it.world.nics.settleOrphans();
  const almost = [`ens34 ${mac} 1500 up landline-nic:a1b2:blue:eth1`];
  assert.deepEqual([await it.nics(), await it.inBlue(), it.world.store.environments()], [almost, [], []]);
  const troubles = it.told.filter((line) => line.startsWith('NIC in trouble'));
  assert.equal(troubles.length, 1, it.told.join('\n'));
  assert.match(troubles[0] ?? '', /nic=ens34 .*mtu 9000/);
  assert.match(await codeOf(it.attach()), /^NIC_MOVED|^NIC_IN_USE: .* is not what it was .*mtu 9000/);
  it.host.limitMtu('ens34', 9000);
  await it.world.nics.settleOrphans();
  assert.deepEqual([await it.nics(), it.world.store.nics()], [atHome, []]);
});

test('a NIC with such a setting whose sandbox has ended is in the next one neither in the way nor lost', async (t) => {
  const it = await room(t);
  await it.attach();
  await it.setInBlue('eth1', { mtu: 1500 });
  it.host.limitMtu('eth1', 1500);
  await it.host.deleteNetns(blue);
  await it.host.addNetns(blue);
  assert.match(await codeOf(it.environments.loop('blue').converge()), /^NIC_IN_USE/);
  it.host.limitMtu('ens34', 9000);
  await it.environments.loop('blue').converge();
  assert.deepEqual([await it.nics(), await it.inBlue()], [[], away]);
});

test('a NIC whose MAC somebody in the sandbox has changed gets it back there', async (t) => {
  const it = await room(t);
  await it.attach();
  await it.setInBlue('eth1', { mac: '02:00:00:00:00:07' });
  await it.environments.loop('blue').converge();
  assert.deepEqual([await it.nics(), await it.inBlue()], [[], away]);
});

test('refused by name: what the host needs, what has been given away, what is no NIC, and a name that is taken', async (t) => {
  const it = await room(t);
  const { kernel } = it.host;
  const nic = await find(it, 'ens34');
  const refused = async (says: RegExp, more?: Partial<AttachAsk>): Promise<void> => {
    assert.match(await codeOf(it.attach(more)), says);
    assert.deepEqual([await it.inBlue(), it.world.store.nics(), it.world.store.environments()], [[], [], []]);
  };
  await refused(/^NIC_MISSING/, { network: 'phys:ens99:192.168.11.0/24' });
  await refused(/^NIC_IMMOVABLE: br0 .* it is a bridge/, { network: 'phys:br0:192.168.11.0/24' });
  await refused(/^NIC_IMMOVABLE: lo /, { network: 'phys:lo:192.168.11.0/24' });
  await kernel.addAddress({ link: nic.index, address: prefix('192.168.11.34/24') });
  await kernel.addRoute({ to: prefix('0.0.0.0/0'), link: nic.index });
  await refused(/^NIC_IN_USE: ens34 .* default route/);
  await kernel.deleteRoute({ to: prefix('0.0.0.0/0') });
  await kernel.addLink({ kind: 'macvlan', name: 'upper', parent: nic.index });
  await refused(/^NIC_IN_USE: ens34 .* upper, a macvlan, is on it/);
  await kernel.deleteLink((await find(it, 'upper')).index);
  await kernel.setLink(nic.index, { controller: (await find(it, 'br0')).index });
  await refused(/^NIC_IN_USE: ens34 .* port of br0/);
  await kernel.setLink(nic.index, { controller: 0 });
  await it.host.within(blue, (inside) => inside.kernel.addLink({ kind: 'bridge', name: 'eth1' }));
  assert.match(await codeOf(it.attach()), /^INTERFACE_TAKEN/);
  assert.deepEqual([await it.nics(), it.world.store.nics()], [atHome, []]);
  await it.attach({ interface: 'eth2' });
  await it.host.addNetns('/run/netns/red');
  const red = { name: 'red', target: { kind: 'file', path: '/run/netns/red' }, address: '192.168.11.102' } as const;
  assert.match(await codeOf(it.attach(red)), /^NIC_MOVED: ens34 is in the sandbox of 'blue', as eth2/);
  assert.deepEqual(
    it.world.store.environments().map((one) => one.spec.name),
    ['blue'],
  );
});

test('whichever call fails on the way, and whether it was done or not, the NIC is whole in the sandbox or as it was at home', async (t) => {
  const count = await callsOfAttach(t);
  for (let at = 1; at <= count; at += 1) {
    for (const done of [false, true]) {
      const it = await room(t);
      it.host.failAt(at, { done });
      await it.attach().catch(() => undefined);
      // What could not be undone is settled by the next daemon at the latest.
      await restart(it, async () => undefined);
      const next = openEnvironments(it.world);
      if (it.world.store.environment('blue') !== undefined) await next.resume('blue').catch(() => undefined);
      await it.world.nics.settleOrphans();
      const isUp = it.world.store.environment('blue') !== undefined;
      assert.deepEqual(
        [await it.nics(), await it.inBlue()],
        isUp ? [[], away] : [atHome, []],
        `call ${at}, ${done ? 'done' : 'not done'}`,
      );
      await next.close();
    }
  }
});

async function callsOfAttach(t: TestContext): Promise<number> {
  const it = await room(t);
  const before = it.host.calls.length;
  await it.attach();
  return it.host.calls.length - before;
}
