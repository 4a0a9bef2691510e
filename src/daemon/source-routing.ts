/** The rules and tables by which replies leave through the endpoint that was asked: set, put right, taken away. */
import type { DesiredEndpoint } from '../core/plan/model.ts';
import {
  isSourceRule,
  isSurplusRule,
  isSurplusSourceRoute,
  type ObservedSource,
  type SourceRule,
  sourceOf,
  sourcePriority,
  sourceTableOf,
} from '../core/plan/source-routing.ts';
import type { Host, Inside, Route, Rule } from '../host/index.ts';
import { subnetOf } from '../net/prefix.ts';
import { unless } from './refusals.ts';

type Wish = Pick<DesiredEndpoint, 'interface' | 'address' | 'bySource'>;

/** A rule of ours as the host takes it. */
const ruleOf = ({ from, table }: SourceRule): Rule => ({ from, table, priority: sourcePriority });

/** The rules of ours among all. */
export const sourceRules = (rules: readonly Rule[]): readonly SourceRule[] =>
  rules.flatMap((it) => (it.from !== undefined && isSourceRule(it) ? [{ from: it.from, table: it.table }] : []));

/** What a link has of this; undefined when it has nothing. */
export function sourceOfLink(link: number, rules: readonly SourceRule[], routes: readonly Route[]): ObservedSource | undefined {
  const own = routes.filter((it) => it.table === sourceTableOf(link));
  const leading = rules.filter((it) => it.table === sourceTableOf(link));
  if (own.length === 0 && leading.length === 0) return undefined;
  return {
    rules: leading.map((it) => it.from),
    direct: own.flatMap((it) => (it.via === undefined ? [it.to] : [])),
    routes: own.flatMap(({ to, via }) => (via === undefined ? [] : [{ to, via }])),
  };
}

/**
 * Sets them on a link that has its address. With several links on one segment, each also answers ARP for its own
 * address alone, and asks with it (`arp_ignore`, `arp_announce` of ip-sysctl).
 */
export async function setSource(inside: Inside, link: number, wish: Wish): Promise<void> {
  if (wish.bySource === undefined) return;
  const table = sourceTableOf(link);
  inside.sysctl(`ipv4/conf/${wish.interface}/arp_ignore`, '1');
  inside.sysctl(`ipv4/conf/${wish.interface}/arp_announce`, '2');
  const routes: Route[] = [{ table, to: subnetOf(wish.address), link }, ...wish.bySource.map((it) => ({ table, link, ...it }))];
  // The rule comes last: it leads nowhere before the table has its routes.
  await inside.kernel.configure(link, { routes, up: false });
  await unless(inside.kernel.addRule(ruleOf({ from: sourceOf(wish), table })), 'EEXIST');
}

/** The same for a link that may have others of a former wish. */
export async function mendSource(inside: Inside, link: number, wish: Wish): Promise<void> {
  await setSource(inside, link, wish);
  const { kernel } = inside;
  const rules = sourceRules(await kernel.listRules()).filter((it) => it.table === sourceTableOf(link));
  await removeRules(
    inside,
    rules.filter((it) => isSurplusRule(wish, it.from)),
  );
  if (rules.length === 0) return;
  for (const { table, to, via } of await kernel.listRoutes(link, 'all')) {
    const route = { to, ...(via === undefined ? {} : { via }) };
    if (table !== sourceTableOf(link) || !isSurplusSourceRoute(wish, route)) continue;
    await unless(kernel.deleteRoute({ table, link, ...route }), 'ESRCH');
  }
}

async function removeRules({ kernel }: Inside, rules: readonly SourceRule[]): Promise<void> {
  for (const it of rules) await unless(kernel.deleteRule(ruleOf(it)), 'ENOENT');
}

/** Rules whose links have gone. */
export async function removeStrayRules(host: Host, netns: string, rules: readonly SourceRule[]): Promise<void> {
  await host.within(netns, (inside) => removeRules(inside, rules));
}
