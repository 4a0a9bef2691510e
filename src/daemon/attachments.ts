/** Plumbing a sandbox that somebody else made: a process's, or one that is bound to a file. */
import type { UpView } from '../api/contract.ts';
import type { AttachAsk } from '../api/daemon.ts';
import type { EndpointSpec, EnvironmentSpec, SandboxSpec } from '../core/model.ts';
import { LandlineError } from '../errors.ts';
import { isKernelError } from '../host/index.ts';
import type { EnvironmentLoop } from './environment.ts';
import type { Environments } from './environments.ts';
import { networksOf } from './networks.ts';
import { startTimeOf } from './sandbox.ts';
import { environmentView, upView } from './views.ts';
import { addressingOf, requireNetwork } from './wish.ts';
import type { World } from './world.ts';

/** How long an address from the LAN's server is waited for. */
const leaseWaitMs = 60_000;

/**
 * Attaches, and keeps it so until it is detached; a process's goes with the process.
 * @throws LandlineError TARGET_GONE, TARGET_IS_HOST, NAME_TAKEN, and what an attach throws
 */
export async function attachTarget(world: World, environments: Environments, ask: AttachAsk): Promise<UpView> {
  const sandbox = sandboxOf(world, ask);
  const before = world.store.environment(ask.name)?.spec;
  if (before !== undefined && JSON.stringify(before.sandbox) !== JSON.stringify(sandbox)) {
    throw new LandlineError('NAME_TAKEN', { name: ask.name });
  }
  const same = before?.endpoints.find((it) => it.network === ask.network && (ask.interface ?? it.interface) === it.interface);
  const endpoint = endpointOf(
    ask,
    same?.interface ?? (await freeInterface(world, sandbox, ask.interface)),
    same?.address ?? 'default',
  );
  const kept = (before?.endpoints ?? []).filter((it) => it.interface !== endpoint.interface);
  const spec: EnvironmentSpec = {
    name: ask.name,
    hostname: ask.name,
    directory: '/',
    sandbox,
    endpoints: [...kept, endpoint],
    services: [],
  };
  const network = requireNetwork(networksOf(world), endpoint.network);
  const wait = addressingOf(network, endpoint) === 'dhcp';
  const loop = await environments.up(spec, { wait, timeoutMs: leaseWaitMs });
  return view(world, loop);
}

async function view(world: World, loop: EnvironmentLoop): Promise<UpView> {
  const found = await environmentView(world, loop);
  if (found === undefined) throw new LandlineError('SUPERSEDED', { environment: loop.name, by: '`landline detach`' });
  return upView(found, loop, []);
}

function sandboxOf(world: World, { target }: AttachAsk): SandboxSpec {
  const path = target.kind === 'process' ? `/proc/${target.pid}/ns/net` : target.path;
  const inode = world.host.netnsInode(path);
  const name = target.kind === 'process' ? `process ${target.pid}` : target.path;
  if (inode === undefined) throw new LandlineError('TARGET_GONE', { target: name });
  if (inode === world.host.netnsInode('/proc/self/ns/net')) throw new LandlineError('TARGET_IS_HOST', { target: name });
  if (target.kind === 'file') return { kind: 'file', path };
  const startTime = startTimeOf(target.pid);
  if (startTime === undefined) throw new LandlineError('TARGET_GONE', { target: name });
  return { kind: 'process', pid: target.pid, startTime };
}

/** The one asked for, or the first free of eth0, eth1, … */
async function freeInterface(world: World, sandbox: SandboxSpec, asked: string | undefined): Promise<string> {
  if (asked !== undefined) return asked;
  const taken = await linkNames(world, sandbox);
  for (let count = 0; ; count += 1) if (!taken.has(`eth${count}`)) return `eth${count}`;
}

async function linkNames(world: World, sandbox: SandboxSpec): Promise<ReadonlySet<string>> {
  const path = sandbox.kind === 'process' ? `/proc/${sandbox.pid}/ns/net` : sandbox.kind === 'file' ? sandbox.path : '';
  try {
    const links = await world.host.within(path, (inside) => inside.kernel.listLinks());
    return new Set(links.map((it) => it.name));
  } catch (error) {
    if (isKernelError(error, 'ENOENT', 'EINVAL')) throw new LandlineError('TARGET_GONE', { target: path }, { cause: error });
    throw error;
  }
}

/** An address that is not asked for stays the one that it has. */
function endpointOf(ask: AttachAsk, name: string, former: string): EndpointSpec {
  const { network, address, mac, gateway, routes } = ask;
  return {
    network,
    interface: name,
    address: address ?? former,
    ...(mac === undefined ? {} : { mac }),
    ...(gateway === undefined ? {} : { gateway }),
    routes,
  };
}

/** Detaches from one network, or from all. @throws LandlineError ENVIRONMENT_UNKNOWN, NOT_ATTACHED */
export async function detachTarget(environments: Environments, name: string, network: string | undefined): Promise<void> {
  const { spec } = environments.require(name).record;
  const { sandbox } = spec;
  if (sandbox?.kind !== 'process' && sandbox?.kind !== 'file') throw new LandlineError('NOT_ATTACHED', { name });
  const rest = spec.endpoints.filter((it) => network !== undefined && it.network !== network);
  if (rest.length === spec.endpoints.length)
    throw new LandlineError('NOT_ATTACHED', { name, ...(network === undefined ? {} : { network }) });
  if (rest.length === 0) await environments.down(name, { keepAddress: false, volumes: false });
  else await environments.up({ ...spec, endpoints: rest }, { wait: false, timeoutMs: 0 });
}
