/**
 * Networks with `backend: docker-network`: Docker joins the anchor to the LAN, and Landline says where, asks the LAN
 * beforehand whether the address is free, and adds what Docker does not know of.
 */
import type { EndpointSpec, EnvironmentSpec, Lease, Network } from '../core/model.ts';
import type { SandboxWish } from '../engine/index.ts';
import { LandlineError } from '../errors.ts';
import { formatIpv4, parseIpv4 } from '../net/ipv4.ts';
import { findBridge } from './attach.ts';
import { networksOf } from './networks.ts';
import { addressingOf } from './wish.ts';
import type { World } from './world.ts';

/** Name of the one link that Docker makes in an anchor. */
const linkName = 'eth0';

/** The network whose links Docker makes; undefined for others. */
function networkByDocker(networks: readonly Network[], { network }: Pick<EndpointSpec, 'network'>): Network | undefined {
  const found = networks.find((it) => it.name === network);
  return found?.backend === 'docker-network' ? found : undefined;
}

/** How the engine is to join an environment's sandbox; undefined where it is not to, or the address is not known yet. */
export function joinOf(
  networks: readonly Network[],
  spec: EnvironmentSpec,
  leases: readonly Lease[],
): NonNullable<SandboxWish['join']> | undefined {
  const endpoint = spec.sandbox === undefined ? spec.endpoints.find((it) => networkByDocker(networks, it)) : undefined;
  if (endpoint === undefined) return undefined;
  const { name: network, bridge, subnet, gateway } = networkByDocker(networks, endpoint) ?? {};
  const lease = leases.find((it) => it.interface === endpoint.interface && it.network === network);
  if (network === undefined || bridge === undefined || subnet === undefined || gateway === undefined) return undefined;
  return lease && { network, bridge, subnet, gateway, address: lease.address, mac: lease.mac };
}

/** @throws LandlineError BACKEND_REFUSED where Docker cannot make what is wished for */
export function refuseBeyondDocker(networks: readonly Network[], spec: EnvironmentSpec): void {
  for (const [index, endpoint] of spec.endpoints.entries()) {
    const network = networkByDocker(networks, endpoint);
    if (network === undefined) continue;
    const why = whyNot(spec, endpoint, index, network);
    if (why !== undefined) throw new LandlineError('BACKEND_REFUSED', { network: network.name, ...why });
  }
}

interface Refusal {
  readonly because: string;
  readonly instead: string;
}

const otherNetwork = "join a network without 'backend'";

function whyNot(spec: EnvironmentSpec, endpoint: EndpointSpec, index: number, network: Network): Refusal | undefined {
  if (spec.sandbox !== undefined)
    return {
      because: `it makes them for environments of its own alone, and '${spec.name}' was made by somebody else`,
      instead: otherNetwork,
    };
  if (spec.engine !== 'docker')
    return {
      because: `'${spec.name}' runs on the native engine, without Docker`,
      instead: `give its services images, or ${otherNetwork}`,
    };
  if (index > 0)
    return {
      because: `it is the first endpoint of an environment, and here it is the ${index + 1}th`,
      instead: 'write it first',
    };
  if (addressingOf(network, endpoint) === 'dhcp')
    return {
      because: 'Docker has to know the address beforehand, and leases none',
      instead: `write an address, or pool; or ${otherNetwork}`,
    };
  if (endpoint.interface !== linkName)
    return {
      because: `their name is ${linkName}, not ${endpoint.interface}`,
      instead: `leave 'interface' out, or ${otherNetwork}`,
    };
  if (endpoint.gateway !== undefined && parseIpv4(endpoint.gateway) !== network.gateway)
    return {
      because: `the default route is that of the network, ${network.gateway === undefined ? 'none' : formatIpv4(network.gateway)}`,
      instead: `leave 'gateway' out, or ${otherNetwork}`,
    };
  return undefined;
}

/** What stands in the way before Docker may be asked: it would make a bridge that is not there. */
export async function prepareJoin(
  world: World,
  join: NonNullable<SandboxWish['join']>,
): Promise<{ readonly mtu: number; readonly probeMs: number }> {
  const { network: name, bridge, address, mac } = join;
  const { mtu } = await findBridge(world.host, { network: name, bridge });
  const begin = performance.now();
  const network = networksOf(world).find((it) => it.name === name);
  if (network !== undefined) world.probes.begin(network, address, mac);
  const found = await world.probes.take(name, address);
  if (found?.holder !== undefined)
    throw new LandlineError('ADDRESS_TAKEN', { address: formatIpv4(address), network: name, holder: found.holder });
  return { mtu, probeMs: performance.now() - begin };
}
