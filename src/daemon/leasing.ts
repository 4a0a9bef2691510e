/** Each endpoint's address, from the ledger. */
import { restMs } from '../core/ipam/index.ts';
import type { EnvironmentSpec, Lease, Network } from '../core/model.ts';
import type { Host } from '../host/index.ts';
import { type Ipv4, parseIpv4 } from '../net/ipv4.ts';
import { containsAddress } from '../net/prefix.ts';
import type { EnvironmentRecord } from '../store/index.ts';
import { networksOf } from './networks.ts';
import { refusal } from './refusals.ts';
import { endpointMac, requireNetwork } from './wish.ts';
import type { World } from './world.ts';

/**
 * Makes the leases of an environment fit its wish: what is no longer wished for is given back, what fits stays, what
 * is missing is taken.
 * @param avoid addresses found taken on the wire, by the name of the endpoint's link
 * @throws LandlineError NETWORK_UNKNOWN, ADDRESS_*, POOL_FULL, POOL_MISSING
 */
export async function ensureLeases(
  world: World,
  spec: EnvironmentSpec,
  avoid: ReadonlyMap<string, readonly Ipv4[]>,
): Promise<readonly Lease[]> {
  const hostAddresses = await hostAddressesOf(world);
  return fitLeases(world, spec, avoid, hostAddresses);
}

/** Writes a wish and takes its leases, both or neither. @throws as {@link ensureLeases} */
export async function putWithLeases(world: World, spec: EnvironmentSpec, phase: EnvironmentRecord['phase']): Promise<void> {
  const hostAddresses = await hostAddressesOf(world);
  await world.store.together(() => {
    world.store.putEnvironment(spec, phase, Date.now());
    fitLeases(world, spec, new Map(), hostAddresses);
  });
}

function fitLeases(
  world: World,
  spec: EnvironmentSpec,
  avoid: ReadonlyMap<string, readonly Ipv4[]>,
  hostAddresses: readonly Ipv4[],
): readonly Lease[] {
  const joined = spec.endpoints.map((endpoint) => ({ endpoint, network: requireNetwork(networksOf(world), endpoint.network) }));
  for (const lease of world.store.leasesOf(spec.name)) {
    if (spec.endpoints.some((it) => it.interface === lease.interface && it.network === lease.network)) continue;
    world.store.release({ environment: spec.name, interface: lease.interface, now: Date.now(), quarantineMs: restMs });
  }
  return joined.map(({ endpoint, network }) =>
    world.store.take({
      network,
      environment: spec.name,
      interface: endpoint.interface,
      mac: endpointMac(world.store.installation, spec, endpoint),
      wish: parseIpv4(endpoint.address) ?? 'pool',
      hostAddresses: addressesIn(network, hostAddresses),
      avoid: avoid.get(endpoint.interface) ?? [],
      now: Date.now(),
    }),
  );
}

/** Looks of many environments come in bursts, and share what was asked of the kernel so many milliseconds ago at most. */
const freshMs = 100;

const known = new WeakMap<Host, { readonly at: number; readonly addresses: ReturnType<Host['kernel']['listAddresses']> }>();

/** This host's own addresses in a network's subnet: never to be handed out. @throws LandlineError KERNEL_REFUSED */
export async function hostAddressesOn(world: Pick<World, 'host'>, network: Network): Promise<Ipv4[]> {
  return addressesIn(network, await hostAddressesOf(world));
}

const addressesIn = (network: Network, addresses: readonly Ipv4[]): Ipv4[] =>
  addresses.filter((address) => containsAddress(network.subnet, address));

/** All addresses of this host. @throws LandlineError KERNEL_REFUSED */
async function hostAddressesOf({ host }: Pick<World, 'host'>): Promise<Ipv4[]> {
  const before = known.get(host);
  const isFresh = before !== undefined && performance.now() < before.at + freshMs;
  const now = isFresh ? before : { at: performance.now(), addresses: host.kernel.listAddresses() };
  known.set(host, now);
  const addresses = await now.addresses.catch((error: unknown) => {
    known.delete(host);
    throw refusal(error);
  });
  return addresses.map((it) => it.address.address);
}
