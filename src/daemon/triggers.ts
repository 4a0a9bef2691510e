/** What makes the loops look again: kernel events, the ends of services, and a slow timer. */
import { parseMark } from '../core/mark.ts';
import type { KernelEvent, Watch } from '../host/index.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { Environments } from './environments.ts';
import { lansOf } from './networks.ts';
import { removeOwnBridges } from './own-bridges.ts';
import { isOwned, sandboxPath } from './sandbox.ts';
import type { World } from './world.ts';

/** Everything is looked at again this often, in milliseconds, whatever was heard. */
const slowTimerMs = 60_000;

/** Whether each sandbox is still bound is looked at this often, in milliseconds: no event tells of a file that is unmounted. */
const sandboxTimerMs = 5_000;

/** Events come in bursts: looks are put off by so many milliseconds. */
const gatherMs = 25;

export interface Triggers {
  close(): void;
}

/** What was heard of since the last look. */
interface Heard {
  /** Something that may concern every environment. */
  all: boolean;
  /** A new link or address, perhaps of the host: its firewall may have to know of it. */
  host: boolean;
  readonly names: Set<string>;
  readonly addresses: Set<Ipv4>;
  readonly macs: Set<Mac>;
}

const nothing = (): Heard => ({ all: false, host: false, names: new Set(), addresses: new Set(), macs: new Set() });

export async function watchWorld(world: World, environments: Environments): Promise<Triggers> {
  let heard = nothing();
  let timer: NodeJS.Timeout | undefined;

  const flush = (): void => {
    const names = namesIn(world, heard);
    // What stands in its way is told as a problem of the networks.
    if (heard.host) world.firewall.check().catch(() => undefined);
    heard = nothing();
    timer = undefined;
    void world.shims.settle();
    environments.wake(names);
  };
  const soon = (note: (it: Heard) => void): void => {
    note(heard);
    timer ??= setTimeout(flush, gatherMs);
  };
  const soonAll = (): void => soon((it) => (it.all = true));

  const hear = (event: KernelEvent): void => {
    world.forwarding.hear(event);
    world.marked.hear(event);
    if (event.kind === 'overrun') {
      world.events.tell('kernel events lost', {});
      world.marked.refresh().catch((error: unknown) => world.events.tell('could not list links', { problem: String(error) }));
      return soonAll();
    }
    soon((it) => note(world, event, it));
  };

  const watch: Watch = await world.host.watch(hear);
  world.engine.onExit((environment) => soon((it) => it.names.add(environment)));
  world.leases.onChange((environment) => soon((it) => it.names.add(environment)));
  world.engine.onHealth((environment) => soon((it) => it.names.add(environment)));
  const slow = setInterval(() => {
    world.firewall.check().catch(() => undefined);
    world.marked
      .refresh()
      .then(soonAll, (error: unknown) => world.events.tell('could not list links', { problem: String(error) }));
  }, slowTimerMs);
  const changed = sandboxChanges(world);
  const sandboxes = setInterval(() => {
    for (const name of changed()) soon((it) => it.names.add(name));
    // Neighbours that are taken away are not heard of; a port goes a moment after its sandbox.
    void world.shims.settle();
    if (world.linkNetworks.size > 0) removeOwnBridges(world).catch(() => undefined);
  }, sandboxTimerMs);
  return {
    close: () => {
      watch.close();
      clearTimeout(timer);
      clearInterval(slow);
      clearInterval(sandboxes);
    },
  };
}

/**
 * @returns what tells the environments whose sandbox is another one than when it was asked last, or is missing and ours
 * to make. It costs a stat(2) for each and leaves the ledger alone.
 */
function sandboxChanges(world: World): () => readonly string[] {
  const specs = new Map(world.store.environments().map(({ spec }) => [spec.name, spec]));
  const inodes = new Map<string, number | undefined>();
  const note = (name: string): void => {
    const spec = world.store.environment(name)?.spec;
    if (spec !== undefined) specs.set(name, spec);
  };
  const forget = (name: string): void => {
    specs.delete(name);
    inodes.delete(name);
  };
  world.events.listen(({ what, fields: { environment } }) => {
    if (typeof environment !== 'string') return;
    if (what === 'environment gone') forget(environment);
    else if (what === 'environment up' || !specs.has(environment)) note(environment);
  });
  return () => {
    const changed: string[] = [];
    for (const [name, spec] of specs) {
      const path = sandboxPath(world, spec);
      const inode = path === undefined ? undefined : world.host.netnsInode(path);
      const isMissing = inode === undefined && isOwned(spec);
      if (isMissing || (inodes.has(name) && inodes.get(name) !== inode)) changed.push(name);
      inodes.set(name, inode);
    }
    return changed;
  };
}

/** What an event may concern. Only losses and changes of links count. */
function note(world: World, event: KernelEvent, heard: Heard): void {
  switch (event.kind) {
    case 'address':
      if (event.change === 'deleted') heard.addresses.add(event.address.address.address);
      else heard.host = true;
      return;
    case 'link': {
      const mark = parseMark(event.link.alias);
      if (mark === undefined) {
        if (event.change === 'new' && event.link.kind !== 'veth') heard.host = true;
        heard.macs.add(event.link.mac);
        // One of ours that has lost its mark, or the sandbox's end of one. Another namespace's index does no harm: this is a hint.
        for (const index of [event.link.index, event.link.peer ?? 0]) {
          const known = world.marked.at(index);
          if (known !== undefined) heard.names.add(known.environment);
        }
      } else if (mark.installation === world.store.installation) heard.names.add(mark.environment);
      if (lansOf(world).some((it) => (it.bridge ?? it.parent?.link) === event.link.name)) heard.all = true;
      return;
    }
    case 'route':
    case 'address6':
    case 'rule':
      if (event.change === 'deleted') heard.all = true;
      return;
    case 'overrun':
      heard.all = true;
  }
}

/** Whom it concerns. The leases are read once for all events: there are dozens of those for one attach. */
function namesIn(world: World, { all, names, addresses, macs }: Heard): Iterable<string> {
  if (all) return world.store.environments().map((it) => it.spec.name);
  if (addresses.size === 0 && macs.size === 0) return names;
  const leases = world.store.leases();
  const holders = leases.filter((it) => addresses.has(it.address) || macs.has(it.mac));
  return names.union(new Set(holders.map((it) => it.environment)));
}
