/** What of the kernel's tables belongs to one link, and moves with its addresses. */
import type { AddressMessage } from '../../wire/netlink/address.ts';
import type { LinkMessage } from '../../wire/netlink/link.ts';
import { type NeighbourMessage, NUD_PERMANENT } from '../../wire/netlink/neighbour.ts';
import { AF_INET, type RouteMessage, RTN_UNICAST, RTPROT_KERNEL } from '../../wire/netlink/route.ts';
import type { RuleMessage } from '../../wire/netlink/rule.ts';
import type { Tables } from '../../wire/netlink/tables.ts';
import { numberOf, rawOf, textOf } from './raw.ts';
import { FRA_IIFNAME, FRA_OIFNAME, nextHopsIn, RTA_MULTIPATH } from './spell.ts';

export interface LinkRef {
  readonly index: number;
  readonly name: string;
}

export interface Belongings {
  readonly addresses: readonly AddressMessage[];
  readonly routes: readonly RouteMessage[];
  /** Those of them that come before one over another link with the same target and metric: the first is taken. */
  readonly first: ReadonlySet<RouteMessage>;
  readonly rules: readonly RuleMessage[];
  readonly neighbours: readonly NeighbourMessage[];
}

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_PRIORITY = 6;
const RTA_GATEWAY = 5;
const RTA_VIA = 18;
const RTA_TABLE = 15;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const RT_TABLE_LOCAL = 255;
const RTM_F_CLONED = 0x200;
const NUD_NOARP = 0x40;
const NTF_PROXY = 0x8;
const IFLA_IFNAME = 3;

export const nameOfLink = (it: LinkMessage): string => textOf(it.attributes, IFLA_IFNAME) ?? String(it.index);

export function belongingsOf(tables: Tables, link: LinkRef): Belongings {
  const first = firstOf(tables.routes, link.index);
  return {
    addresses: tables.addresses.filter((it) => it.link === link.index),
    // Those that lead to gateways come after the ones that gateways are reached by.
    routes: tables.routes
      .filter((it) => leadsThrough(it, link.index) && (first.has(it) || !comesByItself(it)))
      .toSorted((a, b) => rank(a) - rank(b)),
    first,
    rules: tables.rules.filter((it) => [FRA_IIFNAME, FRA_OIFNAME].some((type) => textOf(it.attributes, type) === link.name)),
    neighbours: tables.neighbours.filter((it) => it.link === link.index && isWorthTelling(it)),
  };
}

/** IPv6 keeps no such order: equal routes are ways of one. */
function firstOf(routes: readonly RouteMessage[], index: number): ReadonlySet<RouteMessage> {
  const key = (it: RouteMessage): string => {
    const table = numberOf(it.attributes, RTA_TABLE) ?? it.table;
    const to = rawOf(it.attributes, RTA_DST) ?? [];
    return [table, it.toLength, [...to].join('.'), it.tos, numberOf(it.attributes, RTA_PRIORITY) ?? 0].join(' ');
  };
  const others = new Map<string, number>();
  const ofFour = routes.filter((it) => it.family === AF_INET);
  for (const [at, it] of ofFour.entries()) if (!leadsThrough(it, index)) others.set(key(it), at);
  return new Set(ofFour.filter((it, at) => leadsThrough(it, index) && (others.get(key(it)) ?? -1) > at));
}

const rank = (it: RouteMessage): number =>
  [RTA_GATEWAY, RTA_VIA, RTA_MULTIPATH].some((type) => rawOf(it.attributes, type) !== undefined) ? 1 : 0;

const leadsThrough = (it: RouteMessage, index: number): boolean =>
  numberOf(it.attributes, RTA_OIF) === index ||
  nextHopsIn(rawOf(it.attributes, RTA_MULTIPATH) ?? new Uint8Array()).some((hop) => hop.link === index);

/** What the kernel makes of every address and link by itself: the local table, multicast, exceptions it has learned. */
function comesByItself(it: RouteMessage): boolean {
  const table = numberOf(it.attributes, RTA_TABLE) ?? it.table;
  if ((it.flags & RTM_F_CLONED) !== 0) return true;
  return it.protocol === RTPROT_KERNEL && (table === RT_TABLE_LOCAL || it.type !== RTN_UNICAST);
}

/** Neighbours whose MAC is known: whoever is spoken to need not be asked again. Those of multicast are made by rule. */
function isWorthTelling(it: NeighbourMessage): boolean {
  const address = rawOf(it.attributes, NDA_DST);
  if (address === undefined || (it.state & NUD_NOARP) !== 0) return false;
  if ((it.flags & NTF_PROXY) !== 0) return true;
  return rawOf(it.attributes, NDA_LLADDR) !== undefined && ((it.state & NUD_PERMANENT) !== 0 || (it.state & 0x1e) !== 0);
}
