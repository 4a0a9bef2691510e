/** Labels on plain containers, which ask for an endpoint: `landline.network=office`, `landline.address=192.168.11.120`, … */
import { formatIpv4, parseIpv4 } from '../net/ipv4.ts';
import { isMulticast, parseMac, zeroMac } from '../net/mac.ts';
import { environmentNameRule, isEnvironmentName, isHostname, isLinkName, linkNameRule, nearest } from '../net/name.ts';
import { spellIpv6 } from '../net/prefix6.ts';
import type { EndpointSpec } from './model.ts';

/** What a container's labels ask for. */
export type LabelWish =
  /** They do not concern Landline. */
  | { readonly kind: 'none' }
  | { readonly kind: 'endpoint'; readonly name: string; readonly hostname: string; readonly endpoint: EndpointSpec }
  | {
      readonly kind: 'wrong';
      readonly name: string;
      readonly label: string;
      readonly value: string;
      readonly problem: string;
      readonly advice: string;
    };

const prefix = 'landline.';

/** The label that makes a container Landline's concern; the others are about the endpoint. */
export const networkLabel = 'landline.network';

const keys = ['network', 'address', 'address6', 'hostname', 'mac', 'interface', 'gateway'] as const;
type Key = (typeof keys)[number];

/** What is wrong with a value, and what to write instead; undefined when nothing is. */
type Check = (value: string) => readonly [problem: string, advice: string] | undefined;

const isUnicast = (value: string): boolean => {
  const mac = parseMac(value);
  return mac !== undefined && mac !== zeroMac && !isMulticast(mac);
};

const checks: Readonly<Record<Key, Check>> = {
  network: (value) => (value === '' ? ['it names no network', 'write landline.network=office'] : undefined),
  address: (value) =>
    value === 'pool' || value === 'dhcp' || parseIpv4(value) !== undefined
      ? undefined
      : [`'${value}' is no address`, 'write an IPv4 address without prefix, or pool, or dhcp'],
  address6: (value) =>
    spellIpv6(value) === undefined
      ? [`'${value}' is no IPv6 address`, "write one of the network's subnet6, without prefix length"]
      : undefined,
  hostname: (value) =>
    isHostname(value) ? undefined : [`'${value}' is no hostname`, 'write one label of letters, digits and -'],
  mac: (value) => (isUnicast(value) ? undefined : [`'${value}' is no unicast MAC`, 'write one such as 02:4c:4c:00:00:01']),
  interface: (value) => (isLinkName(value) ? undefined : [`'${value}' is no name of a link`, `a name has ${linkNameRule}`]),
  gateway: (value) =>
    value === 'none' || parseIpv4(value) !== undefined
      ? undefined
      : [`'${value}' is no gateway`, 'write an IPv4 address, or none'],
};

/** Networks that are the same as no label: Docker itself gives them. */
const dockersOwn = ['host', 'none'];

/**
 * Reads the labels of a container; `landline.environment` and the like, which Landline itself sets, are none of a wish.
 * @param container its name, without the slash
 */
export function readLabels(labels: Readonly<Record<string, string>>, container: string): LabelWish {
  const name = nameForContainer(container);
  if (!(networkLabel in labels)) return mistypedNetwork(labels, name) ?? { kind: 'none' };
  const ours = Object.entries(labels).filter(([label]) => label.startsWith(prefix));
  for (const [label, value] of ours) {
    const key = label.slice(prefix.length);
    const [problem, advice] = isKey(key) ? (checks[key](value) ?? []) : unknownKey(key);
    if (problem !== undefined && advice !== undefined) return { kind: 'wrong', name, label, value, problem, advice };
  }
  const of = (key: Key): string | undefined => labels[prefix + key];
  const network = of('network') ?? '';
  if (dockersOwn.includes(network) || network.startsWith('container:')) {
    const advice = `leave the label out, and say \`docker run --network ${network}\``;
    return {
      kind: 'wrong',
      name,
      label: networkLabel,
      value: network,
      problem: `'${network}' is Docker's own to give`,
      advice,
    };
  }
  if (!isEnvironmentName(name)) {
    const problem = `no name can be made of the container's, '${container}'`;
    return {
      kind: 'wrong',
      name: container,
      label: networkLabel,
      value: network,
      problem,
      advice: `a name has ${environmentNameRule}`,
    };
  }
  const [mac, gateway, address6] = [parseMac(of('mac') ?? ''), of('gateway'), spellIpv6(of('address6') ?? '')];
  const endpoint: EndpointSpec = {
    network,
    interface: of('interface') ?? 'eth0',
    address: spelled(of('address')) ?? 'default',
    routes: [],
    ...(address6 === undefined ? {} : { address6 }),
    ...(mac === undefined ? {} : { mac }),
    ...(gateway === undefined ? {} : { gateway: spelled(gateway) ?? gateway }),
  };
  return { kind: 'endpoint', name, hostname: of('hostname') ?? name, endpoint };
}

const isKey = (key: string): key is Key => (keys as readonly string[]).includes(key);

/** An address as it is written everywhere; other words as they are. */
function spelled(value: string | undefined): string | undefined {
  const address = parseIpv4(value ?? '');
  return address === undefined ? value : formatIpv4(address);
}

/** The label that names the network, or is meant to: `landline.netwrok`. Undefined: the container is none of Landline's business. */
export const networkLabelOf = (labels: Readonly<Record<string, string>>): string | undefined =>
  networkLabel in labels
    ? networkLabel
    : Object.keys(labels).find((it) => it.startsWith(prefix) && nearest(it.slice(prefix.length), ['network']) !== undefined);

/** Of a container that would be on no network for a slip of the pen. */
function mistypedNetwork(labels: Readonly<Record<string, string>>, name: string): LabelWish | undefined {
  const label = networkLabelOf(labels);
  if (label === undefined) return undefined;
  const value = labels[label] ?? '';
  const [problem, advice] = unknownKey(label.slice(prefix.length));
  return { kind: 'wrong', name, label, value, problem, advice };
}

function unknownKey(key: string): readonly [string, string] {
  const suggestion = nearest(key, keys);
  return [
    `Landline knows no such label`,
    suggestion === undefined ? `there are ${keys.map((it) => prefix + it).join(', ')}` : `did you mean '${prefix}${suggestion}'?`,
  ];
}

/** The name that a container's environment has: its own, in the letters that names of environments have. */
export function nameForContainer(container: string): string {
  return container
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-')
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, '');
}
