/** Which network namespace an environment's services live in, and the files that tell them who they are. */
import fs from 'node:fs';
import os from 'node:os';
import type { EnvironmentSpec, Lease, SandboxSpec } from '../core/model.ts';
import type { SandboxView } from '../engine/index.ts';
import { LandlineError } from '../errors.ts';
import { nearest } from '../net/name.ts';
import { isPrivate, networksOf, networksWithResolvers } from './networks.ts';
import { localNames, sandboxView } from './wish.ts';
import { netnsPath, type World } from './world.ts';

/** The host's own namespace, as any process of the daemon sees it. */
const hostNetns = '/proc/self/ns/net';

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
      return netnsPath(world, spec.name);
    case 'host':
      return hostNetns;
    case 'environment': {
      const other = joinedSpec(world, sandbox);
      return other === undefined || depth >= mostJoins ? undefined : sandboxPath(world, other, depth + 1);
    }
    case 'process':
      return startTimeOf(sandbox.pid) === sandbox.startTime ? `/proc/${sandbox.pid}/ns/net` : undefined;
    case 'file':
      return sandbox.path;
  }
}

function joinedSpec(world: World, sandbox: Extract<SandboxSpec, { kind: 'environment' }>): EnvironmentSpec | undefined {
  const record = world.store.environment(sandbox.name);
  return record?.phase === 'removing' ? undefined : record?.spec;
}

/** When a process started (field 22 of proc_pid_stat(5)); undefined when there is none. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything: fields are counted behind its end.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
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
    default:
      throw new Error(`the sandbox of ${spec.name} is always there, or made`);
  }
}

/** What the engine needs to know of the sandbox. Who joins another's is told the other's names, and its own services'. */
export function viewOf(world: World, spec: EnvironmentSpec, leases: readonly Lease[]): SandboxView {
  const netns = sandboxPath(world, spec);
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
  const theirs = viewOf(world, other, world.store.leasesOf(other.name));
  return { ...theirs, environment: spec.name, netns, directory: spec.directory, hosts: localNames(spec) + theirs.hosts };
}

function hostView(): Pick<SandboxView, 'hostname' | 'resolvConf'> {
  return { hostname: os.hostname(), resolvConf: readText('/etc/resolv.conf') };
}

function readText(file: string): string {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
}
