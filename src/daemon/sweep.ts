/**
 * The start after an end that nobody planned: what is ours and wished for is kept, what is ours and not wished for
 * goes, and nothing else is touched.
 */
import { privateLinkGroup } from '../core/mark.ts';
import { deleteLinkIfThere } from './attach.ts';
import { removeHalfMadePrivate } from './private-endpoint.ts';
import { stopManner } from './run-step.ts';
import { netnsPath, type World } from './world.ts';

/** Removes sandboxes, services and links of environments that the ledger does not know, and half-made links. */
export async function sweep(world: World): Promise<void> {
  const isSurplus = surplusIn(world);
  const tell = tellIn(world);
  await sweepServices(world);

  const bound = (await world.host.listNetns(world.netnsFolder)).filter(isSurplus);
  for (const name of bound) await world.host.deleteNetns(netnsPath(world, name));
  bound.forEach(tell('surplus sandbox removed'));

  await world.marked.refresh();
  for (const link of world.marked.all()) {
    if (!isSurplus(link.mark.environment)) continue;
    await deleteLinkIfThere(world.host, link.index);
    tell('surplus link removed')(link.mark.environment);
  }
  await removeHalfMade(world);
  const halfMade = await removeHalfMadePrivate(world.host, privateLinkGroup(world.store.installation));
  for (const link of halfMade) world.events.tell('half-made link removed', { link });
}

function surplusIn(world: World): (name: string) => boolean {
  const wished = new Set(world.store.environments().map((it) => it.spec.name));
  return (name) => !wished.has(name);
}

const tellIn = (world: World) => (what: string) => (name: string) => world.events.tell(what, { environment: name });

/** Ends services of environments that the ledger does not know. */
export async function sweepServices(world: World): Promise<void> {
  const tell = tellIn(world);
  const served = (await world.engine.environments()).filter(surplusIn(world));
  await Promise.all(served.map((name) => world.engine.remove(name, 0)));
  served.forEach(tell('surplus services ended'));
}

/**
 * Ends generations that are not the one that the ledger says, and that nobody builds: what was half-built at once, what was
 * there before as it is stopped otherwise.
 */
export async function sweepGenerations(world: World): Promise<void> {
  const { generations } = world.engine;
  for (const it of (await generations?.list()) ?? []) {
    const spec = world.store.environment(it.environment)?.spec;
    const current = spec?.generation ?? 0;
    if (spec === undefined || it.generation === current || world.swaps.has(it.environment)) continue;
    const isFormer = it.generation < current;
    await generations?.end(it, isFormer ? (service) => stopManner(spec, service) : undefined);
    const { environment } = it;
    if (isFormer) world.events.tell('former generation ended', { environment });
    else world.events.tell('half-built generation removed', { environment });
  }
  for (const { spec } of world.store.environments())
    if (spec.generation !== undefined && !world.swaps.has(spec.name)) await generations?.settle(spec.name);
}

/** A veth, or the host's own child of a NIC, of our group without an alias: its making was cut off between the two. */
const kinds = ['veth', 'macvlan', 'ipvlan'];

async function removeHalfMade(world: World): Promise<void> {
  for (const link of await world.host.kernel.listLinks()) {
    if (link.group !== world.linkGroup || !kinds.includes(link.kind ?? '') || link.alias !== undefined) continue;
    await deleteLinkIfThere(world.host, link.index);
    world.events.tell('half-made link removed', { link: link.name });
  }
}
