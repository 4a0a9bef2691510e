/**
 * The engines as one: each environment's services are on the engine that its wish names. What the ledger does not know
 * may be on either.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Engine, type Prepared, parseGeneration } from '../engine/index.ts';
import { isLandlineError } from '../errors.ts';
import type { Store } from '../store/index.ts';

const nothingPrepared: Prepared = { ports: [], hasHealthcheck: false, volumes: [] };

/** How long Docker may take to say what it has, in milliseconds. */
const patienceMs = 1000;

/** @param store of the wishes, which name their engines */
export function joinEngines(native: Engine, docker: Engine, store: Pick<Store, 'environment'>): Engine {
  const specOf = (name: string): ReturnType<Store['environment']> => store.environment(parseGeneration(name).environment);
  const of = (name: string): Engine => (specOf(name)?.spec.engine === 'docker' ? docker : native);
  /** Those that may have something of an environment. */
  const all = (name: string): readonly Engine[] => (specOf(name) === undefined ? [native, docker] : [of(name)]);
  const each = async (name: string, work: (engine: Engine) => Promise<void>): Promise<void> => {
    for (const engine of all(name)) await work(engine).catch(unlessAway(name));
  };
  /** What the ledger does not know is looked for again when Docker listens: until then it may be away. */
  const unlessAway =
    (name: string) =>
    (error: unknown): void => {
      if (specOf(name) !== undefined || !isLandlineError(error, 'DOCKER_UNREACHABLE')) throw error;
    };

  return {
    name: 'native',
    ...(docker.sandboxes === undefined ? {} : { sandboxes: docker.sandboxes }),
    ...(docker.generations === undefined ? {} : { generations: docker.generations }),
    open: async () => {
      await native.open();
      await docker.open();
    },
    environments: async () => {
      // While Docker is away, or only just starts, nobody knows; it is asked again when it listens.
      const found = docker.environments().catch(() => []);
      const [own, theirs] = await Promise.all([
        native.environments(),
        Promise.race([found, sleep(patienceMs, [], { ref: false })]),
      ]);
      return [...new Set([...own, ...theirs])].sort();
    },
    observe: (name) => of(name).observe(name),
    refresh: (view) => of(view.environment).refresh(view),
    start: (view, service, digest) => of(view.environment).start(view, service, digest),
    prepare: async (view, service, digest) => {
      const engine = service.container === undefined ? native : docker;
      return (await engine.prepare?.(view, service, digest)) ?? nothingPrepared;
    },
    keepFormer: (name, service) => of(name).keepFormer?.(name, service),
    dropFormer: async (name, service) => of(name).dropFormer?.(name, service),
    containerOf: async (name, service) => of(name).containerOf?.(name, service),
    variables: (view, service) => of(view.environment).variables(view, service),
    becoming: (name, service) => of(name).becoming(name, service),
    stop: (name, service, how) => of(name).stop(name, service, how),
    forget: (name, service) => of(name).forget(name, service),
    remove: (name, graceMs) => each(name, (engine) => engine.remove(name, graceMs)),
    removeVolumes: (name) => each(name, (engine) => engine.removeVolumes(name)),
    logs: (name, options) => of(name).logs(name, options),
    onExit: (listener) => {
      native.onExit(listener);
      docker.onExit(listener);
    },
    onHealth: (listener) => {
      native.onHealth(listener);
      docker.onHealth(listener);
    },
    close: async () => {
      await Promise.all([native.close(), docker.close()]);
    },
  };
}
