/** What `core/ipam` refuses, as the errors that users meet. */
import type { Holding, Outcome, Refusal } from '../core/ipam/index.ts';
import type { Network } from '../core/model.ts';
import { type Holder, LandlineError } from '../errors.ts';
import { type Address, formatAddress, isIpv4 } from '../net/address.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import type { Ipv6 } from '../net/ipv6.ts';
import { formatPrefix, subnetOf } from '../net/prefix.ts';
import { formatPrefix6 } from '../net/prefix6.ts';

export function refusal(network: Network, it: Exclude<Outcome, { kind: 'granted' }> | Refusal<Ipv6>): LandlineError {
  const where = { address: 'address' in it ? formatAddress(it.address) : '', network: network.name };
  switch (it.kind) {
    case 'outside':
      return new LandlineError('ADDRESS_OUTSIDE', { ...where, subnet: subnetFor(network, it.address) });
    case 'unusable':
      return new LandlineError('ADDRESS_UNUSABLE', { ...where, reason: it.reason });
    case 'held':
      return new LandlineError('ADDRESS_HELD', { ...where, environment: it.environment });
    case 'reserved':
      return new LandlineError('ADDRESS_RESERVED', { ...where, holder: it.holder });
    case 'quarantined':
      return new LandlineError('ADDRESS_QUARANTINED', { ...where, environment: it.environment, until: formatSecond(it.until) });
    case 'pool-missing':
      return new LandlineError('POOL_MISSING', { network: network.name });
    case 'pool-full':
      return new LandlineError('POOL_FULL', { network: network.name, size: it.size, holders: it.holdings.map(holderOf) });
  }
}

function subnetFor({ subnet, subnet6 }: Network, address: Address): string {
  if (isIpv4(address)) return formatPrefix(subnetOf(subnet));
  return subnet6 === undefined ? 'no IPv6 subnet' : formatPrefix6(subnet6);
}

function holderOf(it: Holding): Holder {
  return { address: formatIpv4(it.address), holder: formatHolding(it) };
}

function formatHolding(it: Holding): string {
  switch (it.kind) {
    case 'leased':
      return it.environment;
    case 'reserved':
      return `reserved for ${it.holder}`;
    case 'resting':
      return `resting until ${formatSecond(it.until)}`;
    case 'on-the-wire':
      return 'taken on the wire';
  }
}

/** A moment as ISO 8601 in UTC, rounded up to the second: from then on it is over. */
function formatSecond(milliseconds: number): string {
  return new Date(Math.ceil(milliseconds / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}
