/** Endpoints that wait for an address from the LAN: a link that is up, and has none. */
import { formatPrefix } from '../../net/prefix.ts';
import { isOurs, whyAnewChild } from './child.ts';
import type { Observed, ObservedEndpoint, Step, WaitingEndpoint } from './model.ts';

export function planWaiting(waiting: readonly WaitingEndpoint[], observed: Observed): Step[] {
  return waiting.flatMap((wish): Step[] => {
    const steps = planLink(wish, observed, whyAnew);
    const address = observed.endpoints.find((it) => it.interface === wish.interface)?.addresses[0];
    if (steps.length > 0 || address === undefined) return steps;
    return [{ do: 'unaddress', interface: wish.interface, why: `${formatPrefix(address)} is not leased` }];
  });
}

/** Links whose addresses, and all else that can be set in the sandbox, are others' business. */
export function planBare(bare: readonly WaitingEndpoint[], observed: Observed): Step[] {
  return bare.flatMap((wish) => planLink(wish, observed, whyElsewhere));
}

function planLink(
  wish: WaitingEndpoint,
  observed: Observed,
  whyOther: (wish: WaitingEndpoint, found: ObservedEndpoint) => string | undefined,
): Step[] {
  const found = observed.endpoints.find((it) => it.interface === wish.interface);
  // In a namespace of others a link of others stays, and the making is refused.
  if (found === undefined || (observed.sandbox?.owned === false && !isOurs(found))) return [{ do: 'plug', endpoint: wish }];
  const why = whyOther(wish, found);
  if (why === undefined) return [];
  return [
    { do: 'detach', interface: wish.interface, why },
    { do: 'plug', endpoint: wish },
  ];
}

/** It has nothing to lose: whatever is wrong with the link is put right by another. */
function whyAnew(wish: WaitingEndpoint, found: ObservedEndpoint): string | undefined {
  const elsewhere = whyElsewhere(wish, found);
  if (elsewhere !== undefined) return elsewhere;
  if (found.hostEnd?.up === false || !found.up) return 'down';
  return found.mac === wish.mac ? undefined : `MAC ${found.mac}`;
}

function whyElsewhere(wish: WaitingEndpoint, found: ObservedEndpoint): string | undefined {
  const { hostEnd } = found;
  if (!isOurs(found)) return `${wish.interface} is not the link that Landline made`;
  const child = whyAnewChild(wish, found);
  if (child !== undefined) return child;
  if (wish.bridge !== undefined && hostEnd?.bridge?.name !== wish.bridge) return `it is to be a port of ${wish.bridge}`;
  return undefined;
}
