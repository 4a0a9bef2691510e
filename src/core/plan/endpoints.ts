/** Endpoints: which links to attach, mend and detach. */
import { formatPrefix, type Prefix } from '../../net/prefix.ts';
import { isOurs, whyAnewChild, whyMendChild } from './child.ts';
import { whyIpv6 } from './ipv6.ts';
import type { DesiredEndpoint, DesiredRoute, Observed, ObservedEndpoint, Step } from './model.ts';
import { whyMendPrivateEnd } from './private-end.ts';
import { whySource, wishOfIpv4 } from './source-routing.ts';

/** @param waiting endpoints that have no address yet: their links stay */
export function planEndpoints(
  desired: readonly DesiredEndpoint[],
  observed: Observed,
  waiting: readonly Pick<DesiredEndpoint, 'interface'>[] = [],
): Step[] {
  const aside = desired.filter((wish) => wish.aside !== true && isAside(findOf(wish, observed)));
  if (aside.length > 0 && aside.every((wish) => hasAddress(wish, findOf(wish, observed))))
    return [{ do: 'exchange-ports', endpoints: aside }];
  const retire: Step[] = observed.leftovers.length === 0 ? [] : [{ do: 'retire-leftovers' }];
  const surplus = observed.endpoints
    .filter((it) => isOurs(it) && ![...desired, ...waiting].some((wish) => wish.interface === it.interface))
    .map((it): Step => ({ do: 'detach', interface: it.interface, why: 'no longer wished for' }));
  const { strayRules: rules = [] } = observed;
  const stray: Step[] = rules.length === 0 ? [] : [{ do: 'remove-rules', rules }];
  return [...retire, ...surplus, ...stray, ...desired.flatMap((wish) => planEndpoint(wish, observed))];
}

const findOf = (wish: DesiredEndpoint, observed: Observed): ObservedEndpoint | undefined =>
  observed.endpoints.find((it) => it.interface === wish.interface);

const isAside = (found: ObservedEndpoint | undefined): boolean => found?.hostEnd?.ours === true && found.hostEnd.aside === true;

const hasAddress = (wish: DesiredEndpoint, found: ObservedEndpoint | undefined): boolean =>
  found?.addresses.some((it) => it.address === wish.address.address) === true;

function planEndpoint(wish: DesiredEndpoint, observed: Observed): Step[] {
  const found = findOf(wish, observed);
  if (wish.byDocker === true) return planByDocker(wish, found);
  if (found === undefined) return [{ do: 'attach', endpoint: wish }];
  // A namespace of others has links of others: the attach is refused, and theirs stays.
  if (observed.sandbox?.owned === false && !isOurs(found)) return [{ do: 'attach', endpoint: wish }];
  const wrong = whyAnew(wish, found);
  if (wrong !== undefined)
    return [
      { do: 'detach', interface: wish.interface, why: wrong },
      { do: 'attach', endpoint: wish },
    ];
  const isFresh = wish.leased === true && found.addresses.length === 0;
  if (isFresh || isElsewhere(wish, found)) return [{ do: 'readdress', endpoint: wish }];
  const why = whyMend(wish, found);
  return why === undefined ? [] : [{ do: 'mend', endpoint: wish, why }];
}

function planByDocker(wish: DesiredEndpoint, found: ObservedEndpoint | undefined): Step[] {
  if (found?.hostEnd === undefined)
    return [{ do: 'drop-anchor', interface: wish.interface, why: `${wish.interface} is not the link that Docker made` }];
  if (!isOurs(found)) return [{ do: 'adopt', endpoint: wish }];
  if (isElsewhere(wish, found)) return [{ do: 'readdress', endpoint: wish }];
  const why = whyMend(wish, found);
  return why === undefined ? [] : [{ do: 'mend', endpoint: wish, why }];
}

/** What cannot be put right in place: another link altogether, or another network's address. */
function whyAnew(wish: DesiredEndpoint, found: ObservedEndpoint): string | undefined {
  if (!isOurs(found)) return `${wish.interface} is not the link that Landline made`;
  // Nobody probes from where nobody hears it: what has another address is made anew.
  if (isAside(found) && (wish.aside !== true || !hasAddress(wish, found)))
    return `the address is to be ${formatPrefix(wish.address)}`;
  const child = whyAnewChild(wish, found);
  if (child !== undefined || found.hostEnd === undefined) return child;
  if ((wish.private === undefined) !== (found.hostEnd.private === undefined)) return `it is to be on network '${wish.network}'`;
  if (wish.private !== undefined)
    return isElsewhere(wish, found) ? `the address is to be ${formatPrefix(wish.address)}` : undefined;
  const moves = found.hostEnd.bridge !== undefined && found.hostEnd.bridge.name !== wish.bridge;
  return moves && isElsewhere(wish, found) ? `it is to be a port of ${wish.bridge}` : undefined;
}

/** It has an address, and not the one that it should have: that one has to be probed first, while it keeps what it has. */
function isElsewhere(wish: DesiredEndpoint, found: ObservedEndpoint): boolean {
  return found.addresses.length > 0 && !found.addresses.some((it) => it.address === wish.address.address);
}

function whyMend(wish: DesiredEndpoint, found: ObservedEndpoint): string | undefined {
  if (wish.private !== undefined && found.hostEnd?.private !== undefined) {
    if (!found.up) return 'down';
    if (found.mac !== wish.mac) return `MAC ${found.mac}`;
    if (found.mtu !== wish.private.mtu) return `MTU ${found.mtu}, and ${wish.private.mtu} is right`;
    return whyMendPrivateEnd(wish.private, found.hostEnd.private) ?? whyReaddress(wish, found) ?? whyReroute(wish, found);
  }
  if (wish.parent !== undefined) return whyMendChild(wish, found) ?? whyReaddress(wish, found) ?? whyReroute(wish, found);
  if (wish.aside === true) return whyMendAside(wish, found);
  const bridge = found.hostEnd?.bridge;
  if (bridge === undefined || bridge.name !== wish.bridge) return `not a port of ${wish.bridge}`;
  if (found.hostEnd?.up !== true || !found.up) return 'down';
  if (found.mac !== wish.mac) return `MAC ${found.mac}`;
  const mtu = Math.min(wish.mtu ?? bridge.mtu, bridge.mtu);
  if (found.mtu !== mtu) return `MTU ${found.mtu}, and ${mtu === bridge.mtu ? "the bridge's is" : 'the lease says'} ${mtu}`;
  if (found.hostEnd.mtu !== bridge.mtu) return `MTU ${found.hostEnd.mtu} at the host's end, and the bridge's is ${bridge.mtu}`;
  return whyReaddress(wish, found) ?? whyReroute(wish, found);
}

function whyMendAside(wish: DesiredEndpoint, found: ObservedEndpoint): string | undefined {
  if (found.hostEnd?.up !== true || !found.up) return 'down';
  return found.mac === wish.mac ? (whyReaddress(wish, found) ?? whyReroute(wish, found)) : `MAC ${found.mac}`;
}

function whyReaddress(wish: DesiredEndpoint, found: ObservedEndpoint): string | undefined {
  if (!found.addresses.some((it) => samePrefix(it, wish.address))) return `without ${formatPrefix(wish.address)}`;
  const other = found.addresses.find((it) => isSurplusAddress(wish, it));
  return other === undefined ? undefined : `with ${formatPrefix(other)} too`;
}

function whyReroute(wish: DesiredEndpoint, found: ObservedEndpoint): string | undefined {
  const missing = wish.routes.find((route) => !found.routes.some((it) => sameRoute(it, route)));
  if (missing !== undefined) return `without the route to ${formatPrefix(missing.to)}`;
  const surplus = found.routes.find((it) => it.ours && (it.via !== 0 || wish.leased === true) && isSurplusRoute(wish, it));
  return surplus === undefined
    ? (whySource(wishOfIpv4(wish), found.bySource) ?? whyIpv6(wish.ipv6, found.ipv6))
    : `with a route to ${formatPrefix(surplus.to)} too`;
}

/** The endpoint's own address once more, with the prefix of a former subnet. Other addresses are somebody else's. */
export function isSurplusAddress(wish: Pick<DesiredEndpoint, 'address'>, it: Prefix): boolean {
  return it.address === wish.address.address && it.length !== wish.address.length;
}

/** Nobody wishes for it any more, where it is one that Landline sets. */
export function isSurplusRoute(wish: Pick<DesiredEndpoint, 'routes'>, it: DesiredRoute): boolean {
  return !wish.routes.some((route) => sameRoute(it, route));
}

const samePrefix = (a: Prefix, b: Prefix): boolean => a.address === b.address && a.length === b.length;
const sameRoute = (a: DesiredRoute, b: DesiredRoute): boolean => samePrefix(a.to, b.to) && a.via === b.via;
