/**
 * The engine `docker`: services as containers that join the network of an anchor, a tiny container that holds the sandbox.
 *
 * Promises those of {@link Engine}. Docker is asked each time, and may be away: then every call says so, and whoever
 * listens is told when it is back. Landline alone starts its containers (their restart policy is `no`), so that none ever
 * runs without its network. Nothing that is not marked as this installation's is touched.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { limited } from '../../core/limited.ts';
import type { ServiceSpec, ServiceStatus } from '../../core/model.ts';
import { LandlineError } from '../../errors.ts';
import type { Engine, Prepared, SandboxView } from '../index.ts';
import { openAnchors } from './anchors.ts';
import type { DockerClient } from './client.ts';
import { createOf, volumeName } from './create.ts';
import { containerName, digestLabel, environmentLabel, filterOf, labelsOf, madeLabel, serviceLabel } from './labels.ts';
import { listenTo } from './listen.ts';
import { keepLog, readFormer, readServiceLogs } from './service-logs.ts';
import { startError } from './start-error.ts';
import { stateFolder } from './state-folder.ts';
import { currentOf, endedByItself, generationOf, type Holder, statusOf } from './status.ts';
import { stopContainer } from './stop.ts';
import type { Container, ContainerCreate, Mount, Progress } from './types.ts';

export interface DockerEngineOptions {
  readonly docker: DockerClient;
  readonly installation: string;
  /** Where it keeps its state: `/var/lib/landline/docker`. */
  readonly directory: string;
  readonly anchorImage: () => string | undefined;
  /** Gets an image from its registry, with the password that is kept for it. */
  readonly pull: (image: string, platform: string | undefined, onProgress: (line: Progress) => void) => Promise<void>;
  /** Docker listens, for the first time or again; or has gone. */
  readonly onConnect: () => void;
  /** Whether anything of ours depends on Docker: then it is looked for more often while it is away. */
  readonly isWanted: () => boolean;
  readonly log: (line: string, fields: Record<string, unknown>) => void;
}

/** Starts at once: more of them take as long in all, and each far longer. */
const startsAtOnce = 4;

type Listener = (environment: string, service: string) => void;

export function openDockerEngine(options: DockerEngineOptions): Engine {
  const { docker, installation, log } = options;
  const folder = stateFolder(options.directory);
  const exits = new Set<Listener>();
  const healths = new Set<Listener>();
  const ended = new AbortController();
  const inTurn = limited(startsAtOnce);
  const kept = new Set<string>();
  const changes = new EventTarget();
  let connectedAt = Date.now();
  let watching: Promise<void> | undefined;

  const pull = async (image: string, environment: string, service: string, platform?: string): Promise<void> => {
    log('image pulling', { environment, service, image });
    await options.pull(
      image,
      platform,
      progressLog((percent) => log('image pulling', { environment, service, image, percent })),
    );
    log('image pulled', { environment, service, image });
  };
  const anchors = openAnchors({
    docker,
    installation,
    image: options.anchorImage,
    pull: (image, environment) => pull(image, environment, 'anchor'),
    inTurn,
  });

  /** Containers of an environment, or of one of its services, without the anchor. */
  const containersOf = async (environment: string, service?: string): Promise<readonly Container[]> => {
    const found = await docker.containers.list(
      filterOf({ installation, environment, ...(service === undefined ? {} : { service }) }),
    );
    const services = found.filter((it) => it.Labels[serviceLabel] !== undefined);
    const inspected = await Promise.all(services.map((it) => docker.containers.inspect(it.Id)));
    return inspected.filter((it) => it !== undefined);
  };
  const nameOf = (it: Container): string => it.Config.Labels[serviceLabel] ?? '';

  /** What holds the network that these containers live in. */
  const holderOf = async (environment: string, containers: readonly Container[]): Promise<Holder | undefined> => {
    const mode = containers[0]?.HostConfig.NetworkMode ?? '';
    const anchor = await anchors.inspect(environment);
    if (anchor !== undefined) return { kind: 'anchor', state: anchor.State };
    return mode.startsWith('container:') ? sharedHolder(mode) : { kind: 'engine', since: connectedAt };
  };
  /** Of an environment that shares the network of another: that one's anchor, if it is still there. */
  const sharedHolder = async (mode: string): Promise<Holder | undefined> => {
    const it = await docker.containers.inspect(mode.slice('container:'.length));
    return it === undefined ? undefined : { kind: 'anchor', state: it.State };
  };

  const observe = async (environment: string): Promise<readonly ServiceStatus[]> => {
    const containers = await containersOf(environment);
    if (containers.length === 0) return [];
    const holder = await holderOf(environment, containers);
    const services = [...new Set(containers.map(nameOf))].sort();
    return services.map((service) => {
      const current = currentOf(containers.filter((it) => nameOf(it) === service));
      if (current === undefined) return { name: service, state: 'absent' };
      const note = folder.note(environment, service);
      const isNoted = note?.generation === generationOf(current);
      if (!isNoted && endedByItself(current.State, holder))
        folder.setNote(environment, service, { generation: generationOf(current), end: 'own' });
      const started = folder.digest(environment, service);
      return statusOf(current, holder, note, started?.container === current.Id ? started.digest : undefined);
    });
  };

  const networkModeOf = async (view: SandboxView): Promise<string> => {
    const { holder } = view;
    if (holder?.kind === 'host') return 'host';
    if (holder?.kind === 'container') return `container:${holder.id}`;
    const owner = holder === undefined ? view.environment : holder.kind === 'environment' ? holder.name : undefined;
    const anchor = owner === undefined ? undefined : await anchors.inspect(owner);
    if (anchor === undefined)
      throw holder === undefined
        ? new Error(`${view.environment} has no anchor`)
        : new LandlineError('SANDBOX_NOT_DOCKER', { environment: view.environment, joined: owner ?? 'another namespace' });
    return `container:${anchor.Id}`;
  };

  const requireImage = async (
    environment: string,
    service: ServiceSpec,
    policy = service.container?.pullPolicy,
  ): Promise<Prepared> => {
    const { image = '', platform } = service.container ?? {};
    const there = await docker.images.inspect(image);
    if (policy === 'always' || there === undefined) {
      if (policy === 'never') throw new LandlineError('IMAGE_MISSING', { image });
      await pull(image, environment, service.name, platform);
    }
    const found = there !== undefined && policy !== 'always' ? there : await docker.images.inspect(image);
    const test = found?.Config?.Healthcheck?.Test ?? [];
    return { ports: Object.keys(found?.Config?.ExposedPorts ?? {}), hasHealthcheck: test.length > 0 && test[0] !== 'NONE' };
  };

  const requireVolumes = async (view: SandboxView, service: ServiceSpec): Promise<void> => {
    for (const mount of service.mounts ?? []) {
      if (mount.kind === 'bind' && mount.create && !fs.existsSync(mount.source)) fs.mkdirSync(mount.source, { recursive: true });
      if (mount.kind !== 'volume') continue;
      const name = volumeName(view.environment, service.name, mount, view.volumes ?? []);
      const spec = view.volumes?.find((it) => it.volume === mount.volume);
      if (spec?.external === true) {
        if ((await docker.volumes.inspect(name)) === undefined) throw new LandlineError('VOLUME_MISSING', { volume: name });
        continue;
      }
      await docker.volumes.create({
        Name: name,
        Labels: { ...spec?.labels, ...labelsOf({ installation, environment: view.environment }) },
        ...(spec?.driver === undefined ? {} : { Driver: spec.driver }),
        ...(spec?.driverOpts === undefined ? {} : { DriverOpts: spec.driverOpts }),
      });
    }
  };

  /** The container that this start is to run: one that is there, or a new one. */
  const requireContainer = async (view: SandboxView, service: ServiceSpec, digest: string): Promise<string> => {
    const existing = await containersOf(view.environment, service.name);
    const files = folder.writeFiles(view, service);
    const networkMode = await networkModeOf(view);
    const wish = await wishFor(view, service, digest, networkMode, files);
    const fits = existing.find(
      (it) => it.Config.Labels[madeLabel] === wish.Labels?.[madeLabel] && it.HostConfig.NetworkMode === networkMode,
    );
    if (fits !== undefined) return fits.Id;
    await requireVolumes(view, service);
    const former = currentOf(existing);
    const Mounts = [...(wish.HostConfig?.Mounts ?? []), ...anonymousVolumes(former, wish)];
    const whole: ContainerCreate = { ...wish, HostConfig: { ...wish.HostConfig, Mounts } };
    const name =
      existing.length === 0
        ? containerName(view.environment, service.name)
        : `${containerName(view.environment, service.name)}.${Date.now().toString(36)}`;
    const { platform } = service.container ?? {};
    const { id, warnings } = await docker.containers
      .create(whole, { name, ...(platform === undefined ? {} : { platform }) })
      .catch((error: unknown) => {
        throw startError(error, view.environment, service);
      });
    for (const warning of warnings) log('Docker warns', { environment: view.environment, service: service.name, warning });
    return id;
  };

  const wishFor = async (
    view: SandboxView,
    service: ServiceSpec,
    digest: string,
    networkMode: string,
    files: Parameters<typeof createOf>[1]['files'],
  ): Promise<ContainerCreate> => {
    const { environment } = view;
    const others = /^service:/.test(`${service.container?.pid ?? ''}`) || /^service:/.test(`${service.container?.ipc ?? ''}`);
    const ids = others ? await containersOf(environment) : [];
    const idOf = (name: string): string =>
      currentOf(ids.filter((it) => nameOf(it) === name))?.Id ?? containerName(environment, name);
    const labels = labelsOf({ installation, environment, service: service.name });
    const wish = createOf(service, { environment, volumes: view.volumes ?? [], networkMode, idOf, files, labels });
    const { NetworkMode: _mode, ...host } = wish.HostConfig ?? {};
    const text = JSON.stringify({ ...wish, HostConfig: host, replaced: service.replaced });
    const made = createHash('sha256').update(text).digest('hex').slice(0, 32);
    return { ...wish, Labels: { ...wish.Labels, [madeLabel]: made, [digestLabel]: digest } };
  };

  /** Once a service runs: what it took the place of goes, unless it is to be kept; and its name is its own. */
  const clearFormer = async (environment: string, service: string): Promise<void> => {
    const containers = await containersOf(environment, service);
    const current = currentOf(containers);
    const isKept = kept.has(`${environment}/${service}`);
    const name = containerName(environment, service);
    for (const it of containers.filter((one) => one !== current)) {
      if (isKept) {
        if (it.Name === `/${name}`) await docker.containers.rename(it.Id, `${name}.former.${it.Id.slice(0, 6)}`);
        continue;
      }
      await keepLog(docker, folder, it, environment, service);
      await docker.containers.remove(it.Id, { force: true });
    }
    if (current !== undefined && current.Name !== `/${name}`) await docker.containers.rename(current.Id, name);
  };

  /** What a daemon that was killed had kept for a replacement, or made for a start that never came. */
  const tidy = async (): Promise<void> => {
    const found = await docker.containers.list(filterOf({ installation }));
    const services = found.flatMap(({ Labels: labels }) => {
      const [environment, service] = [labels[environmentLabel], labels[serviceLabel]];
      return environment === undefined || service === undefined ? [] : [JSON.stringify([environment, service])];
    });
    await anchors.tidy();
    for (const twice of new Set(services.filter((it, index) => services.indexOf(it) !== index))) {
      // A cast: it was written just above.
      const [environment, service] = JSON.parse(twice) as [string, string];
      await clearFormer(environment, service);
    }
  };

  const start: Engine['start'] = async (view, service, digest) => {
    const { environment } = view;
    const running = (await containersOf(environment, service.name)).find((it) => it.State.Running);
    if (running !== undefined) throw new Error(`${environment}/${service.name} runs already`);
    await requireImage(environment, service, service.container?.pullPolicy === 'never' ? 'never' : 'missing');
    const id = await requireContainer(view, service, digest);
    try {
      await inTurn(() => docker.containers.start(id));
    } catch (error) {
      // A former one that is kept is started again by whoever kept it; one that was never started is of no use.
      if ((await docker.containers.inspect(id).catch(() => undefined))?.State.Status === 'created')
        await docker.containers.remove(id);
      throw startError(error, environment, service);
    }
    folder.setNote(environment, service.name, undefined);
    folder.setDigest(environment, service.name, { container: id, digest });
    await clearFormer(environment, service.name);
    changes.dispatchEvent(new Event('change'));
  };

  const stop = async (
    environment: string,
    service: string,
    { signal, graceMs }: { signal: string; graceMs: number },
  ): Promise<void> => {
    const running = (await containersOf(environment, service)).filter((it) => it.State.Running);
    for (const it of running) {
      folder.setNote(environment, service, { generation: generationOf(it), end: 'stopped' });
      await stopContainer(docker, it, { signal: it.Config.StopSignal || signal, graceMs });
    }
  };

  const hear = ({ Action, Actor }: { Action: string; Actor: { Attributes: Readonly<Record<string, string>> } }): void => {
    const environment = Actor.Attributes[environmentLabel];
    if (environment === undefined) return;
    const service = Actor.Attributes[serviceLabel] ?? '';
    if (Action.startsWith('health_status')) for (const listener of healths) listener(environment, service);
    if (['die', 'destroy', 'start', 'unpause'].includes(Action)) for (const listener of exits) listener(environment, service);
    if (['start', 'destroy'].includes(Action)) changes.dispatchEvent(new Event('change'));
  };

  const changed = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        changes.removeEventListener('change', done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      changes.addEventListener('change', done);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    });

  return {
    name: 'docker',
    sandboxes: anchors,
    open: async () => {
      watching = listenTo(docker, {
        installation,
        signal: ended.signal,
        onEvent: hear,
        onOpen: () => {
          connectedAt = Date.now();
          log('Docker listens', { socket: docker.address });
          // It is tried again at the next start; meanwhile they are in nobody's way.
          tidy().catch(() => undefined);
          options.onConnect();
        },
        onAway: (error) => {
          if (options.isWanted()) log('Docker is away', { problem: error instanceof Error ? error.message : String(error) });
        },
        retryMs: () => (options.isWanted() ? 250 : 5_000),
      });
    },
    environments: async () => {
      const found = await docker.containers.list(filterOf({ installation }));
      return [...new Set(found.flatMap((it) => it.Labels[environmentLabel] ?? []))].sort();
    },
    observe,
    refresh: async (view) => folder.refresh(view),
    prepare: async (view, service, digest) => {
      const prepared = await requireImage(view.environment, service);
      if ((await containersOf(view.environment, service.name)).length > 0) await requireContainer(view, service, digest);
      return prepared;
    },
    keepFormer: (environment, service) => void kept.add(`${environment}/${service}`),
    dropFormer: async (environment, service) => {
      kept.delete(`${environment}/${service}`);
      await clearFormer(environment, service);
    },
    containerOf: async (environment, service) => {
      const id = currentOf(await containersOf(environment, service))?.Id;
      return id === undefined ? undefined : { id, address: docker.address };
    },
    start,
    variables: (_view, service) => service.environment,
    becoming: () => [],
    stop,
    forget: async (environment, service) => {
      const current = currentOf(await containersOf(environment, service));
      if (current !== undefined && !current.State.Running)
        folder.setNote(environment, service, { generation: generationOf(current), end: 'forgotten' });
    },
    remove: async (environment, graceMs) => {
      const containers = await containersOf(environment);
      await Promise.all(
        containers.map(async (it) => {
          if (it.State.Running && graceMs > 0)
            await stopContainer(docker, it, { signal: it.Config.StopSignal || 'SIGTERM', graceMs });
          await docker.containers.remove(it.Id, { force: true, volumes: true });
        }),
      );
      await anchors.remove(environment);
      folder.remove(environment);
      changes.dispatchEvent(new Event('change'));
    },
    removeVolumes: async (environment) => {
      const volumes = await docker.volumes.list(filterOf({ installation, environment }));
      for (const { Name } of volumes) await docker.volumes.remove(Name);
    },
    logs: (environment, logOptions) =>
      readServiceLogs(
        {
          docker,
          former: (name, service) => readFormer(folder.formerLog(name, service)),
          changed,
          containers: async (name) => (await containersOf(name)).map((container) => ({ service: nameOf(container), container })),
        },
        environment,
        logOptions,
      ),
    onExit: (listener) => void exits.add(listener),
    onHealth: (listener) => void healths.add(listener),
    close: async () => {
      ended.abort();
      await watching;
      docker.close();
    },
  };
}

/** Volumes that an image declares and nobody named: their place is taken over by the next container, as Compose does it. */
function anonymousVolumes(former: Container | undefined, wish: ContainerCreate): Mount[] {
  const taken = new Set([
    ...(wish.HostConfig?.Mounts ?? []).map((it) => it.Target),
    ...Object.keys(wish.HostConfig?.Tmpfs ?? {}),
  ]);
  return (former?.Mounts ?? []).flatMap((it): Mount[] =>
    it.Type === 'volume' && it.Name !== undefined && /^[0-9a-f]{64}$/.test(it.Name) && !taken.has(it.Destination)
      ? [{ Type: 'volume', Source: it.Name, Target: it.Destination }]
      : [],
  );
}

/** Tells how far a pull is, now and then. */
function progressLog(tell: (percent: number) => void): (line: Progress) => void {
  const layers = new Map<string, { current: number; total: number }>();
  let toldAt = performance.now();
  return ({ id, status, progressDetail }) => {
    if (id !== undefined && status === 'Downloading' && progressDetail?.total !== undefined)
      layers.set(id, { current: progressDetail.current ?? 0, total: progressDetail.total });
    if (id !== undefined && (status === 'Download complete' || status === 'Pull complete')) {
      const layer = layers.get(id);
      if (layer !== undefined) layer.current = layer.total;
    }
    if (performance.now() < toldAt + 1000 || layers.size === 0) return;
    toldAt = performance.now();
    const sum = (of: 'current' | 'total'): number => [...layers.values()].reduce((so, it) => so + it[of], 0);
    tell(Math.floor((100 * sum('current')) / Math.max(1, sum('total'))));
  };
}
