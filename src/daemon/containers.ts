/**
 * Docker's containers that concern Landline: those with its labels, and those that somebody attached. What is known of
 * them comes from Docker, by its events and by a look at all of them at each connection; nothing is kept elsewhere.
 *
 * A container's network namespace is found by its process. While it starts, Docker does not say which that is: then its
 * cgroup does (`starting`), so that it is plumbed before it runs.
 */
import { networkLabelOf } from '../core/labels.ts';
import { limited } from '../core/limited.ts';
import type { DockerClient, DockerWatch } from '../engine/docker/index.ts';
import type { Container, DockerEvent, Labels } from '../engine/docker/types.ts';
import { exclusively } from './exclusively.ts';
import { startTimeOf } from './processes.ts';
import { awaitStarting, type StartingSandbox } from './starting-sandbox.ts';

export interface KnownContainer {
  readonly id: string;
  /** Without the slash. */
  readonly name: string;
  readonly labels: Labels;
  /** As `docker run --network` names it; undefined until Docker has been asked. */
  readonly networkMode?: string;
  readonly image?: string;
  /** One start of it; undefined while it does not run. `startTime` as in field 22 of proc_pid_stat(5). */
  readonly generation?: { readonly pid: number; readonly startTime: string; readonly startedAt: string };
  readonly exitStatus?: number;
  readonly health?: string;
  readonly restarts: number;
}

/** What happened to a container; `listed`: all were looked at. */
export type ContainerChange =
  | { readonly kind: 'changed' | 'starting' | 'stopped' | 'gone'; readonly id: string }
  | { readonly kind: 'listed' };

export interface Containers {
  all(): readonly KnownContainer[];
  get(id: string): KnownContainer | undefined;
  /** Asks Docker for one by its id or name, and knows it from now on. @throws LandlineError DOCKER_* */
  find(container: string): Promise<KnownContainer | undefined>;
  /** Path of its network namespace as it is now; undefined while it does not run. */
  netnsOf(id: string): string | undefined;
  /** Whether its start is under way: it gets its namespace, and does not run yet. */
  isStarting(id: string): boolean;
  /** Whether Docker has been asked for all since we began: before that, nothing is known of what it has. */
  readonly isListed: boolean;
  /** @returns the way to stop */
  listen(listener: (change: ContainerChange) => void): () => void;
  close(): void;
}

/** Docker answers slowly for a container that starts: so many are asked for at once. */
const mostAtOnce = 8;

/** After a start the namespace is looked at through both paths: so long, in milliseconds, is the first kept. */
const handoverMs = 2000;

/** An answer of Docker's is never older than so many milliseconds. */
const endedMs = 60_000;

/** @param isAttached whether the ledger has a container of this id */
export function openContainers(
  docker: Pick<DockerClient, 'containers'>,
  watch: Pick<DockerWatch, 'listen'>,
  isAttached: (id: string) => boolean,
): Containers {
  const known = new Map<string, KnownContainer>();
  const starting = new Map<string, StartingSandbox>();
  /** Those that were removed of late; no other has such an id. */
  const ended = new Set<string>();
  const listeners = new Set<(change: ContainerChange) => void>();
  const inTurn = exclusively();
  const atOnce = limited(mostAtOnce);
  let isListed = false;

  const tell = (change: ContainerChange): void => {
    for (const listener of listeners) listener(change);
  };

  const forget = (id: string): void => {
    ended.add(id);
    setTimeout(() => ended.delete(id), endedMs).unref();
    starting.get(id)?.close();
    starting.delete(id);
    if (known.delete(id)) tell({ kind: 'gone', id });
  };

  const concerns = (id: string, labels: Labels): boolean =>
    networkLabelOf(labels) !== undefined || known.has(id) || isAttached(id);

  /** Asks Docker anew. Looks at one container come one after the other, so that the last is the newest. */
  const look = (id: string): Promise<void> =>
    inTurn(id, async () => {
      const found = await atOnce(() => docker.containers.inspect(id));
      // Removed meanwhile: what Docker said before that is no news.
      if (ended.has(id)) return;
      if (found === undefined) return forget(id);
      known.set(id, knownOf(found));
      if (found.State.Running) setTimeout(() => letGo(id), handoverMs).unref();
      tell({ kind: 'changed', id });
    });

  /** Docker has gone meanwhile, then all is looked at when it is back. */
  const lookLater = (id: string): void => void look(id).catch(() => undefined);

  const letGo = (id: string): void => {
    if (known.get(id)?.generation === undefined) return;
    starting.get(id)?.close();
    starting.delete(id);
  };

  const lookAtAll = async (): Promise<void> => {
    const all = await docker.containers.list();
    const listed = new Set(all.map((it) => it.Id));
    for (const id of [...known.keys()]) if (!listed.has(id)) forget(id);
    const ours = all.filter((it) => concerns(it.Id, it.Labels));
    await Promise.all(ours.map((it) => look(it.Id)));
    isListed = true;
    tell({ kind: 'listed' });
  };

  /** The container gets its namespace in some hundred milliseconds, and its process runs a moment later. */
  const begin = (id: string): void => {
    starting.get(id)?.close();
    const it = awaitStarting(id, () => tell({ kind: 'starting', id }));
    starting.set(id, it);
    tell({ kind: 'starting', id });
  };

  const endStarting = (id: string): void => {
    starting.get(id)?.close();
    starting.delete(id);
  };

  const hearContainer = ({ Action: action, Actor: { ID: id, Attributes: attributes } }: DockerEvent): void => {
    if (!concerns(id, attributes)) return;
    if (action === 'destroy') return forget(id);
    if (action === 'create') known.set(id, { id, name: attributes['name'] ?? id, labels: attributes, restarts: 0 });
    if (action === 'die') {
      endStarting(id);
      const { generation: _ended, ...rest } = known.get(id) ?? {
        id,
        name: attributes['name'] ?? id,
        labels: attributes,
        restarts: 0,
      };
      known.set(id, rest);
      tell({ kind: 'stopped', id });
    }
    lookLater(id);
  };

  const hearNetwork = ({ Action: action, Actor: { Attributes: attributes } }: DockerEvent): void => {
    const id = attributes['container'] ?? '';
    if (!known.has(id) || attributes['type'] !== 'null') return;
    if (action === 'connect') begin(id);
    else endStarting(id);
  };

  const stop = watch.listen({
    onConnected: () => void lookAtAll().catch(() => undefined),
    onEvent: (event) => (event.Type === 'network' ? hearNetwork(event) : hearContainer(event)),
  });

  return {
    all: () => [...known.values()],
    get: (id) => known.get(id),
    find: async (container) => {
      const found = await docker.containers.inspect(container);
      if (found !== undefined) known.set(found.Id, knownOf(found));
      return found === undefined ? undefined : known.get(found.Id);
    },
    netnsOf: (id) => {
      const generation = known.get(id)?.generation;
      if (generation !== undefined && startTimeOf(generation.pid) === generation.startTime)
        return `/proc/${generation.pid}/ns/net`;
      return starting.get(id)?.path;
    },
    isStarting: (id) => starting.has(id) && known.get(id)?.generation === undefined,
    get isListed() {
      return isListed;
    },
    listen: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => {
      stop();
      for (const it of starting.values()) it.close();
    },
  };
}

function knownOf(it: Container): KnownContainer {
  const { Running: running, Pid: pid, StartedAt: startedAt, ExitCode: exitStatus, Health: health } = it.State;
  const startTime = running && pid > 0 ? startTimeOf(pid) : undefined;
  return {
    id: it.Id,
    name: it.Name.replace(/^\//, ''),
    labels: it.Config.Labels,
    networkMode: it.HostConfig.NetworkMode,
    image: it.Config.Image ?? it.Image,
    restarts: it.RestartCount,
    ...(startTime === undefined ? {} : { generation: { pid, startTime, startedAt } }),
    ...(running || startedAt.startsWith('0001') ? {} : { exitStatus }),
    ...(health === undefined || health.Status === 'none' ? {} : { health: health.Status }),
  };
}
