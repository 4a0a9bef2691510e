/** {@link Kernel} on the fake host's tables. Refusals are those of Linux 6.18, as the contract suite finds them there. */
import { isMulticast } from '../net/mac.ts';
import { subnetOf } from '../net/prefix.ts';
import { formatPrefix6, type Prefix6 } from '../net/prefix6.ts';
import {
  describeAddLink,
  describeAddNeighbour,
  describeAddress,
  describeDeleteLink,
  describeDeleteLinkGroup,
  describeDeleteNeighbour,
  describeRoute,
  describeRule,
  describeRule6,
  describeSetLink,
} from './describe.ts';
import {
  addAddress,
  adopt,
  childrenOf,
  describeLink,
  type FakeLink,
  type FakeNetns,
  findLink,
  isSameAddress,
  isSamePrefix,
  linkTowards,
  makeLink,
  moveLink,
  removeAddress,
  removeFrom,
  removeLink,
  removeRoutes,
  requireLink,
  setUp,
  type Tell,
} from './fake-tables.ts';
import type {
  ChildSpec,
  ForwardingEntry,
  Kernel,
  LinkAddress6,
  LinkChange,
  LinkSpec,
  Neighbour,
  Route,
  Route6,
  Rule,
  Rule6,
} from './index.ts';
import { KernelError } from './kernel-error.ts';
import { describeAddress6, describeRoute6 } from './requests6.ts';

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
    if (spec.kind !== 'veth' && spec.kind !== 'bridge') return addChild(spec, doing);
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

  const addChild = (spec: ChildSpec, doing: string): FakeLink => {
    const there = spec.netns === undefined ? netns : find(spec.netns);
    checkName(there, spec.name, doing);
    checkSettings(spec, doing);
    const parent = requireLink(netns, spec.parent, doing);
    if (parent.name === 'lo') throw new KernelError(doing, 'EINVAL');
    const isOther = childrenOf(parent).some((it) => it.kind !== spec.kind);
    if (parent.bridge !== undefined || isOther) throw new KernelError(doing, 'EBUSY');
    if (spec.mtu !== undefined && spec.mtu > parent.mtu) throw new KernelError(doing, 'EINVAL');
    const { mac: _, ...rest } = spec;
    const child = make(there, { mtu: parent.mtu, ...(spec.kind === 'macvlan' ? spec : { ...rest, mac: parent.mac }) });
    adopt(parent, child);
    return child;
  };

  /** Two of one NIC cannot be up with one MAC. */
  const checkUp = (link: FakeLink, doing: string): void => {
    const { parent, mac } = link;
    if (link.kind !== 'macvlan' || link.up || parent === undefined) return;
    if (parent.mac === mac || childrenOf(parent).some((it) => it !== link && it.up && it.mac === mac))
      throw new KernelError(doing, 'EADDRINUSE');
  };

  const setLink = (index: number, change: LinkChange): void => {
    const doing = describeSetLink(index, change);
    const link = requireLink(netns, index, doing);
    const there = change.netns === undefined ? netns : find(change.netns);
    if (change.name !== undefined && (change.name !== link.name || there !== netns)) checkName(there, change.name, doing);
    if (change.name === undefined && there !== netns) checkName(there, link.name, doing);
    if (there !== netns && (link.name === 'lo' || link.kind === 'bridge')) throw new KernelError(doing, 'EINVAL');
    checkSettings(change, doing, link.mostMtu);
    // Hardware takes no MAC while it is up, its own neither (eth_prepare_mac_addr_change, net/ethernet/eth.c).
    if (change.mac !== undefined && link.permanentMac !== undefined && link.up) throw new KernelError(doing, 'EBUSY');
    if (change.up === true) checkUp(link, doing);
    if (change.controller !== undefined) {
      if (change.controller !== 0 && childrenOf(link).length > 0) throw new KernelError(doing, 'EBUSY');
      link.bridge = bridgeFor(netns, change.controller, doing);
    }
    const { name = link.name, mac = link.mac, mtu = link.mtu, alias = link.alias, group = link.group } = change;
    Object.assign(link, { name, mac, mtu, alias, group });
    if (there !== netns) return moveLink(link, there, tell);
    if (change.up !== undefined) setUp(link, change.up, tell);
    tellOf(link);
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

  const removeNeighbour = (it: Pick<Neighbour, 'link' | 'address'>): boolean => {
    const at = netns.neighbours.findIndex((one) => one.link === it.link && one.address === it.address);
    if (at >= 0) netns.neighbours.splice(at, 1);
    return at >= 0;
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
      if (spec.up === true) {
        checkUp(link, describeAddLink(spec));
        setUp(link, true, tell);
      }
      return { index: link.index, ...(link.peer === undefined ? {} : { peer: link.peer.index }), queuedMs: 0 };
    },
    setLink: async (index, change) => setLink(index, change),
    setLinks: async (changes) => changes.map(({ index, ...change }) => refusalOf(() => setLink(index, change))),
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
    ...ipv6Tables({ netns, tell }),
    ...ruleCalls(netns, tell),
    listNeighbours: async () => [...netns.neighbours],
    addNeighbour: async (it) => {
      requireLink(netns, it.link, describeAddNeighbour(it));
      removeNeighbour(it);
      netns.neighbours.push({ ...it, state: 'permanent' });
    },
    deleteNeighbour: async (it) => {
      if (!removeNeighbour(it)) throw new KernelError(describeDeleteNeighbour(it), 'ENOENT');
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

/** As far as the contract goes: what is added is there, until it or its link is deleted. */
function ipv6Tables({ netns, tell }: Pick<FakeKernelParts, 'netns' | 'tell'>): Ipv6Calls {
  const isSame = (a: Prefix6, b: Prefix6): boolean => formatPrefix6(a) === formatPrefix6(b);
  const isTarget = (a: Route6, b: Route6): boolean => a.table === b.table && isSame(a.to, b.to);
  const isAddress = (a: LinkAddress6, b: LinkAddress6): boolean => a.link === b.link && isSame(a.address, b.address);
  return {
    listAddresses6: async () => netns.addresses6.map(({ link, address }) => ({ link, address })),
    addAddress6: async (it) => {
      const doing = describeAddress6('add', it);
      const { name } = requireLink(netns, it.link, doing);
      if (netns.sysctls.get(`ipv6/conf/${name}/disable_ipv6`) === '1') throw new KernelError(doing, 'EACCES');
      if (netns.addresses6.some((other) => isAddress(other, it))) throw new KernelError(doing, 'EEXIST');
      netns.addresses6.push(it);
      tell({ kind: 'address6', change: 'new' });
    },
    deleteAddress6: async (it) => {
      const gone = removeFrom(netns.addresses6, (other) => isAddress(other, it));
      if (gone === 0) throw new KernelError(describeAddress6('delete', it), 'EADDRNOTAVAIL');
      tell({ kind: 'address6', change: 'deleted' });
    },
    listRoutes6: async (tables = 'main') => netns.routes6.filter((it) => tables === 'all' || it.table === undefined),
    addRoute6: async (route) => {
      requireLink(netns, route.link, describeRoute6('replace', route));
      removeFrom(netns.routes6, (it) => isTarget(it, route));
      netns.routes6.push({ ...route, protocol: 'static' });
      tell({ kind: 'route', change: 'new' });
    },
    deleteRoute6: async (route) => {
      const gone = removeFrom(netns.routes6, (it) => it.link === route.link && isTarget(it, route));
      if (gone === 0) throw new KernelError(describeRoute6('delete', route), 'ESRCH');
      tell({ kind: 'route', change: 'deleted' });
    },
  };
}

type Ipv6Calls = Pick<Kernel, 'listAddresses6' | 'addAddress6' | 'deleteAddress6' | 'listRoutes6' | 'addRoute6' | 'deleteRoute6'>;

type RuleCalls = Pick<Kernel, 'listRules' | 'addRule' | 'deleteRule' | 'listRules6' | 'addRule6' | 'deleteRule6'>;

function ruleCalls(netns: FakeNetns, tell: FakeKernelParts['tell']): RuleCalls {
  const rules = callsOf(netns.rules, describeRule, tell);
  const rules6 = callsOf(netns.rules6, describeRule6, tell);
  return {
    listRules: rules.list,
    addRule: rules.add,
    deleteRule: rules.delete,
    listRules6: rules6.list,
    addRule6: rules6.add,
    deleteRule6: rules6.delete,
  };
}

interface CallsOf<R> {
  list(): Promise<readonly R[]>;
  add(rule: R): Promise<void>;
  delete(rule: R): Promise<void>;
}

/** The rules of one family. */
function callsOf<R extends Rule | Rule6>(
  rules: R[],
  describe: (verb: 'add' | 'delete', rule: R) => string,
  tell: FakeKernelParts['tell'],
): CallsOf<R> {
  const isSame = (a: R, b: R): boolean => describe('add', a) === describe('add', b);
  return {
    list: async () => rules.toSorted((a, b) => a.priority - b.priority),
    add: async (rule) => {
      if (rules.some((it) => isSame(it, rule))) throw new KernelError(describe('add', rule), 'EEXIST');
      rules.push(rule);
      tell({ kind: 'rule', change: 'new' });
    },
    delete: async (rule) => {
      const at = rules.findIndex((it) => isSame(it, rule));
      if (at < 0) throw new KernelError(describe('delete', rule), 'ENOENT');
      rules.splice(at, 1);
      tell({ kind: 'rule', change: 'deleted' });
    },
  };
}

function refusalOf(work: () => void): KernelError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof KernelError) return error;
    throw error;
  }
}

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

function checkSettings({ mac, mtu, alias }: Pick<LinkChange, 'mac' | 'mtu' | 'alias'>, doing: string, most = mostMtu): void {
  if (mac !== undefined && isMulticast(mac)) throw new KernelError(doing, 'EADDRNOTAVAIL');
  if (mtu !== undefined && mtu > most) throw new KernelError(doing, 'EINVAL', 'mtu greater than device maximum');
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
