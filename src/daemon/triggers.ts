/** What makes the loops look again: kernel events, the ends of services, and a slow timer. */
import { parseMark } from '../core/mark.ts';
import type { KernelEvent, Watch } from '../host/index.ts';
import type { Environments } from './environments.ts';
import type { World } from './world.ts';

/** Everything is looked at again this often, in milliseconds, whatever was heard. */
const slowTimerMs = 30_000;

/** Events come in bursts: looks are put off by so many milliseconds. */
const gatherMs = 25;

export interface Triggers {
  close(): void;
}

export async function watchWorld(world: World, environments: Environments): Promise<Triggers> {
  const gathered = new Set<string>();
  let all = false;
  let timer: NodeJS.Timeout | undefined;

  const flush = (): void => {
    timer = undefined;
    const names = all ? world.store.environments().map((it) => it.spec.name) : [...gathered];
    all = false;
    gathered.clear();
    for (const name of names) environments.wake(name);
  };
  const soon = (name: string | undefined): void => {
    if (name === undefined) all = true;
    else gathered.add(name);
    timer ??= setTimeout(flush, gatherMs);
  };

  const hear = (event: KernelEvent): void => {
    world.forwarding.hear(event);
    world.marked.hear(event);
    if (event.kind === 'overrun') {
      world.events.tell('kernel events lost', {});
      world.marked.refresh().catch((error: unknown) => world.events.tell('could not list links', { problem: String(error) }));
      return soon(undefined);
    }
    for (const name of concerned(world, event)) soon(name);
  };

  const watch: Watch = await world.host.watch(hear);
  world.engine.onExit((environment) => soon(environment));
  const slow = setInterval(() => {
    world.marked.refresh().then(
      () => soon(undefined),
      (error: unknown) => world.events.tell('could not list links', { problem: String(error) }),
    );
  }, slowTimerMs);
  return {
    close: () => {
      watch.close();
      clearTimeout(timer);
      clearInterval(slow);
    },
  };
}

/** Environments that an event may concern; one undefined among them means all. Only losses and changes of links count. */
function concerned(world: World, event: KernelEvent): readonly (string | undefined)[] {
  switch (event.kind) {
    case 'address':
      if (event.change === 'new') return [];
      return world.store.leases().flatMap((it) => (it.address === event.address.address.address ? [it.environment] : []));
    case 'link': {
      const mark = parseMark(event.link.alias);
      if (mark !== undefined) return mark.installation === world.store.installation ? [mark.environment] : [];
      if (world.configuration.networks.some((it) => it.bridge === event.link.name)) return [undefined];
      return world.store.leases().flatMap((it) => (it.mac === event.link.mac ? [it.environment] : []));
    }
    case 'route':
      return event.change === 'deleted' ? [undefined] : [];
    case 'overrun':
      return [undefined];
  }
}
