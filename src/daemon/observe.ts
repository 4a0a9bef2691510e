/** How an environment is: from the kernel and the engine, never from memory. */
import { privateLinkPrefix } from '../core/firewall/wish.ts';
import { limited } from '../core/limited.ts';
import { linkGroup, type Mark, parseMark } from '../core/mark.ts';
import type { Observed, ObservedChild, ObservedEndpoint, ObservedRoute, ObservedService } from '../core/plan/model.ts';
import { type ObservedSource, type SourceRule, sourceTableOf } from '../core/plan/source-routing.ts';
import type { Engine } from '../engine/index.ts';
import { type Host, type Inside, isKernelError, type Link, type LinkAddress6, type Route, type Route6 } from '../host/index.ts';
import type { Ipv6 } from '../net/ipv6.ts';
import type { NicRecord } from '../store/index.ts';
import type { MarkedLinks } from './marked-links.ts';
import { findNic } from './nic.ts';
import { observePrivateEnd } from './private-endpoint.ts';
import { sourceOfLink, sourceRules } from './source-routing.ts';

export interface ObserveWhat {
  readonly installation: string;
  readonly environment: string;
  /** Path of the sandbox's namespace; undefined while its owner is away. */
  readonly netns: string | undefined;
  /** Whether Landline makes and ends the sandbox. */
  readonly owned: boolean;
  /** Whether its links are the environment's. */
  readonly plumbed: boolean;
  /** NICs of the host that were given to the environment. */
  readonly nics: readonly NicRecord[];
}

/** Looks at everything that one environment owns. */
export async function observe(host: Host, engine: Engine, marked: MarkedLinks, what: ObserveWhat): Promise<Observed> {
  const inode = what.netns === undefined ? undefined : host.netnsInode(what.netns);
  const [{ endpoints, strayRules }, services] = await Promise.all([
    what.netns === undefined || inode === undefined || !what.plumbed ? nothing : observeSandbox(host, what.netns, what),
    observeServices(host, engine, what.environment, inode),
  ]);
  const seen = new Set(endpoints.map((it) => it.hostEnd?.index));
  const leftovers = marked.of(what.environment).filter((it) => !seen.has(it.index));
  return {
    ...(inode === undefined ? {} : { sandbox: { inode, owned: what.owned } }),
    endpoints,
    services,
    leftovers: await stillThere(host, leftovers),
    ...(strayRules.length === 0 ? {} : { strayRules }),
  };
}

/** Only those whose link is really there: the registry may be behind the kernel by an event. */
async function stillThere(host: Host, found: readonly { readonly index: number; readonly mark: Mark }[]): Promise<string[]> {
  const links = await Promise.all(found.map(async (it) => ({ it, link: await host.kernel.getLink(it.index) })));
  return links.flatMap(({ it, link }) => (isMarked(link, it.mark) ? [it.mark.interface] : []));
}

function isMarked(link: Link | undefined, mark: Mark): boolean {
  const found = parseMark(link?.alias);
  return found !== undefined && found.environment === mark.environment && found.installation === mark.installation;
}

/** A look inside holds two fds open: so many at once are far from any limit. */
const atOnce = limited(64);

interface Inner {
  readonly endpoints: readonly ObservedEndpoint[];
  readonly strayRules: readonly SourceRule[];
}

const nothing: Inner = { endpoints: [], strayRules: [] };

async function observeSandbox(host: Host, netns: string, what: ObserveWhat): Promise<Inner> {
  try {
    return await atOnce(() => host.within(netns, (inside) => lookInside(host, inside, what)));
  } catch (error) {
    if (isKernelError(error, 'ENOENT', 'EINVAL')) return nothing;
    throw error;
  }
}

async function lookInside(host: Host, { kernel }: Inside, what: ObserveWhat): Promise<Inner> {
  const [links, addresses, all, listed, addresses6] = await Promise.all([
    kernel.listLinks(),
    kernel.listAddresses(),
    kernel.listRoutes(undefined, 'all'),
    kernel.listRules(),
    kernel.listAddresses6(),
  ]);
  const isEndpoint = ({ name }: Link): boolean => name !== 'lo';
  // Most have none, and their routes say nothing.
  const hasIpv6 = links.some((link) => isEndpoint(link) && addresses6.some((it) => it.link === link.index));
  const [all6, listed6] = hasIpv6 ? await Promise.all([kernel.listRoutes6('all'), kernel.listRules6()]) : [[], []];
  const [routes, rules] = [all.filter((it) => it.table === undefined), sourceRules(listed)];
  const [routes6, rules6] = [all6.filter((it) => it.table === undefined), sourceRules(listed6)];
  const tables = links.map((it) => sourceTableOf(it.index));
  const nicOf = (link: Link): NicRecord | undefined => what.nics.find((it) => findNic(links, it, what.installation) === link);
  const endpoints = await Promise.all(
    links.filter(isEndpoint).map(async (link): Promise<ObservedEndpoint> => {
      const nic = nicOf(link);
      // It may be a veth itself, in the place of hardware.
      const hostEnd = nic === undefined ? await observeHostEnd(host, link, what) : undefined;
      const bySource = sourceOfLink(link.index, rules, all);
      const child = nic === undefined ? await observeChild(host, link, what) : givenAway(link, nic);
      return {
        interface: link.name,
        mac: link.mac,
        mtu: link.mtu,
        up: link.up,
        addresses: addresses.filter((it) => it.link === link.index).map((it) => it.address),
        routes: routes.flatMap((it) => (it.link === link.index ? observedRoute(it) : [])),
        ...(bySource === undefined ? {} : { bySource }),
        ...observedIpv6(link.index, addresses6, routes6, sourceOfLink(link.index, rules6, all6)),
        ...(hostEnd === undefined ? {} : { hostEnd }),
        ...(child === undefined ? {} : { child }),
      };
    }),
  );
  return { endpoints, strayRules: [...rules, ...rules6].filter((it) => !tables.includes(it.table)) };
}

function observedIpv6(
  link: number,
  addresses: readonly LinkAddress6[],
  routes: readonly Route6[],
  bySource: ObservedSource<Ipv6> | undefined,
): Pick<ObservedEndpoint, 'ipv6'> {
  const own = addresses.flatMap((it) => (it.link === link ? [it.address] : []));
  const isDefault = (it: Route6): boolean => it.link === link && it.to.length === 0 && it.protocol === 'static';
  const gateways = routes.flatMap((it) => (isDefault(it) && it.via !== undefined ? [it.via] : []));
  return own.length === 0 ? {} : { ipv6: { addresses: own, gateways, ...(bySource === undefined ? {} : { bySource }) } };
}

/** Its MTU is its own business, and that of the sandbox. */
const givenAway = ({ mtu }: Link, { name }: NicRecord): ObservedChild => ({
  kind: 'phys',
  ours: true,
  whole: true,
  parent: { name, mtu },
});

/** One of ours that has no mark yet is known by its group: its making was cut off. */
async function observeChild(host: Host, link: Link, what: ObserveWhat): Promise<ObservedEndpoint['child']> {
  if (link.kind !== 'macvlan' && link.kind !== 'ipvlan') return undefined;
  const mark = parseMark(link.alias);
  const whole = mark !== undefined && mark.installation === what.installation && mark.environment === what.environment;
  const ours = whole || (link.alias === undefined && link.group === linkGroup(what.installation));
  const parent = ours && link.peer !== undefined ? await host.kernel.getLink(link.peer) : undefined;
  return {
    kind: link.kind,
    ours,
    whole,
    ...(parent === undefined ? {} : { parent: { name: parent.name, mtu: parent.mtu } }),
  };
}

function observedRoute({ to, via, protocol }: Route): ObservedRoute[] {
  const ours = protocol === 'static';
  return via === undefined && !ours ? [] : [{ to, via: via ?? 0, ours }];
}

async function observeHostEnd(host: Host, link: Link, what: ObserveWhat): Promise<ObservedEndpoint['hostEnd']> {
  if (link.kind !== 'veth' || link.peer === undefined) return undefined;
  const end = await host.kernel.getLink(link.peer);
  // The index may be another namespace's: a veth whose other end is here points back.
  if (end?.kind !== 'veth' || end.peer !== link.index) return undefined;
  const bridge = end.controller === undefined ? undefined : await host.kernel.getLink(end.controller);
  const mark = parseMark(end.alias);
  return {
    index: end.index,
    mtu: end.mtu,
    up: end.up,
    ours: mark !== undefined && mark.installation === what.installation && mark.environment === what.environment,
    ...(mark?.aside === true ? { aside: true } : {}),
    ...(bridge === undefined ? {} : { bridge: { name: bridge.name, mtu: bridge.mtu } }),
    ...(end.name.startsWith(privateLinkPrefix) ? { private: await observePrivateEnd(host, end) } : {}),
  };
}

async function observeServices(
  host: Host,
  engine: Engine,
  environment: string,
  inode: number | undefined,
): Promise<ObservedService[]> {
  const services = await engine.observe(environment);
  return services.map((it) => {
    if (it.pid === undefined) return it;
    const lives = host.netnsInode(`/proc/${it.pid}/ns/net`);
    // It has ended since the engine looked: where it was, nobody can tell, and it is not to be stopped.
    return lives === undefined ? it : { ...it, inSandbox: lives === inode };
  });
}
