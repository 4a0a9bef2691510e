/** What makes the loops look again: kernel events, the ends of services, and a slow timer. */
import { parseMark, privateLinkGroup } from '../core/mark.ts';
import type { KernelEvent, Link, Watch } from '../host/index.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { Environments } from './environments.ts';
import type { World } from './world.ts';

/** Everything is looked at again this often, in milliseconds, whatever was heard. */
const slowTimerMs = 60_000;

/** Events come in bursts: looks are put off by so many milliseconds. */
const gatherMs = 25;

export interface Triggers {
  close(): void;
}

/** What was heard of since the last look. */
interface Heard {
  /** Something that may concern every environment. */
  all: boolean;
  readonly names: Set<string>;
  readonly addresses: Set<Ipv4>;
  readonly macs: Set<Mac>;
  /** MACs of veths without a mark that are there: of one of our sandboxes, unless no lease has it. */
  readonly unmarked: Set<Mac>;
}

const nothing = (): Heard => ({ all: false, names: new Set(), addresses: new Set(), macs: new Set(), unmarked: new Set() });

export async function watchWorld(world: World, environments: Environments): Promise<Triggers> {
  let heard = nothing();
  let timer: NodeJS.Timeout | undefined;

  const flush = (): void => {
    const names = namesIn(world, heard);
    heard = nothing();
    timer = undefined;
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
  world.engine.onHealth((environment) => soon((it) => it.names.add(environment)));
  const slow = setInterval(() => {
    world.firewall.check().catch(() => undefined);
    world.marked
      .refresh()
      .then(soonAll, (error: unknown) => world.events.tell('could not list links', { problem: String(error) }));
  }, slowTimerMs);
  return {
    close: () => {
      watch.close();
      clearTimeout(timer);
      clearInterval(slow);
    },
  };
}

/** What an event may concern. Only losses and changes of links count. */
function note(world: World, event: KernelEvent, heard: Heard): void {
  switch (event.kind) {
    case 'address':
      if (event.change === 'deleted') heard.addresses.add(event.address.address.address);
      return;
    case 'link': {
      const mark = parseMark(event.link.alias);
      if (mark === undefined) {
        heard.macs.add(event.link.mac);
        if (event.change === 'new' && isAnEnd(world, event.link)) heard.unmarked.add(event.link.mac);
      } else if (mark.installation === world.store.installation) heard.names.add(mark.environment);
      if (world.configuration.networks.some((it) => it.bridge === event.link.name)) heard.all = true;
      return;
    }
    case 'route':
      if (event.change === 'deleted') heard.all = true;
      return;
    case 'overrun':
      heard.all = true;
  }
}

/** An end of a veth that is not one of ours in the making: it may be a sandbox's whose MAC somebody has changed. */
function isAnEnd(world: World, { kind, group, up }: Link): boolean {
  return up && kind === 'veth' && group !== world.linkGroup && group !== privateLinkGroup(world.store.installation);
}

/** Whom it concerns. The leases are read once for all events: there are dozens of those for one attach. */
function namesIn(world: World, { all, names, addresses, macs, unmarked }: Heard): Iterable<string> {
  const everybody = (): Iterable<string> => world.store.environments().map((it) => it.spec.name);
  if (all) return everybody();
  if (addresses.size === 0 && macs.size === 0) return names;
  const leases = world.store.leases();
  const known = new Set(leases.map((it) => it.mac));
  if (!unmarked.isSubsetOf(known)) return everybody();
  const holders = leases.filter((it) => addresses.has(it.address) || macs.has(it.mac));
  return names.union(new Set(holders.map((it) => it.environment)));
}
