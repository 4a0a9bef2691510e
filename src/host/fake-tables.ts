/** What the fake host keeps: namespaces, and in each its links, addresses and routes, by the kernel's rules. */
import { macFromDigest } from '../net/mac.ts';
import { containsAddress, type Prefix, prefix, subnetOf } from '../net/prefix.ts';
import type { KernelEvent, Link, LinkAddress, LinkAddress6, LinkSpec, Neighbour, Route, Route6, Rule, Rule6 } from './index.ts';
import { KernelError } from './kernel-error.ts';

/** A link with its namespace and its relations; changed in place. */
export interface FakeLink {
  readonly netns: FakeNetns;
  readonly index: number;
  name: string;
  mac: string;
  /** Of hardware alone. */
  readonly permanentMac: string | undefined;
  mtu: number;
  /** What it takes at most: a driver's limit, or that of the NIC under a VLAN. */
  mostMtu: number;
  up: boolean;
  group: number;
  alias: string;
  readonly kind: LinkSpec['kind'] | undefined;
  bridge: FakeLink | undefined;
  /** The other end of a veth. */
  peer: FakeLink | undefined;
  /** The NIC of a macvlan or ipvlan. */
  parent: FakeLink | undefined;
  /** A bridge's memory: behind which port a MAC was last seen. */
  readonly learned: Map<string, FakeLink>;
}

export interface FakeNetns {
  readonly inode: number;
  readonly links: Map<number, FakeLink>;
  readonly addresses: LinkAddress[];
  readonly routes: Route[];
  readonly rules: Rule[];
  /** Permanent ones; nobody else's cache is kept. */
  readonly neighbours: Neighbour[];
  readonly addresses6: LinkAddress6[];
  readonly routes6: Route6[];
  readonly rules6: Rule6[];
  readonly sysctls: Map<string, string>;
  /** Paths it is bound at, and windows that are open into it: with the last of them it ends. */
  holders: number;
  nextIndex: number;
}

export type Tell = (event: KernelEvent) => void;

/** Those of a new namespace: the tables local, main and default; IPv6 has no table called default. */
const kernelsRules = (): Rule[] => [
  { table: 255, priority: 0 },
  { table: 254, priority: 32_766 },
  { table: 253, priority: 32_767 },
];
const kernelsRules6 = (): Rule6[] => [
  { table: 255, priority: 0 },
  { table: 254, priority: 32_766 },
];

let inodes = 4026532000;
let digests = 0;

export function makeNetns(): FakeNetns {
  inodes += 1;
  const own = { addresses: [], routes: [], rules: kernelsRules(), neighbours: [] };
  const tables = { ...own, addresses6: [], routes6: [], rules6: kernelsRules6() };
  const shared = { ...tables, inode: inodes, links: new Map(), sysctls: new Map() };
  const netns: FakeNetns = { ...shared, holders: 0, nextIndex: 1 };
  makeLink(netns, { name: 'lo', mac: '00:00:00:00:00:00', mtu: 65_536, kind: undefined });
  return netns;
}

export function makeLink(
  netns: FakeNetns,
  it: Pick<FakeLink, 'name' | 'kind'> & Partial<Pick<FakeLink, 'mac' | 'permanentMac' | 'mtu' | 'mostMtu' | 'group' | 'alias'>>,
): FakeLink {
  const index = netns.nextIndex;
  netns.nextIndex += 1;
  digests += 1;
  const link: FakeLink = {
    mac: macFromDigest(Uint8Array.of(0, 0, 0, digests >> 8, digests), 0x02),
    mtu: 1500,
    mostMtu: 65_535,
    group: 0,
    alias: '',
    permanentMac: undefined,
    ...it,
    ...{ netns, index, up: false, bridge: undefined, peer: undefined, parent: undefined, learned: new Map() },
  };
  netns.links.set(index, link);
  return link;
}

export const findLink = (netns: FakeNetns, nameOrIndex: string | number): FakeLink | undefined =>
  typeof nameOrIndex === 'number'
    ? netns.links.get(nameOrIndex)
    : [...netns.links.values()].find((it) => it.name === nameOrIndex);

/** @throws KernelError ENODEV */
export function requireLink(netns: FakeNetns, index: number, doing: string): FakeLink {
  const link = netns.links.get(index);
  if (link === undefined) throw new KernelError(doing, 'ENODEV');
  return link;
}

const hasCarrier = (link: FakeLink): boolean =>
  link.up && (link.kind !== 'veth' || link.peer?.up === true) && (link.parent === undefined || hasCarrier(link.parent));

/** The children of a NIC, wherever they live; a set of its own for each. */
const children = new WeakMap<FakeLink, Set<FakeLink>>();
export const childrenOf = (parent: FakeLink): readonly FakeLink[] => [...(children.get(parent) ?? [])];

export function adopt(parent: FakeLink, child: FakeLink): void {
  child.parent = parent;
  children.set(parent, (children.get(parent) ?? new Set()).add(child));
}
/** There is no spanning tree, and no delay. */
export const forwards = (link: FakeLink): boolean => hasCarrier(link) && link.bridge?.up === true;

export function describeLink(link: FakeLink): Link {
  const { index, name, mac, mtu, up, group } = link;
  return {
    ...{ index, name, mac, mtu, up, group, carrier: hasCarrier(link) },
    ...(link.kind === undefined ? {} : { kind: link.kind }),
    ...(link.permanentMac === undefined ? {} : { permanentMac: link.permanentMac }),
    ...(link.alias === '' ? {} : { alias: link.alias }),
    ...(link.peer === undefined ? {} : { peer: link.peer.index }),
    ...(link.parent === undefined ? {} : { peer: link.parent.index }),
    ...(link.bridge === undefined
      ? {}
      : { controller: link.bridge.index, portState: forwards(link) ? 'forwarding' : 'disabled' }),
  };
}

export function setUp(link: FakeLink, up: boolean, tell: Tell): void {
  if (link.up === up) return;
  link.up = up;
  for (const it of [link, link.peer]) if (it !== undefined) tell({ kind: 'link', change: 'new', link: describeLink(it) });
  if (!up) {
    removeRoutes(link.netns, (route) => route.link === link.index, tell);
    removeFrom(link.netns.neighbours, (it) => it.link === link.index);
  } else if (link.name === 'lo') addAddress(link, prefix('127.0.0.1/8'), tell);
  else for (const it of link.netns.addresses) if (it.link === link.index) addSubnetRoute(link, it.address, tell);
}

export function addAddress(link: FakeLink, address: Prefix, tell: Tell): boolean {
  const { addresses } = link.netns;
  if (addresses.some((it) => isSameAddress(it, { link: link.index, address }))) return false;
  addresses.push({ link: link.index, address });
  tell({ kind: 'address', change: 'new', address: { link: link.index, address } });
  if (link.up) addSubnetRoute(link, address, tell);
  return true;
}

export const isSameAddress = (a: LinkAddress, b: LinkAddress): boolean =>
  a.link === b.link && a.address.address === b.address.address && a.address.length === b.address.length;

/** The last address of a link takes all its routes along; one of several leaves the routes that it is not the source of. */
export function removeAddress(netns: FakeNetns, address: LinkAddress, tell: Tell): void {
  removeFrom(netns.addresses, (it) => isSameAddress(it, address));
  tell({ kind: 'address', change: 'deleted', address });
  const left = netns.addresses.filter((it) => it.link === address.link);
  const goes = (route: Route): boolean => left.length === 0 || route.source === address.address.address;
  removeRoutes(netns, (route) => route.link === address.link && goes(route), tell);
  const link = netns.links.get(address.link);
  if (link?.up === true) for (const it of left) addSubnetRoute(link, it.address, tell);
}

function addSubnetRoute(link: FakeLink, address: Prefix, tell: Tell): void {
  const to = subnetOf(address);
  const known = link.netns.routes.some((it) => it.link === link.index && it.protocol === 'kernel' && isSamePrefix(it.to, to));
  if (known || link.name === 'lo' || address.length === 32) return;
  link.netns.routes.push({ to, link: link.index, metric: 0, source: address.address, protocol: 'kernel' });
  tell({ kind: 'route', change: 'new' });
}

export const isSamePrefix = (a: Prefix, b: Prefix): boolean => a.address === b.address && a.length === b.length;

export function removeRoutes(netns: FakeNetns, goes: (route: Route) => boolean, tell: Tell): number {
  const gone = removedFrom(netns.routes, goes);
  for (const { source } of gone) tell({ kind: 'route', change: 'deleted', ...(source === undefined ? {} : { source }) });
  return gone.length;
}

/** The link through which a neighbour is reached directly. */
export const linkTowards = (netns: FakeNetns, address: number): number | undefined =>
  netns.routes.find((route) => route.table === undefined && route.via === undefined && containsAddress(route.to, address))?.link;

export function removeLink(link: FakeLink, tell: Tell): void {
  if (!takeOut(link, tell)) return;
  if (link.peer !== undefined) removeLink(link.peer, tell);
  for (const child of childrenOf(link)) removeLink(child, tell);
}

/** Takes a link out of its namespace with everything that hangs on it, but not its other end. */
function takeOut(link: FakeLink, tell: Tell): boolean {
  const { netns, index } = link;
  if (!netns.links.delete(index)) return false;
  if (link.parent !== undefined) children.get(link.parent)?.delete(link);
  removeFrom(netns.neighbours, (it) => it.link === index);
  for (const port of netns.links.values()) if (port.bridge === link) port.bridge = undefined;
  for (const it of netns.links.values()) removeValue(it.learned, link);
  removeRoutes(netns, (route) => route.link === index, tell);
  removeFrom(netns.addresses6, (it) => it.link === index);
  removeFrom(netns.routes6, (it) => it.link === index);
  for (const address of removedFrom(netns.addresses, (it) => it.link === index))
    tell({ kind: 'address', change: 'deleted', address });
  tell({ kind: 'link', change: 'deleted', link: describeLink(link) });
  return true;
}

/** To another namespace: down, under a new number, and without addresses. */
export function moveLink(link: FakeLink, there: FakeNetns, tell: Tell): void {
  takeOut(link, tell);
  const { name, kind, mac, permanentMac, mtu, mostMtu, group, alias, peer, parent } = link;
  const moved = makeLink(there, { name, kind, mac, permanentMac, mtu, mostMtu, group, alias });
  if (parent !== undefined) adopt(parent, moved);
  if (peer !== undefined) {
    moved.peer = peer;
    peer.peer = moved;
  }
  tell({ kind: 'link', change: 'new', link: describeLink(moved) });
}

/** Hardware of a namespace that ends, as the kernel does it (default_device_exit_net, net/core/dev.c): its own name, or devN. */
export function returnLink(link: FakeLink, home: FakeNetns, tell: Tell): void {
  if (findLink(home, link.name) !== undefined) link.name = `dev${link.index}`;
  moveLink(link, home, tell);
}

function removeValue<K, V>(map: Map<K, V>, value: V): void {
  for (const [key, it] of map) if (it === value) map.delete(key);
}

export const removeFrom = <T>(list: T[], goes: (it: T) => boolean): number => removedFrom(list, goes).length;

function removedFrom<T>(list: T[], goes: (it: T) => boolean): readonly T[] {
  const gone = list.filter(goes);
  const kept = list.filter((it) => !goes(it));
  list.splice(0, list.length, ...kept);
  return gone;
}
