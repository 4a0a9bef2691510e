/** What the API shows of leases from DHCP. */
import type { LeaseRow, LeaseView } from '../api/contract.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { formatPrefix } from '../net/prefix.ts';
import type { LeaseStanding } from './lease-keeper.ts';
import { networksOf } from './networks.ts';
import { prefixLengthOf } from './wish.ts';
import type { World } from './world.ts';

const isoTime = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());

/** By environment, then by link: all, or those of an environment, or of one link of it. */
export function leaseRows(world: World, environment?: string, link?: string): readonly LeaseRow[] {
  const key = (it: LeaseStanding): string => `${it.environment} ${it.interface}`;
  const standings = world.leases.standings(environment).filter((it) => (link ?? it.interface) === it.interface);
  return standings.sort((a, b) => (key(a) < key(b) ? -1 : 1)).map((it) => leaseRow(world, it));
}

function leaseRow(world: World, it: LeaseStanding): LeaseRow {
  const { environment, network, interface: link, mac, clientId, state, grant, times } = it;
  return {
    environment,
    network,
    interface: link,
    mac,
    clientId,
    state,
    address: grant === undefined ? null : addressOf(world, it),
    server: grant === undefined ? null : formatIpv4(grant.server),
    routes: grant?.routes.map(({ to, via }) => ({ to: formatPrefix(to), via: formatIpv4(via) })) ?? [],
    resolvers: grant?.resolvers.map(formatIpv4) ?? [],
    search: grant?.search ?? [],
    mtu: grant?.mtu ?? null,
    fqdn: grant?.fqdn ?? null,
    since: isoTime(times?.since),
    renewAt: isoTime(times?.renewAt),
    rebindAt: isoTime(times?.rebindAt),
    expiresAt: isoTime(times?.expiresAt),
  };
}

function addressOf(world: World, { environment, interface: link, network: name }: LeaseStanding): string | null {
  const network = networksOf(world).find((it) => it.name === name);
  const lease = world.store.leasesOf(environment).find((it) => it.interface === link);
  if (network === undefined || lease === undefined) return null;
  return formatPrefix({ address: lease.address, length: prefixLengthOf(network, lease) });
}

/** Of an endpoint that leases its address; undefined for others. */
export function leaseView(world: World, environment: string, link: string): LeaseView | undefined {
  const it = world.leases.standing({ environment, interface: link });
  if (it === undefined) return undefined;
  const { state, grant, times } = it;
  const held = grant === undefined ? {} : { server: formatIpv4(grant.server), renewAt: isoTime(times?.renewAt) };
  return { source: 'dhcp', state, expiresAt: isoTime(times?.expiresAt), ...held };
}
