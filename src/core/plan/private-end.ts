/** The host's end of a private link: how it should be, how it was found, and what is wrong with it. */
import { formatIpv4, type Ipv4 } from '../../net/ipv4.ts';
import { formatPrefix, type Prefix } from '../../net/prefix.ts';

export interface DesiredPrivateEnd {
  /** The sandbox's address: the one that the host sends there. */
  readonly address: Ipv4;
  /** The host's own address on the link. */
  readonly gateway: Ipv4;
  readonly mtu: number;
}

export interface ObservedPrivateEnd {
  readonly up: boolean;
  readonly mtu: number;
  readonly addresses: readonly Prefix[];
  /** Routes over this link without a gateway. */
  readonly routes: readonly Prefix[];
  /** net.ipv4.conf.LINK.forwarding and .route_localnet */
  readonly forwards: boolean;
  readonly takesLoopback: boolean;
}

/** What has to be mended, in words for people; undefined when all is well. */
export function whyMendPrivateEnd(wish: DesiredPrivateEnd, found: ObservedPrivateEnd): string | undefined {
  if (!found.up) return "down at the host's end";
  if (found.mtu !== wish.mtu) return `MTU ${found.mtu} at the host's end, and ${wish.mtu} is right`;
  if (!isAmong(found.addresses, wish.gateway)) return `without ${formatIpv4(wish.gateway)} at the host's end`;
  if (!isAmong(found.routes, wish.address)) return `without the host's route to ${formatIpv4(wish.address)}`;
  const other = found.routes.find((it) => it.address !== wish.address);
  if (other !== undefined) return `with a route of the host to ${formatPrefix(other)} too`;
  if (!found.forwards) return "the host's end does not forward";
  return found.takesLoopback ? undefined : "the host's end does not take packets of 127.0.0.1";
}

const isAmong = (prefixes: readonly Prefix[], address: Ipv4): boolean =>
  prefixes.some((it) => it.address === address && it.length === 32);
