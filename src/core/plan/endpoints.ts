/** Endpoints: which links to attach, mend and detach. */
import { formatPrefix } from '../../net/prefix.ts';
import type { DesiredEndpoint, DesiredRoute, Observed, ObservedEndpoint, Step } from './model.ts';

export function planEndpoints(desired: readonly DesiredEndpoint[], observed: Observed): Step[] {
  const retire: Step[] = observed.leftovers.length === 0 ? [] : [{ do: 'retire-leftovers' }];
  const surplus = observed.endpoints
    .filter((it) => it.hostEnd?.ours === true && !desired.some((wish) => wish.interface === it.interface))
    .map((it): Step => ({ do: 'detach', interface: it.interface, why: 'no longer wished for' }));
  return [...retire, ...surplus, ...desired.flatMap((wish) => planEndpoint(wish, observed))];
}

function planEndpoint(wish: DesiredEndpoint, observed: Observed): Step[] {
  const found = observed.endpoints.find((it) => it.interface === wish.interface);
  if (found === undefined) return [{ do: 'attach', endpoint: wish }];
  const wrong = whyAnew(wish, found);
  if (wrong !== undefined) return [{ do: 'detach', interface: wish.interface, why: wrong }, { do: 'attach', endpoint: wish }];
  const why = whyMend(wish, found);
  return why === undefined ? [] : [{ do: 'mend', endpoint: wish, why }];
}

/** What cannot be mended in place: another link altogether, or an address that has to be probed first. */
function whyAnew(wish: DesiredEndpoint, found: ObservedEndpoint): string | undefined {
  if (found.hostEnd === undefined || !found.hostEnd.ours) return `${wish.interface} is not the link that Landline made`;
  const others = found.addresses.filter((it) => it.address !== wish.address.address);
  const has = found.addresses.length > others.length;
  return !has && others.length > 0 ? `the address is to be ${formatPrefix(wish.address)}` : undefined;
}

function whyMend(wish: DesiredEndpoint, found: ObservedEndpoint): string | undefined {
  const bridge = found.hostEnd?.bridge;
  if (bridge?.name !== wish.bridge) return `not a port of ${wish.bridge}`;
  if (found.hostEnd?.up !== true || !found.up) return 'down';
  if (found.mac !== wish.mac) return `MAC ${found.mac}`;
  if (found.mtu !== bridge.mtu) return `MTU ${found.mtu}, and the bridge's is ${bridge.mtu}`;
  if (!found.addresses.some((it) => samePrefix(it, wish.address))) return `without ${formatPrefix(wish.address)}`;
  const missing = wish.routes.find((route) => !found.routes.some((it) => sameRoute(it, route)));
  return missing === undefined ? undefined : `without the route to ${formatPrefix(missing.to)}`;
}

const samePrefix = (a: DesiredRoute['to'], b: DesiredRoute['to']): boolean => a.address === b.address && a.length === b.length;
const sameRoute = (a: DesiredRoute, b: DesiredRoute): boolean => samePrefix(a.to, b.to) && a.via === b.via;
