/** Containers: the calls of `/containers`. A container is named by its id or its name. */
import { LandlineError } from '../../errors.ts';
import type { Caller, DockerCall } from './caller.ts';
import { about, pathOf } from './container-calls.ts';
import { type LogAsk, logsOf } from './logs.ts';
import type { Output } from './read.ts';
import type { Container, ContainerCreate, ContainerSummary, ContainerUpdate, Filters } from './types.ts';
import { writeCreate } from './version.ts';

export interface CreateOptions {
  readonly name?: string;
  /** `linux/arm64`. */
  readonly platform?: string;
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

/** Each may throw LandlineError CONTAINER_UNKNOWN. Starting what runs, and stopping what does not, is success. */
export interface Containers {
  /** All, whether they run or not; `filters` as of `docker ps --filter`: `{ label: ['landline.network'] }`. */
  list(filters?: Filters): Promise<readonly ContainerSummary[]>;
  /** Undefined when there is none. While a container starts Docker answers only once it has. */
  inspect(container: string): Promise<Container | undefined>;
  /** @returns its id, and what Docker warns of. @throws LandlineError IMAGE_MISSING */
  create(wish: ContainerCreate, options?: CreateOptions): Promise<{ readonly id: string; readonly warnings: readonly string[] }>;
  start(container: string): Promise<void>;
  /** SIGTERM or its own stop signal, and SIGKILL after so many seconds (its own where left out). */
  stop(container: string, graceSeconds?: number): Promise<void>;
  restart(container: string, graceSeconds?: number): Promise<void>;
  /** `signal` with `SIG`. @throws LandlineError DOCKER_REFUSED with status 409 when it does not run */
  kill(container: string, signal?: string): Promise<void>;
  pause(container: string): Promise<void>;
  unpause(container: string): Promise<void>;
  /** None is success. `force`: kills it first; `volumes`: its anonymous ones too. */
  remove(container: string, options?: { readonly force?: boolean; readonly volumes?: boolean }): Promise<void>;
  rename(container: string, name: string): Promise<void>;
  update(container: string, change: ContainerUpdate): Promise<void>;
  /** Waits for its end, or for its removal. @returns its exit status */
  wait(container: string, condition: WaitCondition, signal?: AbortSignal): Promise<number>;
  /** What it wrote, as it comes. */
  logs(container: string, ask: LogAsk): AsyncGenerator<Output>;
}

export function containersOn(caller: Caller): Containers {
  const call = (container: string, action: string, it: Partial<DockerCall> = {}): Promise<unknown> =>
    caller.call({ method: 'POST', path: `${pathOf(container)}/${action}`, ...about(container, action), ...it });

  const patience = (graceSeconds: number | undefined): Partial<DockerCall> => ({ query: { t: graceSeconds }, timeoutMs: 0 });

  // Casts: the shapes are those that Docker documents for these calls.
  return {
    list: async (filters = {}) => {
      const query = { all: true, filters: JSON.stringify(filters) };
      return (await caller.call({
        method: 'GET',
        path: '/containers/json',
        query,
        doing: 'list containers',
      })) as ContainerSummary[];
    },
    inspect: async (container) =>
      (await caller.find({ method: 'GET', path: `${pathOf(container)}/json`, doing: `inspect container '${container}'` })) as
        | Container
        | undefined,
    create: async (wish, { name, platform } = {}) => {
      const image = wish.Image ?? '';
      const answer = await caller.call({
        method: 'POST',
        path: '/containers/create',
        query: { name, platform },
        json: writeCreate(wish, await caller.version()),
        doing: `create container '${name ?? image}'`,
        missing: () => new LandlineError('IMAGE_MISSING', { image }),
      });
      const { Id: id, Warnings: warnings } = answer as { readonly Id: string; readonly Warnings: readonly string[] | null };
      return { id, warnings: warnings ?? [] };
    },
    start: async (container) => void (await call(container, 'start')),
    stop: async (container, graceSeconds) => void (await call(container, 'stop', patience(graceSeconds))),
    restart: async (container, graceSeconds) => void (await call(container, 'restart', patience(graceSeconds))),
    kill: async (container, signal) => void (await call(container, 'kill', { query: { signal } })),
    pause: async (container) => void (await call(container, 'pause')),
    unpause: async (container) => void (await call(container, 'unpause')),
    remove: async (container, { force = false, volumes = false } = {}) => {
      const query = { force, v: volumes };
      await caller.find({ method: 'DELETE', path: pathOf(container), query, doing: `remove container '${container}'` });
    },
    rename: async (container, name) => void (await call(container, 'rename', { query: { name } })),
    update: async (container, change) => void (await call(container, 'update', { json: change })),
    wait: async (container, condition, signal) => {
      const answer = await call(container, 'wait', {
        query: { condition },
        stream: true,
        ...(signal === undefined ? {} : { signal }),
      });
      const { StatusCode: status, Error: trouble } = answer as { StatusCode: number; Error?: { Message: string } | null };
      if (trouble?.Message)
        throw new LandlineError('DOCKER_REFUSED', {
          doing: `wait for container '${container}'`,
          status: 200,
          says: trouble.Message,
        });
      return status;
    },
    logs: (container, ask) => logsOf(caller, container, ask),
  };
}
