/** An endpoint's static IPv6 address beside its IPv4 one: how it should be, how it was found, and what is wrong with it. */
import type { Ipv6 } from '../../net/ipv6.ts';
import { containsAddress6, formatPrefix6, type Prefix6 } from '../../net/prefix6.ts';
import { type ObservedSource, type SourceWay, whySource, wishOfIpv6 } from './source-routing.ts';

export interface DesiredIpv6 {
  /** The network's, whose addresses on the link are Landline's to set and to take away. */
  readonly subnet: Prefix6;
  /** Left out: the endpoint has none. */
  readonly address?: Ipv6;
  /** The router of the default route, where this endpoint carries it. */
  readonly gateway?: Ipv6;
  /** Of one among several that have an address: routes for what is sent from it; see source-routing.ts. */
  readonly bySource?: readonly SourceWay<Ipv6>[];
}

export interface ObservedIpv6 {
  readonly addresses: readonly Prefix6[];
  /** Routers of default routes that Landline sets. */
  readonly gateways: readonly Ipv6[];
  readonly bySource?: ObservedSource<Ipv6>;
}

/** What has to be mended, in words for people; undefined when all is well. */
export function whyIpv6(wish: DesiredIpv6 | undefined, found: ObservedIpv6 | undefined): string | undefined {
  if (wish === undefined) return undefined;
  const { addresses = [], gateways = [] } = found ?? {};
  const { address, subnet } = wish;
  if (address !== undefined && !addresses.some((it) => it.address === address && it.length === subnet.length))
    return `without ${address}/${subnet.length}`;
  const other = addresses.find((it) => isSurplusAddress6(wish, it));
  if (other !== undefined) return `with ${formatPrefix6(other)} too`;
  if (wish.gateway !== undefined && !gateways.includes(wish.gateway)) return 'without the route to ::/0';
  if (gateways.some((it) => it !== wish.gateway)) return 'with a route to ::/0 too';
  return whySource(wishOfIpv6(wish), found?.bySource);
}

export const isSurplusAddress6 = ({ subnet, address }: DesiredIpv6, it: Prefix6): boolean =>
  containsAddress6(subnet, it.address) && !(it.address === address && it.length === subnet.length);
