/**
 * Of an environment with several endpoints: what is sent from an endpoint's address leaves by that endpoint, so that a
 * reply takes the way that the question came. Each has a routing table of its own, and a rule that leads there; IPv4 and
 * IPv6 have tables and rules of their own, by the same numbers.
 */
import type { Ipv4 } from '../../net/ipv4.ts';
import type { Ipv6 } from '../../net/ipv6.ts';
import { formatPrefix, subnetOf } from '../../net/prefix.ts';
import { formatPrefix6, prefix6 } from '../../net/prefix6.ts';
import type { DesiredIpv6 } from './ipv6.ts';
import type { DesiredEndpoint } from './model.ts';

/** Priority of the rules, before the main table's 32766: they are known by it and by their table. */
export const sourcePriority = 7600;

const firstTable = 1_000_000;

/** The table of a link: its index is its own for as long as it lives. */
export const sourceTableOf = (link: number): number => firstTable + link;

type Address = Ipv4 | Ipv6;

/** A Prefix of IPv4, a Prefix6 of IPv6. */
export interface Net<A extends Address> {
  readonly address: A;
  readonly length: number;
}

export interface SourceWay<A extends Address> {
  readonly to: Net<A>;
  readonly via: A;
}

/** A rule `from ADDRESS lookup TABLE`. */
export interface SourceRule<A extends Address = Address> {
  readonly from: Net<A>;
  readonly table: number;
}

/** What a link's table and the rules that lead there are to have. */
export interface SourceWish<A extends Address> {
  /** The address alone, as a rule says it. */
  readonly rule: Net<A>;
  /** Prefixes that are reached without a router. */
  readonly direct: readonly Net<A>[];
  readonly routes: readonly SourceWay<A>[];
}

/** What they have. */
export interface ObservedSource<A extends Address> {
  readonly rules: readonly Net<A>[];
  readonly direct: readonly Net<A>[];
  readonly routes: readonly SourceWay<A>[];
}

/** Whether a rule is one that Landline sets. */
export const isSourceRule = (it: { readonly from?: unknown; readonly table: number; readonly priority: number }): boolean =>
  it.from !== undefined && it.priority === sourcePriority && it.table > firstTable;

/** Undefined where there are to be none. */
export function wishOfIpv4({
  address,
  bySource: routes,
}: Pick<DesiredEndpoint, 'address' | 'bySource'>): SourceWish<Ipv4> | undefined {
  return routes && { rule: { address: address.address, length: 32 }, direct: [subnetOf(address)], routes };
}

/** Neighbours ask from their link-local addresses too (RFC 4291 section 2.5.6), and no router leads there. */
const linkLocal = prefix6('fe80::/64');

/** Undefined where there are to be none. */
export function wishOfIpv6({ address, subnet, bySource: routes }: DesiredIpv6): SourceWish<Ipv6> | undefined {
  if (address === undefined || routes === undefined) return undefined;
  return { rule: { address, length: 128 }, direct: [subnet, linkLocal], routes };
}

/** What has to be mended, in words for people; undefined when all is well. */
export function whySource<A extends Address>(
  wish: SourceWish<A> | undefined,
  found: ObservedSource<A> | undefined,
): string | undefined {
  const { rules = [], direct = [], routes = [] } = found ?? {};
  const surplus = rules.find((it) => isSurplusRule(wish, it));
  if (surplus !== undefined) return `with a rule for ${formatNet(surplus)} too`;
  if (wish === undefined) return undefined;
  if (rules.length === 0) return `without the rule for ${formatNet(wish.rule)}`;
  const away = wish.direct.find((to) => !direct.some((it) => isSame(it, to)));
  if (away !== undefined) return `without ${formatNet(away)} in its own table`;
  const missing = wish.routes.find((route) => !routes.some((it) => isSameRoute(it, route)));
  if (missing !== undefined) return `without the route to ${formatNet(missing.to)} in its own table`;
  const other = [...direct.map((to) => ({ to })), ...routes].find((it) => isSurplusSourceRoute(wish, it));
  return other === undefined ? undefined : `with a route to ${formatNet(other.to)} in its own table too`;
}

export const isSurplusRule = <A extends Address>(wish: SourceWish<A> | undefined, from: Net<A>): boolean =>
  wish === undefined || !isSame(from, wish.rule);

/** Of a link's table; without `via` it is one that needs no router. */
export function isSurplusSourceRoute<A extends Address>(
  wish: SourceWish<A> | undefined,
  { to, via }: Pick<SourceWay<A>, 'to'> & Partial<SourceWay<A>>,
): boolean {
  if (wish === undefined) return true;
  if (via === undefined) return !wish.direct.some((it) => isSame(it, to));
  return !wish.routes.some((route) => isSameRoute(route, { to, via }));
}

/** `192.168.11.101/32`, `2001:db8:10::101/128` */
export const formatNet = ({ address, length }: Net<Address>): string =>
  typeof address === 'number' ? formatPrefix({ address, length }) : formatPrefix6({ address, length });

const isSame = (a: Net<Address>, b: Net<Address>): boolean => a.address === b.address && a.length === b.length;
const isSameRoute = <A extends Address>(a: SourceWay<A>, b: SourceWay<A>): boolean => isSame(a.to, b.to) && a.via === b.via;
