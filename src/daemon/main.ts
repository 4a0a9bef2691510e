/**
 * The daemon's boot order, and its end: state, kernel, engine, what a former daemon left, loops, API.
 *
 * It starts and answers without any bridge being there. SIGTERM and Ctrl-C end it and leave everything running;
 * SIGHUP reads the configuration again, and keeps the former one when the new one is wrong.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { flushCompileCache } from 'node:module';
import path from 'node:path';
import { type ApiServer, clearStale, serveApi } from '../api/server.ts';
import { linkGroup } from '../core/mark.ts';
import type { Configuration } from '../core/model.ts';
import { chooseDockerAddress, openDocker, openDockerEngine, watchDocker } from '../engine/docker/index.ts';
import { openNativeEngine } from '../engine/native/index.ts';
import { LandlineError, unreadable } from '../errors.ts';
import { parseConfiguration } from '../files/index.ts';
import { openHost } from '../host/index.ts';
import { openNft } from '../host/nft.ts';
import { openStore } from '../store/index.ts';
import { containerOf, keepContainers } from './container-keeper.ts';
import { openContainers } from './containers.ts';
import { daemonOn } from './daemon.ts';
import { openDefence } from './defence.ts';
import { joinEngines } from './engines.ts';
import { type Environments, openEnvironments } from './environments.ts';
import { formatEvent, openEvents } from './events.ts';
import { openFirewall } from './firewall.ts';
import { watchForwarding } from './forwarding.ts';
import { applyFirewall } from './host-firewall.ts';
import { openLeaseKeeper } from './lease-keeper.ts';
import { markedLinks } from './marked-links.ts';
import { keepNames } from './names.ts';
import { learnNetwork } from './networks.ts';
import { openNics } from './nics.ts';
import { probesAhead } from './probes-ahead.ts';
import { refusal } from './refusals.ts';
import { openShims } from './shims.ts';
import { sweep, sweepGenerations, sweepServices } from './sweep.ts';
import { watchWorld } from './triggers.ts';
import type { World } from './world.ts';

export interface DaemonOptions {
  /** landline.yaml; when it is the default one it may be missing, and there are no networks then. */
  readonly config: string;
  readonly configRequired: boolean;
  readonly stateDir: string;
  readonly socket: string;
}

/** Runs until a signal ends it. @throws LandlineError DAEMON_RUNNING, FILE_INVALID, STATE_BROKEN, NOT_ROOT, … */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  if (process.getuid?.() !== 0) throw new LandlineError('NOT_ROOT', { command: 'landline daemon' });
  // Changes to the kernel and closing packet sockets wait on Node's pool for milliseconds each; it is made at its first use.
  process.env['UV_THREADPOOL_SIZE'] ??= '16';
  const configuration = readConfiguration(options);
  // Before anything of this host is touched: a daemon that is refused leaves all as it was.
  await clearStale(options.socket);
  const signals = awaitSignals();
  const { world, onDocker, close } = await orRefusal(openWorld(options, configuration));
  const environments = openEnvironments(world);
  let api: ApiServer | undefined;
  try {
    await orRefusal(sweep(world));
    await world.nics.settleOrphans();
    await world.shims.settle();
    await applyFirewall(world).catch((error: unknown) => world.events.tell('firewall in trouble', { problem: String(error) }));
    const triggers = await orRefusal(watchWorld(world, environments));
    const defence = openDefence(world);
    onDocker(() => void welcomeDocker(world, environments));
    const onInternal = (error: LandlineError): void =>
      console.error(error.cause instanceof Error ? error.cause.stack : error.stack);
    const group = groupId('landline');
    const keeper = keepContainers(world, environments);
    api = await serveApi(daemonOn(world, environments, keeper), {
      socket: options.socket,
      onInternal,
      ...(group === undefined ? {} : { group }),
    });
    const pidFile = options.socket.replace(/(\.sock)?$/, '.pid');
    fs.writeFileSync(pidFile, `${process.pid}\n`);
    world.events.tell('daemon ready', {
      socket: options.socket,
      environments: world.store.environments().length,
      pid: process.pid,
    });
    world.dockerWatch.start();
    mendHost(world, options.stateDir).catch((error: unknown) =>
      world.events.tell('host bridge in trouble', { problem: String(error) }),
    );
    resume(world, environments).catch((error: unknown) => world.events.tell('could not look', { problem: String(error) }));
    for await (const signal of signals) {
      if (signal !== 'SIGHUP') break;
      reload(world, options);
      void world.shims.settle();
      environments.wakeAll();
    }
    triggers.close();
    defence.close();
    fs.rmSync(pidFile, { force: true });
    world.events.tell('daemon ending, everything is left running', {});
  } finally {
    await api?.close();
    await environments.close();
    await close();
  }
}

/** A conversion of the host's NIC that a command was killed in is finished or undone; most hosts have none. */
async function mendHost(world: World, stateDir: string): Promise<void> {
  if (!fs.existsSync(path.join(stateDir, 'host-bridge', 'current'))) return;
  const { mendBridge } = await import('../prepare/index.ts');
  const state = await mendBridge(stateDir);
  if (state !== undefined) world.events.tell('host bridge looked at', { state });
}

/** What the kernel refuses to a daemon that starts, in a container without rights for example, is told as such. */
async function orRefusal<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw refusal(error);
  });
}

async function openWorld(
  options: DaemonOptions,
  configuration: Configuration,
): Promise<{ world: World; onDocker: (listener: () => void) => void; close: () => Promise<void> }> {
  const events = openEvents();
  events.listen((event) => process.stdout.write(`${formatEvent(event)}\n`));
  const { id } = configuration;
  const file = path.join(options.stateDir, 'landline.db');
  const store = openStore({ file, now: Date.now(), ...(id === undefined ? {} : { id }) });
  const netnsFolder = path.join(path.dirname(options.socket), 'netns', store.installation);
  const host = openHost();
  const log = (line: string, fields: Record<string, unknown>): void => events.tell(line, fields as Record<string, string>);
  // The engine hides this folder from services, and can only hide what is there.
  await host.listNetns(netnsFolder);
  const native = openNativeEngine({ directory: path.join(options.stateDir, 'services'), hiddenFolder: netnsFolder, log });
  let connected = (): void => undefined;
  const docker = openDocker(chooseDockerAddress(configuration.docker.socket, process.env));
  const dockerEngine = openDockerEngine({
    docker,
    installation: store.installation,
    directory: path.join(options.stateDir, 'docker'),
    anchorImage: () => world.configuration.docker.anchorImage,
    currentOf: (environment) => store.environment(environment)?.spec.generation ?? 0,
    pull: (image, platform, onProgress) =>
      docker.images.pull(image, { ...(platform === undefined ? {} : { platform }), onProgress }),
    onConnect: () => connected(),
    isWanted: () => store.environments().some(({ spec }) => spec.engine === 'docker' || containerOf(spec) !== undefined),
    log,
  });
  const engine = joinEngines(native, dockerEngine, store);
  await engine.open();
  const leases = openLeaseKeeper({ host, store, events, netnsFolder });
  const dockerWatch = watchDocker(docker);
  const isAttached = (id: string): boolean => store.environments().some(({ spec }) => containerOf(spec)?.id === id);
  const parts = {
    docker,
    dockerWatch,
    containers: openContainers(docker, dockerWatch, isAttached),
    probes: probesAhead(host),
    host,
    leases,
    engine,
    store,
    events,
    configuration,
    netnsFolder,
    forwarding: watchForwarding(),
    marked: markedLinks(host, store.installation),
    firewall: openFirewall(host, openNft(), (line, fields) => events.tell(line, fields)),
    shims: openShims(() => world),
    nics: openNics(() => world),
    linkNetworks: new Map(),
    swaps: new Map(),
    linkGroup: linkGroup(store.installation),
  };
  // The same object, so that the names see a configuration that is read again.
  const world: World = Object.assign(parts, { names: keepNames(parts) });
  for (const { spec } of store.environments()) for (const it of spec.endpoints) learnNetwork(world, it.network);
  const close = async (): Promise<void> => {
    world.nics.close();
    world.names.close();
    leases.close();
    await engine.close();
    dockerWatch.close();
    world.containers.close();
    docker.close();
    world.firewall.close();
    host.close();
    store.close();
  };
  return { world, onDocker: (listener) => (connected = listener), close };
}

/** Docker is there, or there again: what is its own and nobody wishes for ends, and what is wished for is looked at. */
async function welcomeDocker(world: World, environments: Environments): Promise<void> {
  try {
    await sweepServices(world);
    environments.wakeAll();
    await sweepGenerations(world);
  } catch (error) {
    world.events.tell('could not look', { problem: String(error) });
  }
}

/** What was being made or ended when the last daemon died is finished; all others are looked at. Tells when that is done. */
async function resume(world: World, environments: Environments): Promise<void> {
  const begin = performance.now();
  const names = world.store.environments().map((it) => it.spec.name);
  const outcomes = await Promise.allSettled(names.map((name) => environments.resume(name)));
  const troubled = outcomes.filter((it) => it.status === 'rejected').length;
  const seconds = ((performance.now() - begin) / 1000).toFixed(3);
  world.events.tell('environments looked at', { environments: names.length, troubled, seconds });
  await sweepGenerations(world).catch((error: unknown) => world.events.tell('could not look', { problem: String(error) }));
  // Node keeps compiled code when it ends, and a daemon that is killed would leave none to the next.
  flushCompileCache();
}

function readConfiguration(options: DaemonOptions): Configuration {
  if (!options.configRequired && !fs.existsSync(options.config)) return parseConfiguration('', options.config);
  let text: Buffer;
  try {
    text = fs.readFileSync(options.config);
  } catch (error) {
    throw unreadable(options.config, error);
  }
  return parseConfiguration(text, options.config);
}

function reload(world: World, options: DaemonOptions): void {
  try {
    world.configuration = readConfiguration(options);
    world.names.reconfigure();
    world.events.tell('configuration read', { file: options.config });
  } catch (error) {
    world.events.tell('configuration kept, the new one is wrong', { problem: (error as Error).message });
  }
}

/** SIGTERM, SIGINT and SIGHUP one after the other, as they come. */
function awaitSignals(): AsyncIterable<NodeJS.Signals> {
  const stream = new ReadableStream<NodeJS.Signals>({
    start: (controller) => {
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => controller.enqueue(signal));
    },
  });
  return stream;
}

/** Id of a group of this machine; undefined when there is none. */
function groupId(name: string): number | undefined {
  try {
    return Number(execFileSync('getent', ['group', name], { encoding: 'utf8' }).split(':')[2]);
  } catch {
    return undefined;
  }
}
