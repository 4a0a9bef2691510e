/** What the host's firewall is to do for all environments together, from the ledger; and which ports are free. */
import { findClash, findTaken } from '../core/firewall/ports.ts';
import { formatHostPort, type HostPort, type PublishedPort, privateNetworkName } from '../core/firewall/wish.ts';
import { privateLinkGroup } from '../core/mark.ts';
import type { EnvironmentSpec, PortSpec } from '../core/model.ts';
import { LandlineError } from '../errors.ts';
import { listListeners, ownerOfSocket } from '../host/listeners.ts';
import { ipv4 } from '../net/ipv4.ts';
import type { FirewallWish } from './firewall.ts';
import { isPrivate, lansOf } from './networks.ts';
import type { World } from './world.ts';

/** Brings the firewall to what the ledger says now. @throws LandlineError FIREWALL_REFUSED, PROGRAM_MISSING, KERNEL_REFUSED */
export function applyFirewall(world: World): Promise<void> {
  return world.firewall.apply(firewallWish(world));
}

function firewallWish(world: World): FirewallWish {
  const specs = wishedFor(world);
  const joined = new Set(specs.flatMap((spec) => spec.endpoints.map((it) => it.network)));
  const joinedLans = lansOf(world).filter((it) => joined.has(it.name));
  const bridges = joinedLans.flatMap((it) => (it.bridge === undefined ? [] : [it.bridge]));
  const dockerBridges = joinedLans.flatMap((it) => (it.backend === undefined || it.bridge === undefined ? [] : [it.bridge]));
  if (!specs.some(isPrivate)) return { bridges, dockerBridges };
  const group = privateLinkGroup(world.store.installation);
  const ports = specs.flatMap((spec) => publishedPorts(world, spec));
  return { bridges, dockerBridges, private: { subnet: world.configuration.privateSubnet, group, ports } };
}

/** All that are not being removed. */
const wishedFor = (world: World): EnvironmentSpec[] =>
  world.store.environments().flatMap((it) => (it.phase === 'removing' ? [] : [it.spec]));

function publishedPorts(world: World, spec: EnvironmentSpec): PublishedPort[] {
  const lease = world.store.leasesOf(spec.name).find((it) => it.network === privateNetworkName);
  if (lease === undefined) return [];
  return (spec.ports ?? []).map((it) => ({ ...hostPort(it), address: lease.address, containerPort: it.containerPort }));
}

function hostPort({ hostAddress, hostPort, protocol }: PortSpec): HostPort {
  return { hostPort, protocol, ...(hostAddress === undefined ? {} : { hostAddress: ipv4(hostAddress) }) };
}

/** Before anything is made. @throws LandlineError PORT_PUBLISHED_TWICE, PORT_TAKEN */
export async function requireFreePorts(world: World, spec: EnvironmentSpec): Promise<void> {
  const wanted = (spec.ports ?? []).map((it) => ({ ...hostPort(it), environment: spec.name }));
  if (wanted.length === 0) return;
  const others = wishedFor(world)
    .filter((it) => it.name !== spec.name)
    .flatMap((it) => (it.ports ?? []).map((port) => ({ ...hostPort(port), environment: it.name })));
  const clash = findClash(wanted, others);
  if (clash !== undefined) {
    const port = formatHostPort(clash.port);
    throw new LandlineError('PORT_PUBLISHED_TWICE', { port, environment: spec.name, holder: clash.with.environment });
  }
  // A program that began to wait there later does not end what is published already.
  const published = (world.store.environment(spec.name)?.spec.ports ?? []).map(hostPort);
  const fresh = wanted.filter((port) => !published.some((it) => formatHostPort(it) === formatHostPort(port)));
  const taken = findTaken(fresh, await listListeners());
  if (taken === undefined) return;
  const holder = await ownerOfSocket(taken.listener.socket);
  throw new LandlineError('PORT_TAKEN', { port: formatHostPort(taken.port), ...(holder === undefined ? {} : { holder }) });
}
