/** {@link Kernel} on the fake host's tables. Refusals are those of Linux 6.18, as the contract suite finds them there. */
import { isMulticast } from '../net/mac.ts';
import { formatPrefix, subnetOf } from '../net/prefix.ts';
import {
  describeAddLink,
  describeAddress,
  describeDeleteLink,
  describeDeleteLinkGroup,
  describeDeleteNeighbour,
  describeRoute,
  describeRule,
  describeSetLink,
} from './describe.ts';
import {
  addAddress,
  describeLink,
  type FakeLink,
  type FakeNetns,
  findLink,
  isSameAddress,
  isSamePrefix,
  linkTowards,
  makeLink,
  removeAddress,
  removeLink,
  removeRoutes,
  requireLink,
  setUp,
  type Tell,
  takeOut,
} from './fake-tables.ts';
import type { ForwardingEntry, Kernel, LinkChange, LinkSpec, Route, Rule } from './index.ts';
import { KernelError } from './kernel-error.ts';

const mostPorts = 1023;
const mostMtu = 65_535;
const mostAlias = 255;

export interface FakeKernelParts {
  readonly netns: FakeNetns;
  readonly tell: Tell;
  /** @throws KernelError ENOENT, EINVAL */
  readonly find: (path: string) => FakeNetns;
}

/** What the kernel does, without counting and failing: that is added around it. */
export function fakeKernel({ netns, tell, find }: FakeKernelParts): Kernel {
  const tellOf = (link: FakeLink): void => tell({ kind: 'link', change: 'new', link: describeLink(link) });

  const addLink = (spec: LinkSpec): FakeLink => {
    const doing = describeAddLink(spec);
    const there = spec.kind === 'veth' && spec.peer.netns !== undefined ? find(spec.peer.netns) : netns;
    checkName(netns, spec.name, doing);
    checkSettings(spec, doing);
    if (spec.kind === 'bridge') return make(netns, spec);
    checkName(there, spec.peer.name, doing);
    checkSettings(spec.peer, doing);
    const bridge = bridgeFor(netns, spec.controller, doing);
    const peer = makeLink(there, { ...spec.peer, kind: 'veth', ...(spec.mtu === undefined ? {} : { mtu: spec.mtu }) });
    const link = make(netns, spec);
    Object.assign(link, { peer, bridge });
    peer.peer = link;
    tellOf(peer);
    return link;
  };

  const setLink = (index: number, change: LinkChange): void => {
    const doing = describeSetLink(index, change);
    const link = requireLink(netns, index, doing);
    const there = change.netns === undefined ? netns : find(change.netns);
    if (change.name !== undefined && change.name !== link.name) checkName(there, change.name, doing);
    checkSettings(change, doing);
    if (change.controller !== undefined) link.bridge = bridgeFor(netns, change.controller, doing);
    const { name = link.name, mac = link.mac, mtu = link.mtu, alias = link.alias, group = link.group } = change;
    Object.assign(link, { name, mac, mtu, alias, group });
    if (there !== netns) return move(link, there);
    if (change.up !== undefined) setUp(link, change.up, tell);
    tellOf(link);
  };

  const move = (link: FakeLink, there: FakeNetns): void => {
    takeOut(link, tell);
    const { name, kind, mac, mtu, group, alias, peer } = link;
    const moved = makeLink(there, { name, kind, mac, mtu, group, alias });
    if (peer !== undefined) {
      moved.peer = peer;
      peer.peer = moved;
    }
    tellOf(moved);
  };

  const addRoute = (route: Route): void => {
    const doing = describeRoute('replace', route);
    if (!isSamePrefix(route.to, subnetOf(route.to)))
      throw new KernelError(doing, 'EINVAL', 'Invalid prefix for given prefix length');
    const link = route.via === undefined ? route.link : gatewayLink(netns, route, doing);
    const through = requireLink(netns, link ?? 0, doing);
    if (!through.up) throw new KernelError(doing, 'ENETDOWN', 'Device for nexthop is not up');
    const { to, via, source, table, metric = 0 } = route;
    const base: Route = { to, link: through.index, metric, protocol: 'static', ...(via === undefined ? {} : { via }) };
    const added: Route = table === undefined ? base : { table, ...base };
    removeRoutes(
      netns,
      (it) => it.table === table && isSamePrefix(it.to, to) && it.metric === metric,
      () => undefined,
    );
    netns.routes.push(source === undefined ? added : { ...added, source });
    tell({ kind: 'route', change: 'new' });
  };

  const deleteRoute = (route: Route): void => {
    const matches = (it: Route): boolean =>
      it.table === route.table &&
      isSamePrefix(it.to, route.to) &&
      (route.via === undefined || it.via === route.via) &&
      (route.link === undefined || it.link === route.link) &&
      (!route.metric || it.metric === route.metric);
    const found = netns.routes.filter(matches).sort((a, b) => (a.metric ?? 0) - (b.metric ?? 0))[0];
    if (found === undefined) throw new KernelError(describeRoute('delete', route), 'ESRCH');
    removeRoutes(netns, (it) => it === found, tell);
  };

  const addLinkAddress: Kernel['addAddress'] = async ({ link, address }) => {
    const doing = describeAddress('add', { link, address });
    if (!addAddress(requireLink(netns, link, doing), address, tell))
      throw new KernelError(doing, 'EEXIST', 'ipv4: Address already assigned');
  };

  const make = (where: FakeNetns, spec: LinkSpec): FakeLink => {
    const { name, kind, mac, mtu, group, alias } = spec;
    const given = Object.fromEntries(Object.entries({ mac, mtu, group, alias }).filter(([, value]) => value !== undefined));
    return makeLink(where, { name, kind, ...given });
  };

  return {
    listLinks: async () => [...netns.links.values()].sort((a, b) => a.index - b.index).map(describeLink),
    getLink: async (nameOrIndex) => {
      const link = findLink(netns, nameOrIndex);
      return link && describeLink(link);
    },
    addLink: async (spec) => {
      const link = addLink(spec);
      tellOf(link);
      if (spec.up === true) setUp(link, true, tell);
      return { index: link.index, ...(link.peer === undefined ? {} : { peer: link.peer.index }) };
    },
    setLink: async (index, change) => setLink(index, change),
    deleteLink: async (index) => {
      const link = requireLink(netns, index, describeDeleteLink(index));
      if (link.kind === undefined) throw new KernelError(describeDeleteLink(index), 'EOPNOTSUPP');
      removeLink(link, tell);
    },
    deleteLinkGroup: async (group) => {
      const links = [...netns.links.values()].filter((link) => link.group === group);
      if (links.length === 0) throw new KernelError(describeDeleteLinkGroup(group), 'ENODEV');
      for (const link of links) removeLink(link, tell);
    },
    listAddresses: async (link) => {
      if (link !== undefined) requireLink(netns, link, 'ip -4 address show');
      return netns.addresses.filter((it) => link === undefined || it.link === link);
    },
    addAddress: addLinkAddress,
    deleteAddress: async (it) => {
      const doing = describeAddress('delete', it);
      requireLink(netns, it.link, doing);
      const there = netns.addresses.some((address) => isSameAddress(address, it));
      if (!there) throw new KernelError(doing, 'EADDRNOTAVAIL', 'ipv4: Address not found');
      removeAddress(netns, it, tell);
    },
    listRoutes: async (link, tables = 'main') => {
      if (link !== undefined) requireLink(netns, link, 'ip -4 route show');
      const wanted = netns.routes.filter((it) => tables === 'all' || it.table === undefined);
      return wanted.filter((it) => link === undefined || it.link === link);
    },
    addRoute: async (route) => addRoute(route),
    deleteRoute: async (route) => deleteRoute(route),
    listRules: async () => netns.rules.toSorted((a, b) => a.priority - b.priority),
    addRule: async (rule) => {
      if (netns.rules.some((it) => isSameRule(it, rule))) throw new KernelError(describeRule('add', rule), 'EEXIST');
      netns.rules.push(rule);
      tell({ kind: 'rule', change: 'new' });
    },
    deleteRule: async (rule) => {
      const at = netns.rules.findIndex((it) => isSameRule(it, rule));
      if (at < 0) throw new KernelError(describeRule('delete', rule), 'ENOENT');
      netns.rules.splice(at, 1);
      tell({ kind: 'rule', change: 'deleted' });
    },
    // Nobody's cache is kept.
    listNeighbours: async () => [],
    deleteNeighbour: async (it) => {
      throw new KernelError(describeDeleteNeighbour(it), 'ENOENT');
    },
    listForwarding: async (bridge) => forwardingOf(requireLink(netns, bridge, 'bridge fdb show')),
    configure: async (link, { up, address, routes }) => {
      const steps: (() => unknown)[] = [];
      if (up)
        steps.push(
          () => setLink(1, { up: true }),
          () => setLink(link, { up: true }),
        );
      if (address !== undefined) steps.push(() => addLinkAddress({ link, address }));
      steps.push(...routes.map((route) => () => addRoute(route)));
      await runAll(steps);
    },
  };
}

const isSameRule = (a: Rule, b: Rule): boolean =>
  a.table === b.table && a.priority === b.priority && formatFrom(a) === formatFrom(b);

const formatFrom = ({ from }: Rule): string => (from === undefined ? 'all' : formatPrefix(from));

/** Runs them all, and throws the first refusal. */
async function runAll(steps: readonly (() => unknown)[]): Promise<void> {
  const refusals: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      refusals.push(error);
    }
  }
  if (refusals.length > 0) throw refusals[0];
}

function checkName(netns: FakeNetns, name: string, doing: string): void {
  if (findLink(netns, name) !== undefined) throw new KernelError(doing, 'EEXIST');
}

function checkSettings({ mac, mtu, alias }: Pick<LinkChange, 'mac' | 'mtu' | 'alias'>, doing: string): void {
  if (mac !== undefined && isMulticast(mac)) throw new KernelError(doing, 'EADDRNOTAVAIL');
  if (mtu !== undefined && mtu > mostMtu) throw new KernelError(doing, 'EINVAL', 'mtu greater than device maximum');
  if (alias !== undefined && alias.length > mostAlias) throw new KernelError(doing, 'ERANGE');
}

function bridgeFor(netns: FakeNetns, index: number | undefined, doing: string): FakeLink | undefined {
  if (index === undefined || index === 0) return undefined;
  const bridge = netns.links.get(index);
  if (bridge === undefined) throw new KernelError(doing, 'EINVAL');
  if (bridge.kind !== 'bridge') throw new KernelError(doing, 'EOPNOTSUPP');
  if (portsOf(bridge).length >= mostPorts) throw new KernelError(doing, 'EXFULL');
  return bridge;
}

export const portsOf = (bridge: FakeLink): readonly FakeLink[] =>
  [...bridge.netns.links.values()].filter((it) => it.bridge === bridge);

function gatewayLink(netns: FakeNetns, route: Route, doing: string): number {
  const link = linkTowards(netns, route.via ?? 0);
  if (link === undefined || (route.link !== undefined && route.link !== link)) {
    throw new KernelError(doing, 'ENETUNREACH', 'Nexthop has invalid gateway');
  }
  return link;
}

function forwardingOf(bridge: FakeLink): readonly ForwardingEntry[] {
  const own = portsOf(bridge).map((port) => ({ port: port.index, mac: port.mac, permanent: true }));
  const learned = [...bridge.learned].map(([mac, port]) => ({ port: port.index, mac, permanent: false }));
  return [...own, ...learned];
}
