/**
 * A second generation of an environment, built beside the one that runs: an anchor of its own, links on no bridge, services
 * that are waited for. It lives in a world of its own, in which the environment is this generation, so that everything that
 * brings up the first brings up the second. The ledger does not know it: what a daemon that was killed has left of it is
 * surplus to the next.
 */
import type { EnvironmentSpec } from '../core/model.ts';
import { type Engine, generationName, type Sandboxes, type SandboxView } from '../engine/index.ts';
import { LandlineError } from '../errors.ts';
import type { Store } from '../store/index.ts';
import { deleteLinkIfThere } from './attach.ts';
import { type EnvironmentLoop, environmentLoop } from './environment.ts';
import { logTail } from './log-tail.ts';
import type { MarkedLinks } from './marked-links.ts';
import { awaitReady } from './ready.ts';
import type { World } from './world.ts';

export interface SecondGeneration {
  readonly spec: EnvironmentSpec;
  readonly loop: EnvironmentLoop;
  /** @throws LandlineError SERVICE_*, DEPENDENCY_FAILED, WAIT_EXPIRED, SUPERSEDED, and those of a start */
  build(timeoutMs: number): Promise<void>;
  /** Somebody wants something else: `build` ends soon. */
  abort(by: string): void;
  /** Nobody looks after it any more. */
  close(): Promise<void>;
  /** Nothing is left of it. */
  remove(): Promise<void>;
}

/** @param spec the wish, with its generation */
export function secondGeneration(world: World, spec: EnvironmentSpec): SecondGeneration {
  const { name } = spec;
  const inner = worldOfNext(world, spec);
  const loop = environmentLoop(inner, name, () => loop.wake(), 'aside');
  const leasesBefore = leasesText(world, name);
  let abortedBy: string | undefined;

  const remove = async (): Promise<void> => {
    await world.engine.generations?.end({ environment: name, generation: spec.generation ?? 0 });
    for (const { index } of world.marked.aside(name)) await deleteLinkIfThere(world.host, index);
  };

  return {
    spec,
    loop,
    build: async (timeoutMs) => {
      await loop.converge();
      const overtakenBy = (): string | undefined => abortedBy;
      await awaitReady(spec, loop, { timeoutMs, overtakenBy, logTail: logTail(inner, name) });
      // It has been made for these: another address was never probed.
      if (leasesText(world, name) !== leasesBefore)
        throw new LandlineError('SUPERSEDED', { environment: name, by: 'a change of its address' });
    },
    abort: (by) => {
      abortedBy ??= by;
    },
    close: () => loop.close(),
    remove,
  };
}

const leasesText = ({ store }: World, name: string): string =>
  JSON.stringify(store.leasesOf(name).map((it) => [it.network, it.interface, it.address, it.mac]));

/** The world as it is, but for this environment. What changes in the world changes in here. */
export function worldOfNext(world: World, spec: EnvironmentSpec): World {
  return over(world, {
    store: storeOfNext(world.store, spec),
    engine: engineOfNext(world.engine, spec),
    marked: over<MarkedLinks>(world.marked, { of: (name) => world.marked.aside(name) }),
    // The one that runs has the leases, and keeps them.
    leases: over(world.leases, { want: () => undefined, release: async () => undefined, problems: () => [] }),
    events: over(world.events, { tell: (what, fields) => world.events.tell(what, { ...fields, generation: 'next' }) }),
  });
}

function storeOfNext(store: Store, spec: EnvironmentSpec): Store {
  const leases = store.leasesOf(spec.name);
  const record = { spec, phase: 'up', createdAt: Date.now() } as const;
  return over(store, {
    environment: (name) => (name === spec.name ? record : store.environment(name)),
    leasesOf: (name) => (name === spec.name ? leases : store.leasesOf(name)),
    take: ({ environment, interface: link }) => {
      const found = leases.find((it) => it.interface === link);
      if (found === undefined) throw new Error(`${environment} ${link} has no lease`);
      return found;
    },
    release: () => undefined,
  });
}

function engineOfNext(engine: Engine, { name, generation = 0 }: EnvironmentSpec): Engine {
  const own = generationName({ environment: name, generation });
  const of = (environment: string): string => (environment === name ? own : environment);
  const at = (view: SandboxView): SandboxView => ({ ...view, environment: of(view.environment) });
  const { sandboxes, prepare } = engine;
  return over(engine, {
    ...(sandboxes === undefined ? {} : { sandboxes: sandboxesOfNext(sandboxes, of) }),
    observe: (environment) => engine.observe(of(environment)),
    refresh: (view) => engine.refresh(at(view)),
    start: (view, service, digest) => engine.start(at(view), service, digest),
    ...(prepare === undefined ? {} : { prepare: (view, service, digest) => prepare(at(view), service, digest) }),
    stop: (environment, service, how) => engine.stop(of(environment), service, how),
    forget: (environment, service) => engine.forget(of(environment), service),
    logs: (environment, options) => engine.logs(of(environment), options),
  });
}

const sandboxesOfNext = (sandboxes: Sandboxes, of: (environment: string) => string): Sandboxes => ({
  look: (wish) => sandboxes.look({ ...wish, environment: of(wish.environment) }),
  path: (environment) => sandboxes.path(of(environment)),
  make: (view) => sandboxes.make({ ...view, environment: of(view.environment) }),
  remove: (environment) => sandboxes.remove(of(environment)),
});

/** `it` with some of its members others; the rest is looked up in `it` each time. */
function over<T extends object>(it: T, others: Partial<T>): T {
  // A cast: it has everything that its prototype has.
  return Object.assign(Object.create(it) as T, others);
}
