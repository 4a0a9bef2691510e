/** `networks` of x-landline: several endpoints of one environment, as a list or in Compose's short forms. */
import { privateNetworkName } from '../core/firewall/wish.ts';
import type { EndpointSpec } from '../core/model.ts';
import { itemSchema, listedNetwork, listSchema, namedSchema } from './environment-schema.ts';
import { refuseNotYet } from './not-yet.ts';
import type { Overrides } from './overrides.ts';
import type { Report } from './report.ts';
import { checkFields, checkValue, type Fields } from './shape.ts';
import { type MapNode, nodeAt, offsetAt, type Path, type TreeNode } from './tree.ts';

/** What is written of one endpoint. */
export type EndpointFields = Fields<typeof itemSchema>;

/** What the command line says of the first endpoint. */
type First = Pick<Overrides, 'network' | 'address'>;

interface Item {
  /** Where its keys stand, or the one word that it is. */
  readonly path: Path;
  readonly fields: EndpointFields;
}

/**
 * The endpoints of the list at `path`, in its order.
 * @returns undefined when something was wrong, which has been reported
 */
export function readEndpointList(root: TreeNode, path: Path, first: First, report: Report): readonly EndpointSpec[] | undefined {
  const items = readItems(root, path, first, report);
  reportTwice(items, root, report);
  const interfaces = interfacesOf(items);
  const endpoints = items.flatMap(({ fields }, index) => completeEndpoint(fields, interfaces[index]) ?? []);
  return items.length > 0 && endpoints.length === items.length ? endpoints : undefined;
}

/** @returns undefined without a network: that has been reported */
export function completeEndpoint(fields: EndpointFields, defaultInterface = 'eth0'): EndpointSpec | undefined {
  const { network, interface: name, address, address6, mac, gateway, hostname, routes } = fields;
  if (network === undefined) return undefined;
  return {
    network,
    interface: name ?? defaultInterface,
    address: address ?? 'default',
    ...(address6 === undefined ? {} : { address6 }),
    ...(mac === undefined ? {} : { mac }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(hostname === undefined ? {} : { hostname }),
    routes: routes ?? [],
  };
}

function readItems(root: TreeNode, path: Path, first: First, report: Report): readonly Item[] {
  const node = nodeAt(root, path);
  if (node?.kind !== 'list' && node?.kind !== 'map') {
    checkValue(listSchema, root, path, report);
    return [];
  }
  const steps = node.kind === 'list' ? [...node.items.keys()] : [...node.entries.keys()];
  if (steps.length === 0) report.problem(offsetAt(root, path), "'networks' names no network", "write 'networks: [office]'");
  return steps.map((step, index) => readItem(root, [...path, step], index === 0 ? first : {}, report));
}

/** A name alone; a mapping; or, in a mapping of networks, a name and what is said of it. */
function readItem(root: TreeNode, path: Path, first: First, report: Report): Item {
  const node = nodeAt(root, path);
  const step = path.at(-1);
  const isName = typeof step === 'number' && node?.kind === 'scalar' && typeof node.value === 'string';
  const isBare = typeof step === 'string' && node?.kind === 'scalar' && node.value === null;
  const named = isName || typeof step === 'string';
  const inside = isName || isBare ? {} : readFields(root, path, { first, named }, report);
  const network = first.network ?? (named ? readName(root, path, report) : inside.network);
  const { address = inside.address } = first;
  const fields = { ...inside, ...(network === undefined ? {} : { network }), ...(address === undefined ? {} : { address }) };
  return { path, fields };
}

function readName(root: TreeNode, path: Path, report: Report): string | undefined {
  const step = path.at(-1);
  if (typeof step !== 'string') return checkValue(listedNetwork, root, path, report);
  const at = offsetAt(root, path, 'key');
  return checkValue(listedNetwork, { kind: 'scalar', value: step, text: step, at, textAt: at }, [], report);
}

function readFields(root: TreeNode, path: Path, how: { first: First; named: boolean }, report: Report): EndpointFields {
  const node = nodeAt(root, path);
  const words: Words = how.named
    ? { ...composeWords, network: "remove it: the key above it is the network's name" }
    : composeWords;
  if (node?.kind === 'map') reportWords(node, words, report);
  const ignore = (key: string): boolean =>
    Object.hasOwn(how.first, key) || Object.hasOwn(words, key) || refuseNotYet('endpoint', key) !== undefined;
  return checkFields(how.named ? namedSchema : itemSchema, root, path, report, ignore);
}

type Words = Readonly<Record<string, string>>;

/** Compose's words for what an endpoint says in ours. */
const composeWords: Words = {
  ipv6_address: "write 'address6: 2001:db8:10::101'",
  ipv4_address: "write 'address: 192.168.11.101'",
  mac_address: "write 'mac: 02:4c:4c:00:00:01'",
  interface_name: "write 'interface: eth0'",
  aliases: "write 'hostname: shop'",
  priority: 'remove it: endpoints are attached in the order of the file',
  gw_priority: 'remove it: the first of the networks carries the default route',
};

function reportWords(node: MapNode, words: Words, report: Report): void {
  for (const [key, { keyAt }] of node.entries)
    if (Object.hasOwn(words, key)) report.problem(keyAt, `'${key}' is no key of an endpoint here`, words[key] ?? 'remove it');
}

/** The chosen names, and for the others the first free of eth0, eth1, … */
function interfacesOf(items: readonly Item[]): readonly string[] {
  const taken = new Set(items.flatMap(({ fields }) => fields.interface ?? []));
  const free = (count: number): string => (taken.has(`eth${count}`) ? free(count + 1) : `eth${count}`);
  return items.map(({ fields }) => {
    const name = fields.interface ?? free(0);
    taken.add(name);
    return name;
  });
}

/** What no two endpoints of one environment can have alike. */
function reportTwice(items: readonly Item[], root: TreeNode, report: Report): void {
  items.forEach(({ path, fields }, index) => {
    const before = items.slice(0, index).map((it) => it.fields);
    for (const key of ['interface', 'mac', 'address', 'address6'] as const) {
      const value = fields[key];
      const isWord = value === undefined || (key === 'address' && /^[a-z]+$/.test(value));
      if (isWord || !before.some((it) => it[key] === value)) continue;
      report.problem(
        offsetAt(root, [...path, key]),
        `two endpoints have the ${key} ${value}`,
        'give each its own, or leave it out',
      );
    }
    if (fields.network === privateNetworkName && before.some((it) => it.network === privateNetworkName))
      report.problem(offsetAt(root, path), "two endpoints join the network 'bridge'", 'name it once: ports lead to one address');
    reportTargetsTwice(fields, root, path, report);
  });
}

/** @param path where the endpoint's keys stand */
export function reportTargetsTwice({ routes = [] }: EndpointFields, root: TreeNode, path: Path, report: Report): void {
  routes.forEach(({ to }, index) => {
    if (routes.findIndex((it) => it.to === to) === index) return;
    report.problem(offsetAt(root, [...path, 'routes', index, 'to']), `two routes lead to ${to}`, 'keep one of them');
  });
}
