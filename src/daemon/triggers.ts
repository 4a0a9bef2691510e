/** What makes the loops look again: kernel events, the ends of services, and a slow timer. */
import { parseMark } from '../core/mark.ts';
import type { KernelEvent, Watch } from '../host/index.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import { watchCarriers } from './carriers.ts';
import type { Environments } from './environments.ts';
import { lansOf } from './networks.ts';
import { removeOwnBridges } from './own-bridges.ts';
import { isOwned, sandboxPath } from './sandbox.ts';
import type { World } from './world.ts';

/**
 * Everything is looked at again this often, in milliseconds, whatever was heard: some of it at each look at the sandboxes,
 * as hundreds at once are garbage that grows old before it is collected.
 */
const slowTimerMs = 60_000;

/** Whether each sandbox is still bound is looked at this often, in milliseconds: no event tells of a file that is unmounted. */
const sandboxTimerMs = 5_000;

/** Whether a NIC of the host is in a sandbox that has ended is looked at this often, in milliseconds: no event tells of one that is held. */
const nicTimerMs = 500;

/** Events come in bursts: looks are put off by so many milliseconds. */
const gatherMs = 25;

/**
 * A look at everything is followed by a rest of so many milliseconds for each environment, which is a few times what it
 * took: where hundreds come and go, there is a reason for the next one all the time.
 */
const restMs = 4;

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
  let restsUntil = Number.NEGATIVE_INFINITY;
  let restTimer: NodeJS.Timeout | undefined;

  const flush = (): void => {
    const now = performance.now();
    const isPutOff = heard.all && now < restsUntil;
    const names = namesIn(world, { ...heard, all: heard.all && !isPutOff });
    // What stands in its way is told as a problem of the networks.
    if (heard.host) world.firewall.check().catch(() => undefined);
    if (isPutOff) restTimer ??= setTimeout(rested, restsUntil - now);
    else if (heard.all) restsUntil = now + restMs * world.store.environments().length;
    heard = nothing();
    timer = undefined;
    void world.shims.settle();
    environments.wake(names);
  };
  const rested = (): void => {
    restTimer = undefined;
    soonAll();
  };
  const soon = (note: (it: Heard) => void): void => {
    note(heard);
    timer ??= setTimeout(flush, gatherMs);
  };
  const soonAll = (): void => soon((it) => (it.all = true));

  const grounds = groundsOf(world);
  const hear = (event: KernelEvent): void => {
    world.forwarding.hear(event);
    carriers.hear(event);
    world.marked.hear(event);
    if (event.kind === 'overrun') {
      world.events.tell('kernel events lost', {});
      world.marked.refresh().catch((error: unknown) => world.events.tell('could not list links', { problem: String(error) }));
      return soonAll();
    }
    soon((it) => note(world, event, it));
    if (event.kind === 'link' && grounds.isAnother(event)) soonAll();
  };

  const carriers = watchCarriers(world);
  const watch: Watch = await world.host.watch(hear);
  world.engine.onExit((environment) => soon((it) => it.names.add(environment)));
  world.leases.onChange((environment) => soon((it) => it.names.add(environment)));
  world.engine.onHealth((environment) => soon((it) => it.names.add(environment)));
  let round: Round | undefined;
  const slow = setInterval(() => {
    world.firewall.check().catch(() => undefined);
    world.marked.refresh().then(
      () => (round = roundOf(world)),
      (error: unknown) => world.events.tell('could not list links', { problem: String(error) }),
    );
  }, slowTimerMs);
  const changed = sandboxChanges(world);
  const sandboxes = setInterval(() => {
    environments.wakeThese(round?.next() ?? []);
    for (const name of changed()) soon((it) => it.names.add(name));
    // Neighbours that are taken away are not heard of; a port goes a moment after its sandbox.
    void world.shims.settle();
    void world.nics.settleOrphans();
    if (world.linkNetworks.size > 0) removeOwnBridges(world).catch(() => undefined);
  }, sandboxTimerMs);
  const pathOf = (name: string): string | undefined => {
    const spec = world.store.environment(name)?.spec;
    return spec === undefined ? undefined : sandboxPath(world, spec);
  };
  const nics = setInterval(() => {
    for (const name of world.nics.strayed(pathOf)) soon((it) => it.names.add(name));
  }, nicTimerMs);
  return {
    close: () => {
      watch.close();
      clearInterval(nics);
      carriers.close();
      clearTimeout(timer);
      clearTimeout(restTimer);
      clearInterval(slow);
      clearInterval(sandboxes);
    },
  };
}

/** Every environment, a few at a time. */
interface Round {
  next(): readonly string[];
}

function roundOf(world: World): Round {
  const names = world.store.environments().map((it) => it.spec.name);
  // One look fewer than there is time for: the last of them may be late.
  const share = Math.ceil(names.length / (slowTimerMs / sandboxTimerMs - 1));
  return { next: () => names.splice(0, share) };
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

/**
 * What LAN networks stand on. A bridge is told of anew with each port that comes or goes: that is no reason to look at
 * all of them.
 */
function groundsOf(world: World): { isAnother(event: Extract<KernelEvent, { kind: 'link' }>): boolean } {
  const known = new Map<string, string>();
  return {
    isAnother: ({ change, link }) => {
      const { name, index, up, mtu, mac, controller } = link;
      if (!lansOf(world).some((it) => (it.bridge ?? it.parent?.link) === name)) return false;
      const now = JSON.stringify([change, index, up, mtu, mac, controller]);
      const before = known.get(name);
      known.set(name, now);
      return now !== before;
    },
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
      return;
    }
    case 'route':
      if (event.change === 'new') return;
      if (event.source === undefined) heard.all = true;
      else heard.addresses.add(event.source);
      return;
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
