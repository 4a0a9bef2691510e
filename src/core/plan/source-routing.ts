/**
 * Of an environment with several endpoints: what is sent from an endpoint's address leaves by that endpoint, so that a
 * reply takes the way that the question came. Each has a routing table of its own, and a rule that leads there.
 */
import { formatPrefix, type Prefix, subnetOf } from '../../net/prefix.ts';
import type { DesiredEndpoint, DesiredRoute } from './model.ts';

/** Priority of the rules, before the main table's 32766: they are known by it and by their table. */
export const sourcePriority = 7600;

const firstTable = 1_000_000;

/** The table of a link: its index is its own for as long as it lives. */
export const sourceTableOf = (link: number): number => firstTable + link;

/** A rule `from ADDRESS lookup TABLE`. */
export interface SourceRule {
  readonly from: Prefix;
  readonly table: number;
}

/** Whether a rule is one that Landline sets. */
export const isSourceRule = (it: { readonly from?: Prefix; readonly table: number; readonly priority: number }): boolean =>
  it.from !== undefined && it.priority === sourcePriority && it.table > firstTable;

/** What a link's table and the rules that lead there have. */
export interface ObservedSource {
  readonly rules: readonly Prefix[];
  /** Prefixes that are reached without a router. */
  readonly direct: readonly Prefix[];
  readonly routes: readonly DesiredRoute[];
}

type Wish = Pick<DesiredEndpoint, 'address' | 'bySource'>;

/** What has to be mended, in words for people; undefined when all is well. */
export function whySource(wish: Wish, found: ObservedSource | undefined): string | undefined {
  const { rules = [], direct = [], routes = [] } = found ?? {};
  const surplus = rules.find((it) => isSurplusRule(wish, it));
  if (surplus !== undefined) return `with a rule for ${formatPrefix(surplus)} too`;
  if (wish.bySource === undefined) return undefined;
  if (!rules.some((it) => isSame(it, sourceOf(wish)))) return `without the rule for ${formatPrefix(sourceOf(wish))}`;
  const subnet = subnetOf(wish.address);
  if (!direct.some((it) => isSame(it, subnet))) return `without ${formatPrefix(subnet)} in its own table`;
  const missing = wish.bySource.find((route) => !routes.some((it) => isSameRoute(it, route)));
  if (missing !== undefined) return `without the route to ${formatPrefix(missing.to)} in its own table`;
  const other = [...direct.map((to) => ({ to })), ...routes].find((it) => isSurplusSourceRoute(wish, it));
  return other === undefined ? undefined : `with a route to ${formatPrefix(other.to)} in its own table too`;
}

/** The address alone, as a rule says it. */
export const sourceOf = ({ address }: Pick<Wish, 'address'>): Prefix => ({ address: address.address, length: 32 });

export const isSurplusRule = (wish: Wish, from: Prefix): boolean => wish.bySource === undefined || !isSame(from, sourceOf(wish));

/** Of a link's table; without `via` it is one that needs no router. */
export function isSurplusSourceRoute(wish: Wish, { to, via }: Pick<DesiredRoute, 'to'> & Partial<DesiredRoute>): boolean {
  if (wish.bySource === undefined) return true;
  if (via === undefined) return !isSame(to, subnetOf(wish.address));
  return !wish.bySource.some((route) => isSameRoute(route, { to, via }));
}

const isSame = (a: Prefix, b: Prefix): boolean => a.address === b.address && a.length === b.length;
const isSameRoute = (a: DesiredRoute, b: DesiredRoute): boolean => isSame(a.to, b.to) && a.via === b.via;
