/** The rules and tables by which replies leave through the endpoint that was asked: set, put right, taken away. */

import type { DesiredEndpoint } from '../core/plan/model.ts';
import {
  isSourceRule,
  isSurplusRule,
  isSurplusSourceRoute,
  type Net,
  type ObservedSource,
  type SourceRule,
  type SourceWay,
  type SourceWish,
  sourcePriority,
  sourceTableOf,
  wishOfIpv4,
} from '../core/plan/source-routing.ts';
import type { Host, Inside } from '../host/index.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Ipv6 } from '../net/ipv6.ts';
import { unless } from './refusals.ts';

/** A route as the kernel lists it, of either family. */
interface ListedRoute<A extends Ipv4 | Ipv6> {
  readonly table?: number;
  readonly to: Net<A>;
  readonly via?: A;
}

interface ListedRule<A extends Ipv4 | Ipv6> {
  readonly from?: Net<A>;
  readonly table: number;
  readonly priority: number;
}

/** What the kernel has of one family. */
interface Tables<A extends Ipv4 | Ipv6> {
  rules(): Promise<readonly ListedRule<A>[]>;
  addRule(rule: ListedRule<A>): Promise<void>;
  deleteRule(rule: ListedRule<A>): Promise<void>;
  routes(link: number): Promise<readonly ListedRoute<A>[]>;
  addRoutes(link: number, routes: readonly ListedRoute<A>[]): Promise<void>;
  deleteRoute(link: number, route: ListedRoute<A>): Promise<void>;
}

type Kernel = Inside['kernel'];

const ipv4Tables = (kernel: Kernel): Tables<Ipv4> => ({
  rules: () => kernel.listRules(),
  addRule: (rule) => kernel.addRule(rule),
  deleteRule: (rule) => kernel.deleteRule(rule),
  routes: (link) => kernel.listRoutes(link, 'all'),
  addRoutes: (link, routes) => kernel.configure(link, { routes: routes.map((it) => ({ ...it, link })), up: false }),
  deleteRoute: (link, route) => kernel.deleteRoute({ ...route, link }),
});

const ipv6Tables = (kernel: Kernel): Tables<Ipv6> => ({
  rules: () => kernel.listRules6(),
  addRule: (rule) => kernel.addRule6(rule),
  deleteRule: (rule) => kernel.deleteRule6(rule),
  routes: async (link) => (await kernel.listRoutes6('all')).filter((it) => it.link === link),
  addRoutes: async (link, routes) => {
    for (const it of routes) await kernel.addRoute6({ ...it, link });
  },
  deleteRoute: (link, route) => kernel.deleteRoute6({ ...route, link }),
});

/** A rule of ours as the host takes it. */
const ruleOf = <A extends Ipv4 | Ipv6>({ from, table }: SourceRule<A>): ListedRule<A> => ({
  from,
  table,
  priority: sourcePriority,
});

/** The rules of ours among all. */
export const sourceRules = <A extends Ipv4 | Ipv6>(rules: readonly ListedRule<A>[]): readonly SourceRule<A>[] =>
  rules.flatMap((it) => (it.from !== undefined && isSourceRule(it) ? [{ from: it.from, table: it.table }] : []));

/** What a link has of this; undefined when it has nothing. */
export function sourceOfLink<A extends Ipv4 | Ipv6>(
  link: number,
  rules: readonly SourceRule<A>[],
  routes: readonly ListedRoute<A>[],
): ObservedSource<A> | undefined {
  const own = routes.filter((it) => it.table === sourceTableOf(link));
  const leading = rules.filter((it) => it.table === sourceTableOf(link));
  if (own.length === 0 && leading.length === 0) return undefined;
  return {
    rules: leading.map((it) => it.from),
    direct: own.flatMap((it) => (it.via === undefined ? [it.to] : [])),
    routes: own.flatMap(({ to, via }): SourceWay<A>[] => (via === undefined ? [] : [{ to, via }])),
  };
}

type Wish = Pick<DesiredEndpoint, 'interface' | 'address' | 'bySource'>;

/**
 * Sets them on a link that has its address. With several links on one segment, each also answers ARP for its own
 * address alone, and asks with it (`arp_ignore`, `arp_announce` of ip-sysctl).
 */
export async function setSource(inside: Inside, link: number, wish: Wish): Promise<void> {
  const source = wishOfIpv4(wish);
  if (source === undefined) return;
  inside.sysctl(`ipv4/conf/${wish.interface}/arp_ignore`, '1');
  inside.sysctl(`ipv4/conf/${wish.interface}/arp_announce`, '2');
  await setTable(ipv4Tables(inside.kernel), link, source);
}

/** The same for a link that may have others of a former wish. */
export async function mendSource(inside: Inside, link: number, wish: Wish): Promise<void> {
  await setSource(inside, link, wish);
  await removeSurplus(ipv4Tables(inside.kernel), link, wishOfIpv4(wish));
}

/** Of a link that has its IPv6 address, or is to lose it. Its neighbours ask each link for its own addresses in any case. */
export async function mendSource6(inside: Inside, link: number, wish: SourceWish<Ipv6> | undefined): Promise<void> {
  const tables = ipv6Tables(inside.kernel);
  if (wish !== undefined) await setTable(tables, link, wish);
  await removeSurplus(tables, link, wish);
}

async function setTable<A extends Ipv4 | Ipv6>(tables: Tables<A>, link: number, wish: SourceWish<A>): Promise<void> {
  const table = sourceTableOf(link);
  const routes = [...wish.direct.map((to) => ({ table, to })), ...wish.routes.map((it) => ({ table, ...it }))];
  // The rule comes last: it leads nowhere before the table has its routes.
  await tables.addRoutes(link, routes);
  await unless(tables.addRule(ruleOf({ from: wish.rule, table })), 'EEXIST');
}

async function removeSurplus<A extends Ipv4 | Ipv6>(
  tables: Tables<A>,
  link: number,
  wish: SourceWish<A> | undefined,
): Promise<void> {
  const rules = sourceRules(await tables.rules()).filter((it) => it.table === sourceTableOf(link));
  await removeRules(
    tables,
    rules.filter((it) => isSurplusRule(wish, it.from)),
  );
  if (rules.length === 0) return;
  for (const { table, to, via } of await tables.routes(link)) {
    const route = { to, ...(via === undefined ? {} : { via }) };
    if (table !== sourceTableOf(link) || !isSurplusSourceRoute(wish, route)) continue;
    await unless(tables.deleteRoute(link, { table, ...route }), 'ESRCH');
  }
}

async function removeRules<A extends Ipv4 | Ipv6>(tables: Tables<A>, rules: readonly SourceRule<A>[]): Promise<void> {
  for (const it of rules) await unless(tables.deleteRule(ruleOf(it)), 'ENOENT');
}

/** Rules whose links have gone. */
export async function removeStrayRules(host: Host, netns: string, rules: readonly SourceRule[]): Promise<void> {
  await host.within(netns, async ({ kernel }) => {
    await removeRules(ipv4Tables(kernel), rules.filter(isOfIpv4));
    await removeRules(ipv6Tables(kernel), rules.filter(isOfIpv6));
  });
}

const isOfIpv4 = (it: SourceRule): it is SourceRule<Ipv4> => typeof it.from.address === 'number';
const isOfIpv6 = (it: SourceRule): it is SourceRule<Ipv6> => typeof it.from.address === 'string';
