/** What `core/ipam` refuses, as the errors that users meet. */
import type { Holding, Outcome } from '../core/ipam/index.ts';
import type { Network } from '../core/model.ts';
import { type Holder, LandlineError } from '../errors.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { formatPrefix, subnetOf } from '../net/prefix.ts';

export function refusal(network: Network, it: Exclude<Outcome, { kind: 'granted' }>): LandlineError {
  const where = { address: 'address' in it ? formatIpv4(it.address) : '', network: network.name };
  switch (it.kind) {
    case 'outside':
      return new LandlineError('ADDRESS_OUTSIDE', { ...where, subnet: formatPrefix(subnetOf(network.subnet)) });
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
