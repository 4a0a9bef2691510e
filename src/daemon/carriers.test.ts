import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Link } from '../host/index.ts';
import { watchCarriers } from './carriers.ts';
import { fakeWorld } from './fixture.ts';

/** Longer than a carrier has to be steady. */
const steadyMs = 400;

test("a sandbox's link that has the number of the NIC neither loses its carrier nor hides that it is lost", async (t) => {
  const { world, told } = await fakeWorld(t);
  const { kernel } = world.host;
  const bridge = await kernel.getLink('br0');
  const mac = '52:54:00:00:00:33';
  const nic = { kind: 'veth', name: 'ens33', mac, controller: bridge?.index ?? 0, up: true, peer: { name: 'cable' } } as const;
  const { index, peer = 0 } = await kernel.addLink(nic);
  await kernel.setLink(peer, { up: true });
  const carriers = watchCarriers(world);
  t.after(() => carriers.close());
  const hear = async (change: 'new' | 'deleted', others: Partial<Link> = {}, ms = steadyMs): Promise<void> => {
    const link = await kernel.getLink(index);
    assert.ok(link !== undefined);
    carriers.hear({ kind: 'link', change, link: { ...link, ...others } });
    await sleep(ms);
  };
  const toldOf = (): readonly string[] => told.filter((it) => it.startsWith('carrier'));
  await hear('new');
  await hear('new', { name: 'eth0', carrier: false });
  await hear('deleted', { name: 'eth0', carrier: false });
  assert.deepEqual(toldOf(), []);
  await kernel.setLink(peer, { up: false });
  await hear('new', {}, steadyMs / 8);
  await hear('new', { name: 'eth0', carrier: true });
  assert.deepEqual(toldOf(), ['carrier lost network=office link=ens33']);
  await kernel.setLink(peer, { up: true });
  await hear('new');
  assert.deepEqual(toldOf().slice(1), ['carrier back network=office link=ens33']);
});
