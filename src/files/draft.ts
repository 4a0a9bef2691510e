/** A first landline.yaml from what a host has: pure text, with what is left for a person to decide said in comments. */
import { formatIpv4, type Ipv4 } from '../net/ipv4.ts';
import { broadcastOf, formatPrefix, type Prefix, subnetOf } from '../net/prefix.ts';
import { formatRange, type Range } from '../net/range.ts';

/** What was found on the host. */
export interface HostFacts {
  /** Bridges, and other links that have an address: with their addresses and their default route's router. */
  readonly links: readonly HostLink[];
  /** Nameservers and search domain of /etc/resolv.conf. */
  readonly resolvers: readonly Ipv4[];
  readonly domain?: string;
}

export interface HostLink {
  readonly name: string;
  readonly isBridge: boolean;
  readonly addresses: readonly Prefix[];
  readonly gateway?: Ipv4;
}

/** Addresses that a draft proposes to hand out, at most. */
const poolSize = 100;

/** The text of a landline.yaml. Without any bridge that has an address, the network in it is commented out. */
export function draftConfiguration(facts: HostFacts): string {
  const bridge = facts.links.find((it) => it.isBridge && it.gateway !== undefined) ?? facts.links.find((it) => it.isBridge);
  const [address] = bridge?.addresses ?? [];
  const head = '# /etc/landline/landline.yaml: the networks that environments of this host may join.\n';
  if (bridge === undefined || address === undefined) return head + withoutBridge(facts);
  return `${head}networks:\n  office:\n${network(bridge.name, address, bridge.gateway, facts).join('\n')}\n`;
}

function network(bridge: string, address: Prefix, gateway: Ipv4 | undefined, facts: HostFacts): string[] {
  const subnet = subnetOf(address);
  const pool = proposePool(subnet, [address.address, ...(gateway === undefined ? [] : [gateway]), ...facts.resolvers]);
  return [
    `    bridge: ${bridge}`,
    `    subnet: ${formatPrefix(subnet)}`,
    gateway === undefined ? '    # gateway: the router of this LAN; none was found' : `    gateway: ${formatIpv4(gateway)}`,
    '    # Addresses to hand out: ask whoever runs the DHCP server of this LAN for a range outside its own.',
    pool === undefined ? '    # pool: [FIRST-LAST]' : `    pool: [${formatRange(pool)}]`,
    facts.resolvers.length === 0
      ? '    # resolvers: [DNS server]'
      : `    resolvers: [${facts.resolvers.map(formatIpv4).join(', ')}]`,
    facts.domain === undefined ? '    # domain: test.office.example' : `    domain: ${facts.domain}`,
  ];
}

/** The longest stretch at the end of the subnet, of at most {@link poolSize}, that has none of `taken`. */
function proposePool(subnet: Prefix, taken: readonly Ipv4[]): Range | undefined {
  const last = broadcastOf(subnet) - 1;
  const nearest = Math.max(subnet.address, ...taken.filter((it) => it <= last && it > last - poolSize));
  const first = Math.max(nearest + 1, last - poolSize + 1);
  if (first <= last) return { first, last };
  // The last address itself is taken (often the router's): what lies before it.
  const before = last - 1;
  return before > subnet.address && !taken.includes(before)
    ? { first: Math.max(subnet.address + 1, before - poolSize + 1), last: before }
    : undefined;
}

function withoutBridge(facts: HostFacts): string {
  const nic = facts.links.find((it) => it.gateway !== undefined) ?? facts.links[0];
  const [address] = nic?.addresses ?? [];
  const found =
    nic === undefined || address === undefined ? 'no link with an address' : `${nic.name} with ${formatPrefix(address)}`;
  const lines =
    address === undefined ? ['    bridge: br0', '    subnet: 192.168.10.0/23'] : network('br0', address, nic?.gateway, facts);
  return [
    `# This host has no bridge with an address yet (found: ${found}). Put the NIC under a bridge, move its addresses and`,
    '# routes to the bridge, and take the comment signs away.',
    '# networks:',
    '#   office:',
    ...lines.map((line) => `# ${line}`),
    '',
  ].join('\n');
}
