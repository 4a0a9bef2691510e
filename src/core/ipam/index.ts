/**
 * Decides which address an endpoint gets, and why not the one it asked for.
 *
 * Promises: the same facts give the same answer; whoever has an address, has been promised it, or must let it rest,
 * is named. It does not write anything down (that is `store`), and does not know what answers on the wire beyond what
 * the ask says was found there.
 */
export { type Address6Ask, judge6, mayReserve6 } from './address6.ts';
export {
  type AddressAsk,
  type AddressFacts,
  choose,
  type Holding,
  mayReserve,
  type Outcome,
  type Refusal,
  type Rights,
} from './choose.ts';
export { addAddress, deleteAddress, mergeRanges, type Ranges } from './ranges.ts';

/** How long an address rests when its endpoint is given another one: neighbours' ARP caches have forgotten it by then. */
export const restMs = 60_000;
