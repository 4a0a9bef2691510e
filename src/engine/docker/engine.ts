/**
 * The engine `docker`: services as containers that join the network of an anchor, a tiny container that holds the sandbox.
 *
 * Promises those of {@link Engine}. Docker is asked each time, and may be away: then every call says so, and whoever
 * listens is told when it is back. Landline alone starts its containers (their restart policy is `no`), so that none ever
 * runs without its network. Nothing that is not marked as this installation's is touched.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { limited } from '../../core/limited.ts';
import type { ServiceSpec, ServiceStatus } from '../../core/model.ts';
import { isLandlineError, LandlineError } from '../../errors.ts';
import {
  type Engine,
  type Generation,
  type Generations,
  generationName,
  type Prepared,
  parseGeneration,
  type SandboxView,
  type StopManner,
} from '../index.ts';
import { openAnchors } from './anchors.ts';
import type { DockerClient } from './client.ts';
import { createOf, volumeName } from './create.ts';
import {
  containerName,
  digestLabel,
  environmentLabel,
  filterOf,
  generationIn,
  labelsOf,
  madeLabel,
  serviceLabel,
} from './labels.ts';
import { listenTo } from './listen.ts';
import { keepLog, readFormer, readServiceLogs, takeOverLog, untilTold } from './service-logs.ts';
import { beginOrReplace, isStuck, startError } from './start-error.ts';
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
  /** Which generation of an environment is current. */
  readonly currentOf: (environment: string) => number;
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
  /** Containers in whose place another one is to be made, by id. */
  const stuck = new Set<string>();
  const changes = new EventTarget();
  let connectedAt = Date.now();
  let watching: Promise<void> | undefined;

  const at = (name: string): Generation => {
    const { environment, generation = options.currentOf(environment) } = parseGeneration(name);
    return { environment, generation };
  };
  const isCurrent = ({ environment, generation }: Generation): boolean => generation === options.currentOf(environment);
  /** One that is not current has a number behind its name; underscores are in no name of ours. */
  const nameFor = (name: string, service?: string): string => {
    const it = at(name);
    return containerName(it.environment, service) + (isCurrent(it) ? '' : `_${it.generation}`);
  };
  const keptAs = (name: string, service: string): string => `${generationName(at(name))}/${service}`;
  /** Its name below the state folder. */
  const placeOf = (name: string): string => (at(name).generation === 0 ? at(name).environment : generationName(at(name)));

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
    at,
    nameOf: nameFor,
    image: options.anchorImage,
    pull: (image, environment) => pull(image, environment, 'anchor'),
    inTurn,
  });

  /** Containers of an environment, or of one of its services, without the anchor. */
  const containersOf = async (name: string, service?: string): Promise<readonly Container[]> => {
    const { environment, generation } = at(name);
    const found = await docker.containers.list(
      filterOf({ installation, environment, ...(service === undefined ? {} : { service }) }),
    );
    const services = found.filter((it) => it.Labels[serviceLabel] !== undefined && generationIn(it.Labels) === generation);
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

  const observe = async (name: string): Promise<readonly ServiceStatus[]> => {
    const containers = await containersOf(name);
    if (containers.length === 0) return [];
    const holder = await holderOf(name, containers);
    const place = placeOf(name);
    const services = [...new Set(containers.map(nameOf))].sort();
    return services.map((service) => {
      const current = currentOf(containers.filter((it) => nameOf(it) === service));
      if (current === undefined) return { name: service, state: 'absent' };
      const note = folder.note(place, service);
      const isNoted = note?.generation === generationOf(current);
      if (!isNoted && endedByItself(current.State, holder))
        folder.setNote(place, service, { generation: generationOf(current), end: 'own' });
      const started = folder.digest(place, service);
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
        : new LandlineError('SANDBOX_NOT_DOCKER', {
            environment: at(view.environment).environment,
            joined: owner ?? 'another namespace',
          });
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
    return {
      ports: Object.keys(found?.Config?.ExposedPorts ?? {}),
      hasHealthcheck: test.length > 0 && test[0] !== 'NONE',
      volumes: Object.keys(found?.Config?.Volumes ?? {}),
    };
  };

  const requireVolumes = async (view: SandboxView, service: ServiceSpec): Promise<void> => {
    const { environment } = at(view.environment);
    for (const mount of service.mounts ?? []) {
      if (mount.kind === 'bind' && mount.create && !fs.existsSync(mount.source)) fs.mkdirSync(mount.source, { recursive: true });
      if (mount.kind !== 'volume') continue;
      const name = volumeName(environment, service.name, mount, view.volumes ?? []);
      const spec = view.volumes?.find((it) => it.volume === mount.volume);
      if (spec?.external === true) {
        if ((await docker.volumes.inspect(name)) === undefined) throw new LandlineError('VOLUME_MISSING', { volume: name });
        continue;
      }
      await docker.volumes.create({
        Name: name,
        Labels: { ...spec?.labels, ...labelsOf({ installation, environment }) },
        ...(spec?.driver === undefined ? {} : { Driver: spec.driver }),
        ...(spec?.driverOpts === undefined ? {} : { DriverOpts: spec.driverOpts }),
      });
    }
  };

  /** The container that this start is to run: one that is there, or a new one. */
  const requireContainer = async (view: SandboxView, service: ServiceSpec, digest: string): Promise<string> => {
    const { environment } = at(view.environment);
    const existing = await containersOf(view.environment, service.name);
    const files = folder.writeFiles({ ...view, environment: placeOf(view.environment) }, service);
    const networkMode = await networkModeOf(view);
    const wish = await wishFor(view, service, digest, networkMode, files);
    const fits = existing.find(
      (it) =>
        it.Config.Labels[madeLabel] === wish.Labels?.[madeLabel] &&
        it.HostConfig.NetworkMode === networkMode &&
        !stuck.has(it.Id),
    );
    if (fits !== undefined) return fits.Id;
    await requireVolumes(view, service);
    // The first container of a generation takes over what the one before it has.
    const former = currentOf(existing.length === 0 ? await containersOf(environment, service.name) : existing);
    const Mounts = [...(wish.HostConfig?.Mounts ?? []), ...anonymousVolumes(former, wish)];
    const whole: ContainerCreate = { ...wish, HostConfig: { ...wish.HostConfig, Mounts } };
    const ownName = nameFor(view.environment, service.name);
    const name = existing.length === 0 ? ownName : `${ownName}.${Date.now().toString(36)}`;
    const { platform } = service.container ?? {};
    const { id, warnings } = await docker.containers
      .create(whole, { name, ...(platform === undefined ? {} : { platform }) })
      .catch((error: unknown) => {
        throw startError(error, environment, service);
      });
    for (const warning of warnings) log('Docker warns', { environment, service: service.name, warning });
    return id;
  };

  const wishFor = async (
    view: SandboxView,
    service: ServiceSpec,
    digest: string,
    networkMode: string,
    files: Parameters<typeof createOf>[1]['files'],
  ): Promise<ContainerCreate> => {
    const { environment } = at(view.environment);
    const others = /^service:/.test(`${service.container?.pid ?? ''}`) || /^service:/.test(`${service.container?.ipc ?? ''}`);
    const ids = others ? await containersOf(view.environment) : [];
    const idOf = (name: string): string =>
      currentOf(ids.filter((it) => nameOf(it) === name))?.Id ?? nameFor(view.environment, name);
    const labels = labelsOf({ installation, ...at(view.environment), service: service.name });
    const wish = createOf(service, { environment, volumes: view.volumes ?? [], networkMode, idOf, files, labels });
    const { NetworkMode: _mode, ...host } = wish.HostConfig ?? {};
    const text = JSON.stringify({ ...wish, HostConfig: host, replaced: service.replaced });
    const made = createHash('sha256').update(text).digest('hex').slice(0, 32);
    return { ...wish, Labels: { ...wish.Labels, [madeLabel]: made, [digestLabel]: digest } };
  };

  /** Once a service runs: what it took the place of goes, unless it is to be kept; and its name is its own. */
  const clearFormer = async (generation: string, service: string): Promise<void> => {
    const containers = await containersOf(generation, service);
    const current = currentOf(containers);
    const isKept = kept.has(keptAs(generation, service));
    const name = nameFor(generation, service);
    for (const it of containers.filter((one) => one !== current)) {
      if (isKept) {
        if (it.Name === `/${name}`) await docker.containers.rename(it.Id, `${name}.former.${it.Id.slice(0, 6)}`);
        continue;
      }
      await keepLog(docker, it, folder.formerLog(placeOf(generation), service));
      await docker.containers.remove(it.Id, { force: true });
    }
    if (current !== undefined) await rename(current, name);
  };

  const rename = async (it: Container, name: string): Promise<void> => {
    if (it.Name === `/${name}`) return;
    await docker.containers.rename(it.Id, name).catch((error: unknown) => {
      // A generation that is about to end has it yet: `settle` comes after.
      if (!isLandlineError(error, 'DOCKER_REFUSED') || error.details.status !== 409) throw error;
    });
  };

  /** What a daemon that was killed had kept for a replacement, or made for a start that never came. */
  const tidy = async (): Promise<void> => {
    const found = await docker.containers.list(filterOf({ installation }));
    const services = found.flatMap(({ Labels: labels }) => {
      const [environment, service] = [labels[environmentLabel], labels[serviceLabel]];
      const generation = generationIn(labels);
      return environment === undefined || service === undefined
        ? []
        : [JSON.stringify([generationName({ environment, generation }), service])];
    });
    await anchors.tidy();
    for (const twice of new Set(services.filter((it, index) => services.indexOf(it) !== index))) {
      // A cast: it was written just above.
      const [environment, service] = JSON.parse(twice) as [string, string];
      await clearFormer(environment, service);
    }
  };

  const start: Engine['start'] = async (view, service, digest) => {
    const { environment } = at(view.environment);
    const running = (await containersOf(view.environment, service.name)).find((it) => it.State.Running);
    if (running !== undefined) throw new Error(`${view.environment}/${service.name} runs already`);
    await requireImage(environment, service, service.container?.pullPolicy === 'never' ? 'never' : 'missing');
    const begin = async (isSecond: boolean): Promise<string> => {
      const id = await requireContainer(view, service, digest);
      await inTurn(() => docker.containers.start(id)).catch(async (error: unknown) => {
        if (isStuck(error)) stuck.add(id);
        // Its volumes are for the one in its place.
        const isReplaced = isStuck(error) && !isSecond;
        // A former one that is kept is started again by whoever kept it; one that was never started is of no use.
        if (!isReplaced && (await docker.containers.inspect(id).catch(() => undefined))?.State.Status === 'created')
          await docker.containers.remove(id);
        throw startError(error, environment, service);
      });
      return id;
    };
    const id = await beginOrReplace(begin);
    folder.setNote(placeOf(view.environment), service.name, undefined);
    folder.setDigest(placeOf(view.environment), service.name, { container: id, digest });
    await clearFormer(view.environment, service.name);
    changes.dispatchEvent(new Event('change'));
  };

  const stop = async (
    environment: string,
    service: string,
    { signal, graceMs }: { signal: string; graceMs: number },
  ): Promise<void> => {
    const running = (await containersOf(environment, service)).filter((it) => it.State.Running);
    for (const it of running) {
      folder.setNote(placeOf(environment), service, { generation: generationOf(it), end: 'stopped' });
      await stopContainer(docker, it, { signal: it.Config.StopSignal || signal, graceMs });
    }
  };

  const hear = ({ Action, Actor }: { Action: string; Actor: { Attributes: Readonly<Record<string, string>> } }): void => {
    const environment = Actor.Attributes[environmentLabel];
    if (environment === undefined) return;
    const service = Actor.Attributes[serviceLabel] ?? '';
    const [, health] = /^health_status: (\w+)/.exec(Action) ?? [];
    if (health !== undefined) {
      log('service health', { environment, service, health });
      for (const listener of healths) listener(environment, service);
    }
    if (['die', 'destroy', 'start', 'unpause'].includes(Action)) for (const listener of exits) listener(environment, service);
    if (['start', 'destroy'].includes(Action)) changes.dispatchEvent(new Event('change'));
  };

  const changed = (signal: AbortSignal): Promise<void> =>
    untilTold((onTold) => {
      changes.addEventListener('change', onTold);
      return () => changes.removeEventListener('change', onTold);
    }, signal);

  const removeOne = async (name: string, manner: StopManner, onEnded?: (it: Container) => Promise<void>): Promise<void> => {
    const containers = await containersOf(name);
    await Promise.all(
      containers.map(async (it) => {
        const { signal, graceMs } = manner(nameOf(it));
        if (it.State.Running && graceMs > 0) await stopContainer(docker, it, { signal: it.Config.StopSignal || signal, graceMs });
        await onEnded?.(it);
        await docker.containers.remove(it.Id, { force: true, volumes: true });
      }),
    );
    await anchors.remove(name);
    folder.remove(placeOf(name));
  };

  const generations: Generations = {
    list: async () => {
      const found = await docker.containers.list(filterOf({ installation }));
      const names = found.flatMap(({ Labels: labels }) => {
        const environment = labels[environmentLabel];
        return environment === undefined ? [] : [generationName({ environment, generation: generationIn(labels) })];
      });
      return [...new Set(names)].map(at);
    },
    end: async (it, manner) => {
      if (isCurrent(it)) throw new Error(`${generationName(it)} is current`);
      const [from, to] = [placeOf(generationName(it)), placeOf(it.environment)];
      const keep = async (container: Container): Promise<void> => {
        const service = nameOf(container);
        const file = folder.formerLog(from, service);
        await keepLog(docker, container, file);
        if (fs.existsSync(path.dirname(folder.formerLog(to, service)))) takeOverLog(file, folder.formerLog(to, service));
      };
      // What never was on the LAN leaves nothing behind.
      if (manner === undefined) await removeOne(generationName(it), () => ({ signal: 'SIGKILL', graceMs: 0 }));
      else await removeOne(generationName(it), manner, keep);
    },
    settle: async (environment) => {
      const containers = await containersOf(environment);
      const current = [...new Set(containers.map(nameOf))].flatMap((service) => {
        const it = currentOf(containers.filter((one) => nameOf(one) === service));
        return it === undefined ? [] : [{ it, name: nameFor(environment, service) }];
      });
      const anchor = await anchors.inspect(environment);
      if (anchor !== undefined) current.push({ it: anchor, name: nameFor(environment) });
      for (const { it, name } of current) await rename(it, name);
      changes.dispatchEvent(new Event('change'));
    },
  };

  return {
    name: 'docker',
    sandboxes: anchors,
    generations,
    open: async () => {
      let isAway = false;
      watching = listenTo(docker, {
        filters: { type: ['container'], ...filterOf({ installation }) },
        signal: ended.signal,
        onEvent: hear,
        onOpen: () => {
          isAway = false;
          connectedAt = Date.now();
          log('Docker listens', { socket: docker.address });
          // It is tried again at the next start; meanwhile they are in nobody's way.
          tidy().catch(() => undefined);
          options.onConnect();
        },
        onLost: (error) => {
          const isNews = !isAway && options.isWanted();
          isAway = true;
          if (isNews) log('Docker is away', { problem: error instanceof Error ? error.message : String(error) });
        },
        retryMs: () => (options.isWanted() ? 250 : 5_000),
      });
    },
    environments: async () => {
      const found = await docker.containers.list(filterOf({ installation }));
      return [...new Set(found.flatMap((it) => it.Labels[environmentLabel] ?? []))].sort();
    },
    observe,
    refresh: async (view) => folder.refresh({ ...view, environment: placeOf(view.environment) }),
    prepare: async (view, service, digest) => {
      const prepared = await requireImage(view.environment, service);
      if ((await containersOf(view.environment, service.name)).length > 0) await requireContainer(view, service, digest);
      return prepared;
    },
    keepFormer: (environment, service) => void kept.add(keptAs(environment, service)),
    dropFormer: async (environment, service) => {
      kept.delete(keptAs(environment, service));
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
        folder.setNote(placeOf(environment), service, { generation: generationOf(current), end: 'forgotten' });
    },
    remove: async (environment, graceMs) => {
      const others = (await generations.list()).filter((it) => it.environment === environment && !isCurrent(it));
      const all = [...others.map(generationName), environment];
      await Promise.all(all.map((it) => removeOne(it, () => ({ signal: 'SIGTERM', graceMs }))));
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
          former: (name, service) => readFormer(folder.formerLog(placeOf(name), service)),
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
