/** What of a network may be handed out: its host addresses without those of the LAN itself, and its pool. */
import type { Ipv4 } from '../../net/ipv4.ts';
import { broadcastOf, type Prefix, subnetOf } from '../../net/prefix.ts';
import type { Range } from '../../net/range.ts';
import type { Network } from '../model.ts';
import { clipRanges, mergeRanges, type Ranges, subtractRanges } from './ranges.ts';

/** The parts of a network that decide about its addresses. */
export type AddressNetwork = Pick<Network, 'subnet' | 'gateway' | 'pool' | 'exclude' | 'resolvers'>;

/**
 * Which of the LAN's own addresses this is, in words for people; undefined when it is none of them. A /31 has no
 * network and broadcast address (RFC 3021), a /32 neither.
 */
export function lansOwn(network: AddressNetwork, hostAddresses: readonly Ipv4[], address: Ipv4): string | undefined {
  if (address === network.gateway) return 'the gateway';
  if (network.resolvers.includes(address)) return 'a resolver';
  if (hostAddresses.includes(address)) return "this host's own address";
  if (network.subnet.length >= 31) return undefined;
  if (address === subnetOf(network.subnet).address) return 'the network address';
  if (address === broadcastOf(network.subnet)) return 'the broadcast address';
  return undefined;
}

/** The first and the last address of a subnet that a host may have. */
function hostRange(subnet: Prefix): Range {
  const first = subnetOf(subnet).address;
  const last = broadcastOf(subnet);
  return subnet.length >= 31 ? { first, last } : { first: first + 1, last: last - 1 };
}

/** What the pool can give: inside the subnet, without what is excluded or the LAN's own. */
export function poolRanges(network: AddressNetwork, hostAddresses: readonly Ipv4[]): Ranges {
  const own = [...network.resolvers, ...hostAddresses, ...(network.gateway === undefined ? [] : [network.gateway])];
  const without = [...network.exclude, ...own.map((address) => ({ first: address, last: address }))];
  return subtractRanges(clipRanges(mergeRanges(network.pool), hostRange(network.subnet)), mergeRanges(without));
}
