/** landline.yaml: the networks of this host. */
import { z } from 'zod';
import {
  type Configuration,
  type DockerConfiguration,
  defaultLeasing,
  type LanNetwork,
  type LeasingPolicy,
  type ParentLink,
} from '../core/model.ts';
import { formatIpv4, type Ipv4 } from '../net/ipv4.ts';
import { broadcastOf, containsAddress, formatPrefix, overlaps, type Prefix, prefix } from '../net/prefix.ts';
import { containsAddress6, formatPrefix6, overlaps6 } from '../net/prefix6.ts';
import { formatRange, type Range } from '../net/range.ts';
import { parseImage } from './container-schema.ts';
import { dnsOf, dnsSchema } from './dns.ts';
import {
  parseAddress,
  parseDomain,
  parseInstallationId,
  parseLinkName,
  parseNetworkName,
  parsePoolRange,
  parseRouter6,
  parseSubnet,
  parseSubnet6,
} from './fields.ts';
import { type Mistake, refuseNotYet } from './not-yet.ts';
import { readYaml, type YamlFile } from './read-yaml.ts';
import type { Report } from './report.ts';
import { checkFields, checkValue, type Fields, isMistake, meaning, text } from './shape.ts';
import { type MapNode, nodeAt, type TreeNode } from './tree.ts';

const poolRange = text('addresses, FIRST-LAST or one', '192.168.11.100-192.168.11.250', parsePoolRange);

const parseAddressing = (word: string): 'pool' | 'dhcp' | Mistake =>
  word === 'pool' || word === 'dhcp' ? word : { mistake: `'${word}' is no addressing` };

const parseRate = (rate: number): number | Mistake =>
  rate >= 1 && rate <= 10_000
    ? rate
    : { mistake: `${rate} messages in a second are no rate`, next: 'write a number from 1 to 10000' };

const leasingSchema = z
  .strictObject({
    expired: z
      .enum(['keep', 'drop'])
      .meta({ description: 'what becomes of an address whose lease has ended while no server answers' })
      .optional(),
    rate: meaning(z.int(), parseRate)
      .meta({ description: 'DHCP messages that this host sends in a second, at most', examples: [100] })
      .optional(),
    name: z
      .enum(['hostname', 'fqdn'])
      .meta({
        description: "what the server is told of an environment's name: the hostname, or the full name and who registers it",
      })
      .optional(),
  })
  .meta({
    title: 'leases from DHCP',
    description: "how addresses are leased from the LAN's server",
    examples: [{ expired: 'keep' }],
  });

const networkSchema = z
  .strictObject({
    bridge: text('bridge of this host whose port the LAN is', 'br0', parseLinkName).optional(),
    macvlan: text(
      'NIC of this host, in place of a bridge: each endpoint has a MAC of its own on it',
      'ens33',
      parseLinkName,
    ).optional(),
    ipvlan: text("NIC of this host, in place of a bridge: all endpoints have the NIC's MAC", 'ens33', parseLinkName).optional(),
    backend: z
      .enum(['veth', 'docker-network'])
      .meta({ description: "who makes an environment's link to the bridge: Landline (veth), or Docker's bridge driver" })
      .optional(),
    subnet: text('subnet of the LAN', '192.168.10.0/23', parseSubnet),
    gateway: text('router of the LAN; left out: environments have no default route', '192.168.11.1', parseAddress).optional(),
    subnet6: text('IPv6 subnet of the LAN', '2001:db8:10::/64', parseSubnet6).optional(),
    gateway6: text('IPv6 router of the LAN', '2001:db8:10::1', parseRouter6).optional(),
    pool: z.array(poolRange).meta({ description: 'addresses to hand out' }).optional(),
    exclude: z
      .array(poolRange)
      .meta({ description: 'addresses of the pool that are not handed out', examples: [['192.168.11.200']] })
      .optional(),
    addressing: text('where an endpoint names no address: pool, or dhcp', 'pool', parseAddressing).optional(),
    dhcp: leasingSchema.optional(),
    resolvers: z
      .array(text('DNS server', '192.168.11.2', parseAddress))
      .meta({ description: "written into each environment's resolv.conf" })
      .optional(),
    domain: text('search domain', 'test.office.example', parseDomain).optional(),
    probe: z.enum(['fast', 'rfc5227', 'off']).meta({ description: 'how an address is probed before use' }).optional(),
  })
  .meta({ title: 'a network', examples: [{ bridge: 'br0', subnet: '192.168.10.0/23' }] });

/** Where dockerd listens unless it is told otherwise. */
const defaultSocket = '/var/run/docker.sock';

/** A path, with or without `unix://`. */
function parseSocket(written: string): string | Mistake {
  const path = written.replace(/^unix:\/\//, '');
  if (path.startsWith('/') && !path.includes('\0')) return path;
  return { mistake: `'${written}' is no path of a unix socket`, next: `write its whole path, as in ${defaultSocket}` };
}

const about = { title: 'landline.yaml', examples: [{ networks: { office: { bridge: 'br0', subnet: '192.168.10.0/23' } } }] };

/** landline.yaml as a zod schema; `z.toJSONSchema(…, { io: 'input' })` makes the schema for editors of it. */
export const configurationSchema = z
  .strictObject({
    id: text("this installation's id; left out: the one in the state directory", 'office-host-1', parseInstallationId).optional(),
    networks: z.record(z.string(), networkSchema).optional(),
    bridge: z
      .strictObject({ subnet: text('subnet of the built-in private network', '10.88.0.0/16', parseSubnet).optional() })
      .meta({ title: 'the private network', examples: [{ subnet: '10.88.0.0/16' }] })
      .optional(),
    engines: z
      .strictObject({
        docker: z
          .strictObject({
            socket: text(
              'socket of the Docker Engine; left out: that of DOCKER_HOST, or /var/run/docker.sock',
              defaultSocket,
              parseSocket,
            ).optional(),
            anchorImage: text(
              "image of the anchors; left out: Landline's own",
              'registry.office.example/pause:3',
              parseImage,
            ).optional(),
          })
          .meta({ title: 'engines.docker', examples: [{ socket: defaultSocket }] })
          .optional(),
      })
      .meta({ title: 'engines', examples: [{ docker: { socket: defaultSocket } }] })
      .optional(),
    dns: dnsSchema.optional(),
  })
  .meta(about);

/** Where the file chooses none: the first that no LAN of this host overlaps. */
const privateSubnets: readonly Prefix[] = ['10.88.0.0/16', '172.29.0.0/16', '192.168.240.0/20'].map(prefix);

function freePrivateSubnet(lans: readonly Prefix[]): Prefix {
  const free = privateSubnets.find((subnet) => !lans.some((lan) => overlaps(lan, subnet)));
  return free ?? prefix('10.88.0.0/16');
}

type NetworkFields = Fields<typeof networkSchema>;

/**
 * landline.yaml, checked. An empty file is a configuration without networks; keys that begin with `x-` are ignored.
 * @param text the file's text, or its bytes
 * @param file its name, for messages
 * @throws LandlineError FILE_INVALID with every mistake and its place
 */
export function parseConfiguration(input: string | Uint8Array, file: string): Configuration {
  const yaml = readYaml(input, file);
  const { root, report } = yaml;
  if (root === undefined) {
    report.refuseIfWrong();
    return { networks: [], privateSubnet: freePrivateSubnet([]), docker: {}, dns: {} };
  }
  const top = configurationSchema.omit({ networks: true }).extend({ networks: z.unknown() }).meta(about);
  if (root.kind === 'map') reportNotYet('configuration', root, report);
  const fields = checkFields(
    top,
    root,
    [],
    report,
    (key) => refuseNotYet('configuration', key) !== undefined || key.startsWith('x-'),
  );
  const networks = readNetworks(yaml);
  const lans = networks.flatMap(({ fields: { subnet } }) => (subnet === undefined ? [] : [subnet]));
  const chosen = fields.bridge?.subnet;
  const clash = chosen && lans.find((subnet) => overlaps(subnet, chosen));
  if (chosen !== undefined && clash !== undefined) {
    const says = `the private network ${formatPrefix(chosen)} overlaps ${formatPrefix(clash)}, the subnet of a LAN`;
    report.problem(yaml.place(['bridge', 'subnet']), says, 'choose another, or leave it out');
  }
  report.refuseIfWrong();
  return {
    ...(fields.id === undefined ? {} : { id: fields.id }),
    networks: networks.map(({ name, fields }) => complete(name, fields)),
    privateSubnet: chosen ?? freePrivateSubnet(lans),
    docker: dockerOf(fields.engines?.docker),
    dns: dnsOf(fields.dns),
  };
}

function dockerOf({
  socket,
  anchorImage,
}: NonNullable<NonNullable<Fields<typeof configurationSchema>['engines']>['docker']> = {}): DockerConfiguration {
  return { ...(socket === undefined ? {} : { socket }), ...(anchorImage === undefined ? {} : { anchorImage }) };
}

interface NamedNetwork {
  readonly name: string;
  readonly fields: NetworkFields;
}

function readNetworks(yaml: YamlFile): readonly NamedNetwork[] {
  const { root, report } = yaml;
  const node = root?.kind === 'map' ? root.entries.get('networks')?.value : undefined;
  if (root === undefined || node === undefined || (node.kind === 'scalar' && node.value === null)) return [];
  if (node.kind !== 'map') {
    checkValue(
      z.record(z.string(), z.unknown()).meta({ examples: ['{ office: { bridge: br0, subnet: 192.168.10.0/23 } }'] }),
      root,
      ['networks'],
      report,
    );
    return [];
  }
  const networks = [...node.entries].map(([name, entry]) => readNetwork(name, entry.keyAt, yaml));
  networks.forEach((network, index) => {
    reportClashes(network, networks.slice(0, index), yaml);
  });
  return networks;
}

function readNetwork(name: string, keyAt: number, { root, report, place }: YamlFile): NamedNetwork {
  if (root === undefined) return { name, fields: {} };
  const path = ['networks', name];
  const word =
    /^(bridge|host|none)$|^container:/.exec(name) === null
      ? parseNetworkName(name)
      : { mistake: `'${name}' is the name of a built-in network`, next: "choose another name, as in 'office'" };
  if (isMistake(word)) report.problem(keyAt, word.mistake, word.next ?? "choose another name, as in 'office'");
  const node = root.kind === 'map' ? root.entries.get('networks')?.value : undefined;
  const network = node?.kind === 'map' ? node.entries.get(name)?.value : undefined;
  if (network?.kind === 'map') reportNotYet('network', network, report);
  const ignore = (key: string): boolean => refuseNotYet('network', key) !== undefined;
  if (network?.kind === 'map') checkGround(name, network, keyAt, report);
  const fields = checkFields(networkSchema, root, path, report, ignore);
  const { subnet, gateway } = fields;
  if (subnet !== undefined && gateway !== undefined) checkGateway(gateway, subnet, place([...path, 'gateway']), report);
  checkGateway6(fields, place([...path, 'gateway6']), report);
  if (fields.dhcp?.name === 'fqdn' && fields.domain === undefined)
    report.problem(
      place([...path, 'dhcp', 'name']),
      `network '${name}' has no domain, and no full names`,
      "add its 'domain: test.office.example', or write 'name: hostname'",
    );
  if (fields.backend === 'docker-network' && network?.kind === 'map') checkBackend(network, fields, report);
  for (const key of ['pool', 'exclude'])
    if (subnet !== undefined && network !== undefined) checkInside(name, rangesAt(network, key), subnet, report);
  if (network !== undefined) checkApart(rangesAt(network, 'pool'), report);
  return { name, fields };
}

/** What Docker's bridge driver cannot do. */
function checkBackend(network: MapNode, { addressing }: NetworkFields, report: Report): void {
  const at = (key: string): number | undefined => network.entries.get(key)?.keyAt;
  const refuse = (key: string, why: string, next: string): void => {
    const place = at(key);
    if (place !== undefined) report.problem(place, `'${key}' does not go with 'backend: docker-network': ${why}`, next);
  };
  const byLandline = "remove 'backend'";
  for (const key of ['macvlan', 'ipvlan'] as const)
    refuse(key, 'Docker makes ports of a bridge', `name a bridge, or ${byLandline}`);
  for (const key of ['subnet6', 'gateway6', 'dhcp'] as const)
    refuse(key, key === 'dhcp' ? 'Docker leases no addresses' : 'it is for IPv4 alone', `remove it, or ${byLandline}`);
  if (addressing === 'dhcp') refuse('addressing', 'Docker leases no addresses', `write 'addressing: pool', or ${byLandline}`);
  const backendAt = at('backend');
  if (at('gateway') === undefined && backendAt !== undefined)
    report.problem(
      backendAt,
      "'backend: docker-network' needs a 'gateway': Docker would take the first address of the subnet for one",
      `write the LAN's router, as in 'gateway: 192.168.11.1', or ${byLandline}`,
    );
}

const grounds = ['bridge', 'macvlan', 'ipvlan'] as const;

/** A network is on one thing. */
function checkGround(name: string, network: MapNode, keyAt: number, report: Report): void {
  const [first, second] = grounds.filter((key) => network.entries.has(key));
  if (first === undefined) report.problem(keyAt, `'${name}' has no 'bridge'`, "add 'bridge: br0', or a NIC: 'macvlan: ens33'");
  const at = second === undefined ? undefined : network.entries.get(second)?.keyAt;
  if (at !== undefined) report.problem(at, `'${name}' is on both '${first}' and '${second}'`, 'remove one of them');
}

function reportNotYet(where: 'configuration' | 'network', node: MapNode, report: Report): void {
  for (const [key, entry] of node.entries) {
    const mistake = refuseNotYet(where, key);
    if (mistake !== undefined) report.problem(entry.keyAt, mistake.mistake, mistake.next ?? 'remove it');
  }
}

interface PlacedRange {
  readonly range: Range;
  readonly at: number;
}

/** The ranges of a list that can be read, so that a wrong one among them hides no other mistake. */
function rangesAt(network: TreeNode, key: string): readonly PlacedRange[] {
  const list = nodeAt(network, [key]);
  if (list?.kind !== 'list') return [];
  return list.items.flatMap((item) => {
    const range = item.kind === 'scalar' ? parsePoolRange(item.text) : undefined;
    return range === undefined || isMistake(range) ? [] : [{ range, at: item.at }];
  });
}

function checkInside(name: string, ranges: readonly PlacedRange[], subnet: Prefix, report: Report): void {
  const [first, last] = [formatIpv4(subnet.address), formatIpv4(broadcastOf(subnet))];
  for (const { range, at } of ranges) {
    if (containsAddress(subnet, range.first) && containsAddress(subnet, range.last)) continue;
    report.problem(
      at,
      `${formatRange(range)} is not in ${formatPrefix(subnet)}, the subnet of network '${name}'`,
      `write addresses from ${first} to ${last}`,
    );
  }
}

function checkApart(ranges: readonly PlacedRange[], report: Report): void {
  ranges.forEach(({ range, at }, index) => {
    const other = ranges.slice(0, index).find((before) => before.range.first <= range.last && range.first <= before.range.last);
    if (other === undefined) return;
    report.problem(
      at,
      `${formatRange(range)} overlaps ${formatRange(other.range)}`,
      'let each address be in one range of the pool',
    );
  });
}

function checkGateway6({ subnet6: subnet, gateway6: gateway }: NetworkFields, at: number, report: Report): void {
  if (gateway === undefined || gateway.startsWith('fe')) return;
  if (subnet !== undefined && containsAddress6(subnet, gateway)) return;
  const where = subnet === undefined ? 'the network has no subnet6' : `it is not in ${formatPrefix6(subnet)}`;
  report.problem(
    at,
    `gateway6 ${gateway} cannot be reached: ${where}`,
    "write the router's address in subnet6, or its fe80:: one",
  );
}

function checkGateway(gateway: Ipv4, subnet: Prefix, at: number, report: Report): void {
  const address = formatIpv4(gateway);
  if (!containsAddress(subnet, gateway)) {
    report.problem(
      at,
      `gateway ${address} is not in ${formatPrefix(subnet)}`,
      'write the address that the router has in this subnet',
    );
  } else if (gateway === subnet.address || gateway === broadcastOf(subnet)) {
    const what = gateway === subnet.address ? 'network address' : 'broadcast address';
    report.problem(
      at,
      `gateway ${address} is the ${what} of ${formatPrefix(subnet)}`,
      'write the address that the router has in this subnet',
    );
  }
}

/** Whether a network leaves those before it alone. */
function reportClashes({ name, fields }: NamedNetwork, before: readonly NamedNetwork[], { report, place }: YamlFile): void {
  for (const other of before) {
    const key = grounds.find((it) => fields[it] !== undefined && linkOf(fields) === linkOf(other.fields));
    if (key !== undefined) {
      const what = key === 'bridge' ? 'bridge' : 'NIC';
      report.problem(
        place(['networks', name, key]),
        `networks '${other.name}' and '${name}' are both on ${what === 'NIC' ? 'the NIC' : 'bridge'} ${linkOf(fields)}`,
        `give each network a ${what} of its own`,
      );
    }
    const [mine6, theirs6] = [fields.subnet6, other.fields.subnet6];
    if (mine6 !== undefined && theirs6 !== undefined && overlaps6(mine6, theirs6)) {
      report.problem(
        place(['networks', name, 'subnet6']),
        `${formatPrefix6(mine6)} overlaps ${formatPrefix6(theirs6)}, the subnet6 of network '${other.name}'`,
        'give each network a subnet of its own',
      );
    }
    const [mine, theirs] = [fields.subnet, other.fields.subnet];
    if (mine !== undefined && theirs !== undefined && overlaps(mine, theirs)) {
      report.problem(
        place(['networks', name, 'subnet']),
        `${formatPrefix(mine)} overlaps ${formatPrefix(theirs)}, the subnet of network '${other.name}'`,
        'give each network a subnet of its own',
      );
    }
  }
}

const linkOf = ({ bridge, macvlan, ipvlan }: NetworkFields): string | undefined => bridge ?? macvlan ?? ipvlan;

function groundOf({ bridge, macvlan, ipvlan }: NetworkFields): { bridge: string } | { parent: ParentLink } | undefined {
  if (bridge !== undefined) return { bridge };
  if (macvlan !== undefined) return { parent: { kind: 'macvlan', link: macvlan } };
  return ipvlan === undefined ? undefined : { parent: { kind: 'ipvlan', link: ipvlan } };
}

/** Called when nothing was wrong: then what is needed is there. */
function complete(name: string, fields: NetworkFields): LanNetwork {
  const { subnet, gateway, subnet6, gateway6, domain } = fields;
  const ground = groundOf(fields);
  if (ground === undefined || subnet === undefined) throw new Error(`network '${name}' was not refused though it is incomplete`);
  const ranges = (those: readonly Range[] | undefined): readonly Range[] => those ?? [];
  return {
    name,
    ...ground,
    subnet,
    ...(gateway === undefined ? {} : { gateway }),
    ...(subnet6 === undefined ? {} : { subnet6 }),
    ...(gateway6 === undefined ? {} : { gateway6 }),
    pool: ranges(fields.pool),
    exclude: ranges(fields.exclude),
    resolvers: fields.resolvers ?? [],
    ...(domain === undefined ? {} : { domain }),
    probe: fields.probe ?? 'fast',
    ...(fields.addressing === 'dhcp' ? { addressing: 'dhcp' } : {}),
    ...(fields.dhcp === undefined ? {} : { dhcp: leasingOf(fields.dhcp) }),
    ...(fields.backend === 'docker-network' ? { backend: fields.backend } : {}),
  };
}

function leasingOf(dhcp: NonNullable<NetworkFields['dhcp']>): LeasingPolicy {
  const { expired, rate, name } = defaultLeasing;
  return { expired: dhcp.expired ?? expired, rate: dhcp.rate ?? rate, name: dhcp.name ?? name };
}
