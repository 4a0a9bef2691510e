/** Each endpoint's address, from the ledger. */
import { restMs } from '../core/ipam/index.ts';
import type { EndpointSpec, EnvironmentSpec, Lease, Network } from '../core/model.ts';
import type { Host } from '../host/index.ts';
import { type Ipv4, parseIpv4 } from '../net/ipv4.ts';
import type { Ipv6 } from '../net/ipv6.ts';
import { containsAddress } from '../net/prefix.ts';
import type { EnvironmentRecord } from '../store/index.ts';
import { dhcpClient } from './dhcp-identity.ts';
import { refuseBeyondDocker } from './lan-join.ts';
import type { DhcpWish } from './lease-keeper.ts';
import { networksOf } from './networks.ts';
import { refusal } from './refusals.ts';
import { sandboxPath } from './sandbox.ts';
import { addressingOf, endpointMac, mayLease, requireNetwork } from './wish.ts';
import { netnsPath, type World } from './world.ts';

/**
 * Makes the leases of an environment fit its wish: what is no longer wished for is given back, what fits stays, what
 * is missing is taken.
 * @param avoid addresses found taken on the wire, by the name of the endpoint's link
 * @throws LandlineError NETWORK_UNKNOWN, BACKEND_REFUSED, ADDRESS_*, POOL_FULL, POOL_MISSING
 */
export async function ensureLeases(
  world: World,
  spec: EnvironmentSpec,
  avoid: ReadonlyMap<string, readonly Ipv4[]>,
): Promise<readonly Lease[]> {
  refuseBeyondDocker(networksOf(world), spec);
  const own = await ownAddressesOf(world, spec);
  await releaseOthers(world, spec);
  return fitLeases(world, spec, avoid, own);
}

/** Begins to lease, or goes on, for each endpoint whose address the LAN's server gives. @param attached names of the links that are there */
export function keepLeases(world: World, spec: EnvironmentSpec, attached: ReadonlySet<string>): void {
  for (const wish of dhcpWishes(world, spec)) world.leases.want({ ...wish, attached: attached.has(wish.interface) });
}

/** Whether an endpoint's address comes from the LAN's DHCP server. */
export const leasesAddress = (world: World, spec: EnvironmentSpec): boolean => dhcpWishes(world, spec).length > 0;

function dhcpWishes(world: World, spec: EnvironmentSpec): DhcpWish[] {
  return spec.endpoints.flatMap((endpoint) => {
    const network = networksOf(world).find((it) => it.name === endpoint.network);
    if (network === undefined || !mayLease(network) || addressingOf(network, endpoint) !== 'dhcp') return [];
    return [dhcpWish(world, spec, endpoint, network)];
  });
}

function dhcpWish(world: World, spec: EnvironmentSpec, endpoint: EndpointSpec, network: Network): DhcpWish {
  return {
    environment: spec.name,
    interface: endpoint.interface,
    network,
    client: dhcpClient(world.store.installation, spec, endpoint, network, world.configuration.dns),
    netns: sandboxPath(world, spec) ?? netnsPath(world, spec.name),
    attached: false,
  };
}

/** Tells the LAN's servers that the environment's leases, or that of one link, are free again. Never throws. */
export async function releaseLeases(world: World, spec: EnvironmentSpec, link?: string): Promise<void> {
  for (const lease of world.store.leasesOf(spec.name)) {
    const network = networksOf(world).find((it) => it.name === lease.network);
    if (lease.source !== 'dhcp' || network === undefined || (link ?? lease.interface) !== lease.interface) continue;
    const { network: joined, mac, interface: name } = lease;
    // What a former daemon leased is known to this one too.
    const endpoint = spec.endpoints.find((it) => it.interface === name) ?? {
      network: joined,
      mac,
      interface: name,
      address: 'dhcp',
      routes: [],
    };
    world.leases.want(dhcpWish(world, spec, endpoint, network));
    await world.leases.release(spec.name, name);
  }
  await world.leases.release(spec.name, link);
}

/** Leases from DHCP whose endpoint is not wished for any more, or is to have another kind of address. */
async function releaseOthers(world: World, spec: EnvironmentSpec): Promise<void> {
  for (const lease of world.store.leasesOf(spec.name)) {
    const wished = spec.endpoints.find((it) => it.interface === lease.interface && it.network === lease.network);
    const network = networksOf(world).find((it) => it.name === lease.network);
    const stays = wished !== undefined && network !== undefined && addressingOf(network, wished) === 'dhcp';
    if (lease.source === 'dhcp' && !stays) await releaseLeases(world, spec, lease.interface);
  }
}

/** Writes a wish and takes its leases, both or neither. @throws as {@link ensureLeases} */
export async function putWithLeases(world: World, spec: EnvironmentSpec, phase: EnvironmentRecord['phase']): Promise<void> {
  refuseBeyondDocker(networksOf(world), spec);
  const own = await ownAddressesOf(world, spec);
  await releaseOthers(world, spec);
  await world.store.together(() => {
    world.store.putEnvironment(spec, phase, Date.now());
    fitLeases(world, spec, new Map(), own);
  });
}

/** This host's own addresses, of both families. */
interface OwnAddresses {
  readonly ipv4: readonly Ipv4[];
  readonly ipv6: readonly Ipv6[];
}

async function ownAddressesOf(world: World, { endpoints }: EnvironmentSpec): Promise<OwnAddresses> {
  const asks6 = endpoints.some((it) => it.address6 !== undefined);
  return { ipv4: await hostAddressesOf(world), ipv6: asks6 ? await hostAddresses6(world) : [] };
}

/** All IPv6 addresses of this host. @throws LandlineError KERNEL_REFUSED */
export async function hostAddresses6({ host }: Pick<World, 'host'>): Promise<readonly Ipv6[]> {
  const found = await host.kernel.listAddresses6().catch((error: unknown) => {
    throw refusal(error);
  });
  return found.map((it) => it.address.address);
}

function fitLeases(
  world: World,
  spec: EnvironmentSpec,
  avoid: ReadonlyMap<string, readonly Ipv4[]>,
  own: OwnAddresses,
): readonly Lease[] {
  const joined = spec.endpoints.map((endpoint) => ({ endpoint, network: requireNetwork(networksOf(world), endpoint.network) }));
  for (const lease of world.store.leasesOf(spec.name)) {
    const wished = joined.find((it) => it.endpoint.interface === lease.interface && it.network.name === lease.network);
    const addressing = wished && addressingOf(wished.network, wished.endpoint);
    const isKept = addressing === 'dhcp' ? lease.source === 'dhcp' : addressing !== 'none' && addressing !== undefined;
    if (isKept) continue;
    world.store.release({ environment: spec.name, interface: lease.interface, now: Date.now(), quarantineMs: restMs });
  }
  fitLeases6(world, spec, own.ipv6);
  const leased = world.store.leasesOf(spec.name);
  return joined.flatMap(({ endpoint, network }) => {
    const addressing = addressingOf(network, endpoint);
    if (addressing === 'none') return [];
    if (addressing === 'dhcp') return leased.filter((it) => it.interface === endpoint.interface);
    return [
      world.store.take({
        network,
        environment: spec.name,
        interface: endpoint.interface,
        mac: endpointMac(world.store.installation, spec, endpoint),
        wish: parseIpv4(endpoint.address) ?? 'pool',
        hostAddresses: addressesIn(network, own.ipv4),
        avoid: avoid.get(endpoint.interface) ?? [],
        now: Date.now(),
      }),
    ];
  });
}

/** The same for IPv6 addresses: what is no longer wished for is given back first, so that another endpoint may have it. */
function fitLeases6(world: World, spec: EnvironmentSpec, hostAddresses: readonly Ipv6[]): void {
  const { name: environment, endpoints } = spec;
  for (const { interface: link, network, address } of world.store.leases6(environment)) {
    const wished = endpoints.some((it) => it.interface === link && it.network === network && it.address6 === address);
    if (!wished) world.store.release6({ environment, interface: link, now: Date.now(), quarantineMs: restMs });
  }
  for (const endpoint of endpoints) {
    const { interface: link, network: joined, address6: address } = endpoint;
    if (address === undefined) continue;
    const network = requireNetwork(networksOf(world), joined);
    const mac = endpointMac(world.store.installation, spec, endpoint);
    world.store.take6({ network, environment, interface: link, address, mac, hostAddresses, now: Date.now() });
  }
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
