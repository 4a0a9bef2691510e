/** Whether an endpoint may have an IPv6 address. It is always a fixed one: there is no pool. */
import type { Ipv6 } from '../../net/ipv6.ts';
import { containsAddress6, subnetOf6 } from '../../net/prefix6.ts';
import type { Network } from '../model.ts';
import { type Granted, judgeRights, mayPromise, type Refusal, type Rights } from './choose.ts';

/** One endpoint's ask for an IPv6 address. */
export interface Address6Ask {
  readonly network: Network;
  readonly environment: string;
  readonly interface: string;
  readonly address: Ipv6;
  /** This host's own addresses. */
  readonly hostAddresses: readonly Ipv6[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

export const judge6 = (ask: Address6Ask, facts: Rights<Ipv6>): Granted<Ipv6> | Refusal<Ipv6> =>
  notForHosts6(ask) ?? judgeRights(ask, facts, ask.address);

/** Whether it may be reserved for `holder`. */
export const mayReserve6 = (
  ask: Pick<Address6Ask, 'network' | 'hostAddresses' | 'address'> & { readonly holder: string },
  facts: Pick<Rights<Ipv6>, 'leases' | 'reservations'>,
): Granted<Ipv6> | Exclude<Refusal<Ipv6>, { kind: 'quarantined' }> =>
  notForHosts6(ask) ?? mayPromise(ask.holder, facts, ask.address);

function notForHosts6({
  network,
  hostAddresses,
  address,
}: Pick<Address6Ask, 'network' | 'hostAddresses' | 'address'>):
  | Extract<Refusal<Ipv6>, { kind: 'outside' | 'unusable' }>
  | undefined {
  const { subnet6: subnet } = network;
  if (subnet === undefined || !containsAddress6(subnet, address)) return { kind: 'outside', address };
  const unusable = (reason: string): Extract<Refusal<Ipv6>, { kind: 'unusable' }> => ({ kind: 'unusable', address, reason });
  if (address === network.gateway6) return unusable('the gateway');
  if (hostAddresses.includes(address)) return unusable("this host's own address");
  // RFC 4291 section 2.6.1
  return address === subnetOf6(subnet).address ? unusable('the address of all routers there') : undefined;
}
