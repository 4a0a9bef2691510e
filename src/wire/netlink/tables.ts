/** Everything that rtnetlink tells of one namespace's network, as it tells it: both families, all tables. */
import type { AddressMessage } from './address.ts';
import type { LinkMessage } from './link.ts';
import type { NeighbourMessage } from './neighbour.ts';
import type { RouteMessage } from './route.ts';
import type { RuleMessage } from './rule.ts';

export interface Tables {
  readonly links: readonly LinkMessage[];
  readonly addresses: readonly AddressMessage[];
  readonly routes: readonly RouteMessage[];
  readonly rules: readonly RuleMessage[];
  readonly neighbours: readonly NeighbourMessage[];
}

/** One change, ready to be sent. */
export interface KernelChange {
  /** The `ip` command that would do the same. */
  readonly says: string;
  /** RTM_* */
  readonly type: number;
  /** NLM_F_* besides NLM_F_REQUEST and NLM_F_ACK. */
  readonly flags: number;
  readonly payload: Uint8Array;
  /** Refusals that mean that it is done already: EEXIST, ESRCH, … */
  readonly tolerates: readonly string[];
}
