/** Which network namespace an environment's services live in, and the files that tell them who they are. */
import fs from 'node:fs';
import os from 'node:os';
import type { EnvironmentSpec, Lease, SandboxSpec } from '../core/model.ts';
import type { SandboxView, SandboxWish } from '../engine/index.ts';
import { LandlineError } from '../errors.ts';
import { homeNetns } from '../host/index.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { nearest } from '../net/name.ts';
import { joinOf } from './lan-join.ts';
import { isPrivate, networksOf, networksWithResolvers } from './networks.ts';
import { startTimeOf } from './processes.ts';
import { localNames, sandboxView } from './wish.ts';
import { netnsPath, type World } from './world.ts';

/** An environment may join one that has joined another: so many deep. */
const mostJoins = 8;

/** Whether Landline makes and ends the sandbox. */
export function isOwned(spec: EnvironmentSpec): boolean {
  return spec.sandbox === undefined;
}

/** Whether the sandbox's links are looked at: not the host's own, nor those of the environment that was joined. */
export function isPlumbed(spec: EnvironmentSpec): boolean {
  return spec.sandbox?.kind !== 'host' && spec.sandbox?.kind !== 'environment';
}

/** Path of the namespace as it is now; undefined while its owner is not there. */
export function sandboxPath(world: World, spec: EnvironmentSpec, depth = 0): string | undefined {
  const { sandbox } = spec;
  switch (sandbox?.kind) {
    case undefined:
      return spec.engine === 'docker' ? world.engine.sandboxes?.path(spec.name) : netnsPath(world, spec.name);
    case 'host':
      return homeNetns;
    case 'environment': {
      const other = joinedSpec(world, sandbox);
      return other === undefined || depth >= mostJoins ? undefined : sandboxPath(world, other, depth + 1);
    }
    case 'process':
      return startTimeOf(sandbox.pid) === sandbox.startTime ? `/proc/${sandbox.pid}/ns/net` : undefined;
    case 'file':
      return sandbox.path;
    case 'container':
      return world.containers.netnsOf(sandbox.id);
  }
}

/** Has the engine look at a sandbox that it holds: at the environment's own, or at the one that it has joined. @throws LandlineError DOCKER_UNREACHABLE */
export async function lookAtSandbox(world: World, spec: EnvironmentSpec): Promise<void> {
  const holder = holderOf(world, spec);
  if (holder?.engine === 'docker' && holder.sandbox === undefined)
    await world.engine.sandboxes?.look({
      environment: holder.name,
      hostname: holder.hostname,
      ...joining(world, holder),
    });
}

function joining(world: World, spec: EnvironmentSpec): Pick<SandboxWish, 'join'> {
  const join = joinOf(networksOf(world), spec, world.store.leasesOf(spec.name));
  return join === undefined ? {} : { join };
}

/** The environment whose sandbox it is in the end; undefined where that is gone. */
function holderOf(world: World, spec: EnvironmentSpec, depth = 0): EnvironmentSpec | undefined {
  if (spec.sandbox?.kind !== 'environment') return spec;
  const other = joinedSpec(world, spec.sandbox);
  return other === undefined || depth >= mostJoins ? undefined : holderOf(world, other, depth + 1);
}

function joinedSpec(world: World, sandbox: Extract<SandboxSpec, { kind: 'environment' }>): EnvironmentSpec | undefined {
  const record = world.store.environment(sandbox.name);
  return record?.phase === 'removing' ? undefined : record?.spec;
}

/** What stands in the way of an environment whose sandbox's owner is away. */
export function sandboxMissing(world: Pick<World, 'store'>, spec: EnvironmentSpec): LandlineError {
  const { sandbox } = spec;
  switch (sandbox?.kind) {
    case 'environment': {
      const others = world.store.environments().flatMap((it) => (it.spec.name === spec.name ? [] : [it.spec.name]));
      const suggestion = others.includes(sandbox.name) ? undefined : nearest(sandbox.name, others);
      const details = { environment: spec.name, joined: sandbox.name };
      return new LandlineError('SANDBOX_AWAY', { ...details, ...(suggestion === undefined ? {} : { suggestion }) });
    }
    case 'process':
      return new LandlineError('TARGET_GONE', { target: `process ${sandbox.pid}` });
    case 'file':
      return new LandlineError('TARGET_GONE', { target: sandbox.path });
    case 'container':
      return new LandlineError('CONTAINER_STOPPED', { container: sandbox.container });
    default:
      throw new Error(`the sandbox of ${spec.name} is always there, or made`);
  }
}

/** What the engine needs to know of the sandbox. Who joins another's is told the other's names, and its own services'. */
export function viewOf(world: World, spec: EnvironmentSpec, leases: readonly Lease[]): SandboxView {
  const view = namedView(world, spec, leases);
  const holder = spec.sandbox?.kind === 'environment' ? sharedHolder(world, spec) : spec.sandbox;
  return {
    ...view,
    ...(holder === undefined ? {} : { holder }),
    ...(spec.volumes === undefined ? {} : { volumes: spec.volumes }),
    ...hostAddressFor(world, spec),
  };
}

/** By the name of the environment that holds it, unless it is the host's, or somebody's who is no environment. */
function sharedHolder(world: World, spec: EnvironmentSpec): SandboxSpec | undefined {
  const holder = holderOf(world, spec);
  return holder === undefined ? spec.sandbox : (holder.sandbox ?? { kind: 'environment', name: holder.name });
}

/** Where containers reach the host: on the bridge or the NIC of their LAN, or at the gateway of the private network. */
function hostAddressFor(world: World, spec: EnvironmentSpec): Pick<SandboxView, 'hostAddress'> {
  if (spec.engine !== 'docker') return {};
  const network = networksOf(world).find((it) => it.name === spec.endpoints[0]?.network);
  if (network === undefined) return spec.sandbox?.kind === 'host' ? { hostAddress: '127.0.0.1' } : {};
  const onLink = (name: string): string | undefined => os.networkInterfaces()[name]?.find((it) => it.family === 'IPv4')?.address;
  const gateway = network.gateway === undefined ? undefined : formatIpv4(network.gateway);
  const link = network.bridge ?? network.parent?.link;
  const found = link === undefined ? gateway : onLink(link);
  return found === undefined ? {} : { hostAddress: found };
}

function namedView(world: World, spec: EnvironmentSpec, leases: readonly Lease[]): SandboxView {
  // The engine makes its sandbox, and needs no path before.
  const netns = sandboxPath(world, spec) ?? (spec.engine === 'docker' && isOwned(spec) ? netnsPath(world, spec.name) : undefined);
  if (netns === undefined) throw sandboxMissing(world, spec);
  const { sandbox } = spec;
  if (sandbox?.kind === 'host')
    return {
      ...hostView(),
      environment: spec.name,
      netns,
      directory: spec.directory,
      hosts: localNames(spec) + readText('/etc/hosts'),
    };
  const other = sandbox?.kind === 'environment' ? joinedSpec(world, sandbox) : undefined;
  const networks = isPrivate(spec) ? networksWithResolvers(world) : networksOf(world);
  if (other === undefined) return sandboxView(networks, spec, leases, netns);
  const theirs = namedView(world, other, world.store.leasesOf(other.name));
  return { ...theirs, environment: spec.name, netns, directory: spec.directory, hosts: localNames(spec) + theirs.hosts };
}

function hostView(): Pick<SandboxView, 'hostname' | 'resolvConf'> {
  return { hostname: os.hostname(), resolvConf: readText('/etc/resolv.conf') };
}

function readText(file: string): string {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
}
