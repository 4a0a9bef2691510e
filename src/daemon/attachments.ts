/** Plumbing a sandbox that somebody else made: a process's, or one that is bound to a file. */
import type { UpView } from '../api/contract.ts';
import type { AttachAsk } from '../api/daemon.ts';
import { nameForContainer } from '../core/labels.ts';
import type { EndpointSpec, EnvironmentSpec, Network, SandboxSpec } from '../core/model.ts';
import { LandlineError } from '../errors.ts';
import { homeNetns, isKernelError } from '../host/index.ts';
import type { Mac } from '../net/mac.ts';
import { isEnvironmentName } from '../net/name.ts';
import { containerOf } from './container-keeper.ts';
import type { Environments } from './environments.ts';
import { learnNetwork, networksOf } from './networks.ts';
import { startTimeOf } from './processes.ts';
import { upView } from './views.ts';
import { addressingOf, requireNetwork } from './wish.ts';
import type { World } from './world.ts';

/** How long an address from the LAN's server is waited for. */
const leaseWaitMs = 60_000;

/**
 * Attaches, and keeps it so until it is detached; a process's goes with the process.
 * @throws LandlineError TARGET_GONE, TARGET_IS_HOST, NAME_TAKEN, and what an attach throws
 */
export async function attachTarget(world: World, environments: Environments, ask: AttachAsk): Promise<UpView> {
  learnNetwork(world, ask.network);
  const { name, sandbox } = await targetOf(world, ask);
  const mac = await macOf(world, ask, name);
  const before = world.store.environment(name)?.spec;
  if (before !== undefined && JSON.stringify(before.sandbox) !== JSON.stringify(sandbox)) {
    throw new LandlineError('NAME_TAKEN', { name });
  }
  const same = before?.endpoints.find((it) => it.network === ask.network && (ask.interface ?? it.interface) === it.interface);
  const found = await lookInside(world, sandbox);
  // A way out that somebody else gave it stays: Docker's, on a bridge of its own.
  const hasWayOut = found.defaults.some((link) => before?.endpoints.every((it) => it.interface !== link) ?? true);
  const endpoint = endpointOf(
    { ...(hasWayOut ? { gateway: 'none' } : {}), ...ask, ...mac },
    same?.interface ?? ask.interface ?? freeInterface(found),
    same ?? { address: 'default' },
  );
  requirePossible(requireNetwork(networksOf(world), endpoint.network), endpoint, before);
  const kept = (before?.endpoints ?? []).filter((it) => it.interface !== endpoint.interface);
  const spec: EnvironmentSpec = {
    name,
    hostname: before?.hostname ?? name,
    directory: '/',
    sandbox,
    endpoints: [...kept, endpoint],
    services: [],
  };
  const network = requireNetwork(networksOf(world), endpoint.network);
  const wait = addressingOf(network, endpoint) === 'dhcp';
  return upView(world, await environments.up(spec, { wait, timeoutMs: leaseWaitMs }), [], '`landline detach`');
}

/** A NIC that is given away keeps its MAC, unless another is asked for. @throws LandlineError NIC_* */
async function macOf(
  world: World,
  { network, mac, interface: name }: AttachAsk,
  environment: string,
): Promise<{ readonly mac?: Mac }> {
  const { parent } = requireNetwork(networksOf(world), network);
  if (parent?.kind !== 'phys') return {};
  const own = await world.nics.macFor(parent.link, { environment, ...(name === undefined ? {} : { interface: name }) });
  return { mac: mac ?? own };
}

/** The sandbox, and the environment's name: the one asked for, or what the target's own suggests. */
async function targetOf(
  world: World,
  { name, target }: AttachAsk,
): Promise<{ readonly name: string; readonly sandbox: SandboxSpec }> {
  if (target.kind === 'container') return containerTarget(world, name, target.container);
  if (name === undefined) throw new Error('the name of a process or a file follows from it');
  return { name, sandbox: sandboxOf(world, target) };
}

/** One that has labels, or is attached already, keeps its name. @throws LandlineError CONTAINER_UNKNOWN, CONTAINER_STOPPED, TARGET_IS_HOST, USAGE, DOCKER_* */
async function containerTarget(
  world: World,
  asked: string | undefined,
  container: string,
): Promise<{ readonly name: string; readonly sandbox: SandboxSpec }> {
  const found = await runningContainer(world, container);
  const its = world.store
    .environments()
    .find(({ spec, phase }) => phase !== 'removing' && containerOf(spec)?.id === found.id)?.spec;
  const name = asked ?? its?.name ?? nameForContainer(found.name);
  if (!isEnvironmentName(name)) {
    const problem = `no name can be made of the container's, '${found.name}'`;
    throw new LandlineError('USAGE', { problem, advice: 'choose one with --name' });
  }
  const own = its?.name === name ? its.sandbox : undefined;
  return { name, sandbox: own ?? { kind: 'container', id: found.id, container: found.name, labelled: false } };
}

/**
 * A container by its id or name, and the path of the network that it has for itself.
 * @throws LandlineError CONTAINER_UNKNOWN, CONTAINER_STOPPED, TARGET_IS_HOST, DOCKER_*
 */
export async function runningContainer(
  world: World,
  container: string,
): Promise<{ readonly id: string; readonly name: string; readonly path: string }> {
  const found = await world.containers.find(container);
  if (found === undefined) throw new LandlineError('CONTAINER_UNKNOWN', { container });
  const path = world.containers.netnsOf(found.id);
  if (path === undefined) throw new LandlineError('CONTAINER_STOPPED', { container: found.name });
  requireOwnNetns(world, path, `container '${found.name}'`);
  return { id: found.id, name: found.name, path };
}

/** @throws LandlineError TARGET_GONE, TARGET_IS_HOST */
function requireOwnNetns(world: World, path: string, target: string): void {
  const inode = world.host.netnsInode(path);
  if (inode === undefined) throw new LandlineError('TARGET_GONE', { target });
  if (inode === world.host.netnsInode(homeNetns)) throw new LandlineError('TARGET_IS_HOST', { target });
}

function sandboxOf(world: World, target: Exclude<AttachAsk['target'], { kind: 'container' }>): SandboxSpec {
  const path = target.kind === 'process' ? `/proc/${target.pid}/ns/net` : target.path;
  const name = target.kind === 'process' ? `process ${target.pid}` : target.path;
  requireOwnNetns(world, path, name);
  if (target.kind === 'file') return { kind: 'file', path };
  const startTime = startTimeOf(target.pid);
  if (startTime === undefined) throw new LandlineError('TARGET_GONE', { target: name });
  return { kind: 'process', pid: target.pid, startTime };
}

/** What is in a sandbox before anything of ours is. */
interface Found {
  readonly links: ReadonlySet<string>;
  /** Links of the default routes. */
  readonly defaults: readonly string[];
}

/** @throws LandlineError TARGET_GONE */
async function lookInside(world: World, sandbox: SandboxSpec): Promise<Found> {
  const path = pathOf(world, sandbox);
  try {
    return await world.host.within(path, async ({ kernel }) => {
      const [links, routes] = await Promise.all([kernel.listLinks(), kernel.listRoutes()]);
      const ways = routes.filter((it) => it.to.length === 0);
      return {
        links: new Set(links.map((it) => it.name)),
        defaults: ways.flatMap((way) => links.find((it) => it.index === way.link)?.name ?? []),
      };
    });
  } catch (error) {
    if (isKernelError(error, 'ENOENT', 'EINVAL')) throw new LandlineError('TARGET_GONE', { target: path }, { cause: error });
    throw error;
  }
}

/** The first free of eth0, eth1, … */
function freeInterface({ links }: Found): string {
  for (let count = 0; ; count += 1) if (!links.has(`eth${count}`)) return `eth${count}`;
}

function pathOf(world: World, sandbox: SandboxSpec): string {
  switch (sandbox.kind) {
    case 'process':
      return `/proc/${sandbox.pid}/ns/net`;
    case 'file':
      return sandbox.path;
    case 'container':
      return world.containers.netnsOf(sandbox.id) ?? '/proc/0/ns/net';
    default:
      throw new Error(`nothing is attached to a sandbox of kind ${sandbox.kind}`);
  }
}

/** @throws LandlineError USAGE */
function requirePossible(
  network: Network,
  { interface: link, address, address6, hostInterface }: EndpointSpec,
  before: EnvironmentSpec | undefined,
): void {
  const refuse = (problem: string, advice: string): never => {
    throw new LandlineError('USAGE', { problem, advice });
  };
  if (address === 'none' && network.bridge === undefined && network.parent === undefined)
    refuse(`a link on network '${network.name}' has an address`, 'leave address out, or name a network of landline.yaml');
  if (address === 'none' && address6 !== undefined)
    refuse(`${link} is to have no address of Landline, and ${address6}`, 'leave one of the two out');
  if (hostInterface !== undefined && network.bridge === undefined)
    refuse(
      `on network '${network.name}' ${link} has no end on a bridge of the host that could be named ${hostInterface}`,
      'leave that name out',
    );
  const former = before?.endpoints.find((it) => it.interface === link);
  // Whose an address is that is found on it later nobody could tell.
  if (before !== undefined && former !== undefined && (former.address === 'none') !== (address === 'none'))
    refuse(
      `${link} of '${before.name}' is there ${former.address === 'none' ? 'without an address of' : 'with an address from'} Landline`,
      `\`landline detach ${before.name} --network ${former.network}\` first`,
    );
}

/** Addresses that are not asked for stay those that it has. */
function endpointOf(ask: AttachAsk, name: string, former: Pick<EndpointSpec, 'address' | 'address6'>): EndpointSpec {
  const { network, address = former.address, address6 = former.address6, mac, gateway, hostInterface, routes } = ask;
  return {
    network,
    interface: name,
    address,
    ...(address6 === undefined ? {} : { address6 }),
    ...(mac === undefined ? {} : { mac }),
    ...(hostInterface === undefined ? {} : { hostInterface }),
    ...(gateway === undefined ? {} : { gateway }),
    routes,
  };
}

/** Detaches from one network, or from all. @throws LandlineError ENVIRONMENT_UNKNOWN, NOT_ATTACHED */
export async function detachTarget(environments: Environments, name: string, network: string | undefined): Promise<void> {
  const { spec } = environments.require(name).record;
  const { sandbox } = spec;
  if (sandbox?.kind !== 'process' && sandbox?.kind !== 'file' && sandbox?.kind !== 'container')
    throw new LandlineError('NOT_ATTACHED', { name });
  // The first is the one that the labels ask for.
  const kept = sandbox.kind === 'container' && sandbox.labelled ? spec.endpoints.slice(0, 1) : [];
  const rest = spec.endpoints.filter((it) => kept.includes(it) || (network !== undefined && it.network !== network));
  if (rest.length === spec.endpoints.length) {
    if (sandbox.kind === 'container' && kept.some((it) => network === undefined || it.network === network))
      throw new LandlineError('LABELLED', { container: sandbox.container, name });
    throw new LandlineError('NOT_ATTACHED', { name, ...(network === undefined ? {} : { network }) });
  }
  if (rest.length === 0) await environments.down(name, { keepAddress: false, volumes: false });
  else await environments.up({ ...spec, endpoints: rest }, { wait: false, timeoutMs: 0 });
}
