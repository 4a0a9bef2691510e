/** Endpoints that wait for an address from the LAN: a link that is up, and has none. */
import { formatPrefix } from '../../net/prefix.ts';
import { isOurs, whyAnewChild } from './child.ts';
import type { Observed, ObservedEndpoint, Step, WaitingEndpoint } from './model.ts';

export function planWaiting(waiting: readonly WaitingEndpoint[], observed: Observed): Step[] {
  return waiting.flatMap((wish): Step[] => {
    const found = observed.endpoints.find((it) => it.interface === wish.interface);
    if (found === undefined) return [{ do: 'plug', endpoint: wish }];
    const why = whyAnew(wish, found);
    if (why !== undefined)
      return [
        { do: 'detach', interface: wish.interface, why },
        { do: 'plug', endpoint: wish },
      ];
    const [address] = found.addresses;
    const why2 = address === undefined ? undefined : `${formatPrefix(address)} is not leased`;
    return why2 === undefined ? [] : [{ do: 'unaddress', interface: wish.interface, why: why2 }];
  });
}

/** It has nothing to lose: whatever is wrong with the link is put right by another. */
function whyAnew(wish: WaitingEndpoint, found: ObservedEndpoint): string | undefined {
  const { hostEnd } = found;
  if (!isOurs(found)) return `${wish.interface} is not the link that Landline made`;
  const child = whyAnewChild(wish, found);
  if (child !== undefined) return child;
  if (wish.bridge !== undefined && hostEnd?.bridge?.name !== wish.bridge) return `it is to be a port of ${wish.bridge}`;
  if (hostEnd?.up === false || !found.up) return 'down';
  return found.mac === wish.mac ? undefined : `MAC ${found.mac}`;
}
