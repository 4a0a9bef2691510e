/** The daemon as the API's routes need it: asks in, views out. */
import fs from 'node:fs';
import { apiVersion, type EndpointRow, type EnvironmentView, type EventView } from '../api/contract.ts';
import type { Daemon, UpAsk } from '../api/daemon.ts';
import { LandlineError } from '../errors.ts';
import { parseEnvironment } from '../files/index.ts';
import { version } from '../version.ts';
import { listAddresses, readHistory, releaseAddress, reserveAddress } from './addresses.ts';
import { attachTarget, detachTarget, runningContainer } from './attachments.ts';
import { type ContainerKeeper, isKeptByLabels, requireUnlabelled } from './container-keeper.ts';
import type { EnvironmentLoop } from './environment.ts';
import type { DownOptions, Environments } from './environments.ts';
import { execTarget, requireOwnServices } from './exec.ts';
import { iterate } from './iterate.ts';
import { leaseRows } from './lease-views.ts';
import { logs } from './logs.ts';
import { metricsText } from './metrics.ts';
import { checkName } from './name-check.ts';
import { networksOf } from './networks.ts';
import { prepareServices } from './prepare.ts';
import { viewOf } from './sandbox.ts';
import { prepareSwap } from './swap.ts';
import { environmentView, environmentViews, nameView, networkView, noneView, troubledView, upView } from './views.ts';
import type { World } from './world.ts';

export function daemonOn(world: World, environments: Environments, keeper: ContainerKeeper): Daemon {
  const views = (): ReturnType<typeof environmentViews> => environmentViews(world, environments.loop, keeper.troubled());

  const view = async (name: string): ReturnType<Daemon['environment']> => {
    const troubled = world.store.environment(name) === undefined ? keeper.troubled().find((it) => it.name === name) : undefined;
    if (troubled !== undefined) return troubledView(troubled);
    const found = await environmentView(world, environments.require(name).loop);
    if (found !== undefined) return found;
    // It went between the look into the ledger and the look at the world.
    throw new LandlineError('ENVIRONMENT_UNKNOWN', { name });
  };

  const viewOfLoop = (loop: EnvironmentLoop): Promise<EnvironmentView> => view(loop.name);

  const end = async (name: string, options: DownOptions): Promise<string> => {
    await environments.down(name, options);
    return name;
  };

  return {
    version: () => ({
      version: version(),
      api: apiVersion,
      node: process.versions.node,
      pid: process.pid,
      installation: world.store.installation,
    }),
    environments: views,
    environment: view,
    up: (ask) => up(world, environments, ask),
    down: async (name, options) => {
      requireUnlabelled(world, name);
      await end(name, options);
    },
    stop: async (name, service) => {
      requireOwnServices(world, keeper, name, 'stop');
      return viewOfLoop(await environments.stop(name, service));
    },
    start: async (name, service, options) => {
      requireOwnServices(world, keeper, name, 'start');
      return viewOfLoop(await environments.start(name, service, options));
    },
    restart: async (name, service, options) => {
      requireOwnServices(world, keeper, name, 'restart');
      return viewOfLoop(await environments.restart(name, service, options));
    },
    replace: async (name, service, image, options) => {
      requireOwnServices(world, keeper, name, 'rm');
      return viewOfLoop(await environments.replace(name, service, image, options));
    },
    sandbox: (name) => sandboxOf(world, environments, name),
    containerNetns: async (container) => {
      const { path, name } = await runningContainer(world, container);
      // One that is about to start is held by a descriptor of ours.
      return { container: name, netns: path.replace('/proc/self/', `/proc/${process.pid}/`) };
    },
    downAll: async (options) => {
      const names = world.store.environments().flatMap(({ spec }) => (isKeptByLabels(world, spec) ? [] : [spec.name]));
      return Promise.all(names.map((name) => end(name, options)));
    },
    attach: (ask) => attachTarget(world, environments, ask),
    detach: (name, network) => detachTarget(environments, name, network),
    networks: async () => {
      const list = await Promise.all(networksOf(world).map((it) => networkView(world, it)));
      // One that was only ever named on a command line is there for as long as somebody is on it.
      return [...list.filter((it) => it.endpoints > 0 || !world.linkNetworks.has(it.name)), noneView(world)];
    },
    endpoints: async () =>
      (await views()).flatMap((it) => it.endpoints.map((endpoint): EndpointRow => ({ environment: it.name, ...endpoint }))),
    names: () => ({ names: world.names.list().map(nameView), counters: world.names.counters }),
    checkName: (name) => checkName(world, name),
    forgetName: (name) => world.names.forget(name),
    addresses: () => listAddresses(world),
    history: (ask) => readHistory(world, ask),
    reserve: (ask) => reserveAddress(world, ask),
    release: (ask) => releaseAddress(world, ask),
    exec: (environment, service) => execTarget(world, environments, keeper, environment, service),
    logs: (ask, signal) => logs(world, environments, keeper, ask, signal),
    leases: () => leaseRows(world),
    renewLeases: async (name, link) => {
      environments.require(name);
      await world.leases.renew(name, link);
      return leaseRows(world, name, link);
    },
    releaseLeases: async (name, link) => {
      environments.require(name);
      await world.leases.giveUp(name, link);
      await environments.loop(name).converge();
      return leaseRows(world, name, link);
    },
    metrics: () => metricsText(world),
    events: (environment, signal) =>
      iterate<EventView>(
        (listener) =>
          world.events.listen((event) => {
            if (environment === undefined || event.fields['environment'] === environment) listener(event);
          }),
        signal,
      ),
  };
}

async function up(world: World, environments: Environments, ask: UpAsk): ReturnType<Daemon['up']> {
  const { spec, notes } = parseEnvironment(ask.text, { file: ask.file, directory: ask.directory, overrides: ask.overrides });
  if (!fs.existsSync(spec.directory)) {
    throw new LandlineError('USAGE', {
      problem: `there is no directory ${spec.directory} on the daemon's machine`,
      advice: 'give one that is there',
    });
  }
  const before = ask.swap === undefined ? undefined : world.store.environment(spec.name);
  // Whatever takes long, a pull, or refuses it is done before it is its turn.
  const clashes =
    before?.phase === 'up'
      ? await prepareSwap(world, before.spec, spec, ask.swap === 'shared')
      : await prepareServices(world, spec);
  for (const note of clashes) world.events.tell('ports clash', { environment: spec.name, note });
  const { timeoutMs } = ask;
  const upped =
    ask.swap === undefined
      ? { ...(await environments.up(spec, { wait: ask.wait, timeoutMs })), exchangeMs: undefined }
      : await environments.swap(spec, { shared: ask.swap === 'shared', timeoutMs });
  const { exchangeMs } = upped;
  const all = [...notes.map((it) => `${ask.file}:${it.line}:${it.column}: ${it.message}`), ...clashes];
  return { ...(await upView(world, upped, all)), ...(exchangeMs === undefined ? {} : { exchangeMs }) };
}

/** @throws LandlineError ENVIRONMENT_UNKNOWN, TARGET_GONE */
function sandboxOf(world: World, environments: Environments, name: string): ReturnType<Daemon['sandbox']> {
  const { spec } = environments.require(name).record;
  const { netns, hosts, resolvConf } = viewOf(world, spec, world.store.leasesOf(name));
  if (world.host.netnsInode(netns) === undefined) throw new LandlineError('TARGET_GONE', { target: `the sandbox of '${name}'` });
  // By way of this process: the file is in its mount namespace, and maybe in no other.
  return { environment: name, netns: `/proc/${process.pid}/root${netns}`, hosts, resolvConf };
}
