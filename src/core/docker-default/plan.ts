/**
 * Docker's default network on the LAN's bridge: what daemon.json is to say, what forbids it, and what it costs. The old
 * way, for plain `docker run`; environments do not need it.
 */
import { formatIpv4, type Ipv4 } from '../../net/ipv4.ts';
import { broadcastOf, containsAddress, formatPrefix, type Prefix, subnetOf } from '../../net/prefix.ts';
import { addressesOf, formatRange, type Range } from '../../net/range.ts';
import { lansOwn } from '../ipam/pool.ts';
import type { LanNetwork } from '../model.ts';

export interface DockerWish {
  /** Where Docker takes addresses from. */
  readonly fixedCidr: Prefix;
  readonly dns: readonly Ipv4[];
  /** Left out: as daemon.json says it, or Docker's default. */
  readonly iptables?: boolean;
  readonly liveRestore: boolean;
}

/** What was seen of the host. */
export interface DockerSight {
  readonly network: LanNetwork;
  /** This host's addresses with their prefixes, on the bridge. */
  readonly hostAddresses: readonly Prefix[];
  readonly bridgeExists: boolean;
  /** Addresses of the ledger, each with who has it. */
  readonly ledger: readonly { readonly address: Ipv4; readonly holder: string }[];
  /** Options on dockerd's own command line. */
  readonly flags: readonly string[];
  /** `20.10.24`; undefined where no Docker answers. */
  readonly version?: string;
  /** daemon.json, as far as it is one. */
  readonly before: Readonly<Record<string, unknown>>;
}

/** The name that the ledger keeps Docker's range under. */
export const dockerHolder = 'docker-default';
/** Larger ranges than this are hardly meant: each address is kept in the ledger. */
const most = 1024;

interface Said {
  readonly code: string;
  readonly reason: string;
  readonly next: string;
}

export interface DockerPlan {
  /** What daemon.json is to hold; keys that are not about this stay as they are, in their order. */
  readonly after: Readonly<Record<string, unknown>>;
  readonly refusals: readonly Said[];
  /** What it costs, said plainly. */
  readonly costs: readonly string[];
}

export function planDockerDefault(wish: DockerWish, sight: DockerSight): DockerPlan {
  return { after: merged(wish, sight), refusals: refusalsOf(wish, sight), costs: costsOf(wish, sight) };
}

function merged(wish: DockerWish, { network, before }: DockerSight): Readonly<Record<string, unknown>> {
  const { bip: _mutuallyExclusive, ...kept } = before;
  return {
    ...kept,
    bridge: network.bridge,
    'fixed-cidr': formatPrefix(wish.fixedCidr),
    ...(network.gateway === undefined ? {} : { 'default-gateway': formatIpv4(network.gateway) }),
    ...(wish.dns.length === 0 ? {} : { dns: wish.dns.map(formatIpv4) }),
    ...(wish.iptables === undefined ? {} : { iptables: wish.iptables }),
    ...(wish.liveRestore ? { 'live-restore': true } : {}),
  };
}

function refusalsOf(wish: DockerWish, sight: DockerSight): readonly Said[] {
  const { network, ledger } = sight;
  const range = wish.fixedCidr;
  const text = formatPrefix(range);
  const inside = (address: Ipv4): boolean => containsAddress(range, address);
  const other = `choose another range with --fixed-cidr, inside ${formatPrefix(network.subnet)} and outside of the pool`;
  const said: (Said | false)[] = [
    !sight.bridgeExists && {
      code: 'BRIDGE',
      reason: `this host has no bridge ${network.bridge}`,
      next: '`landline host bridge apply` makes it',
    },
    formatPrefix(subnetOf(range)) !== text && {
      code: 'HOST_BITS',
      reason: `${text} is an address, not a range`,
      next: `write ${formatPrefix(subnetOf(range))}`,
    },
    (range.length < network.subnet.length || !containsAddress(network.subnet, range.address)) && {
      code: 'OUTSIDE',
      reason: `${text} is not inside ${formatPrefix(network.subnet)}, the subnet of network '${network.name}'`,
      next: other,
    },
    2 ** (32 - range.length) > most && { code: 'TOO_LARGE', reason: `${text} has more than ${most} addresses`, next: other },
    ...network.pool
      .filter((it) => rangeMeets(range, it))
      .map((it) => ({
        code: 'POOL',
        reason: `${text} overlaps the pool's ${formatRange(it)}: one address would be handed out twice`,
        next: other,
      })),
    ...lansOwnIn(range, sight).map(([address, what]) => ({
      code: 'LANS_OWN',
      reason: `${formatIpv4(address)} in ${text} is ${what}`,
      next: other,
    })),
    ...ledger
      .filter((it) => inside(it.address) && it.holder !== dockerHolder)
      .map((it) => ({ code: 'LEDGER', reason: `${formatIpv4(it.address)} in ${text} belongs to '${it.holder}'`, next: other })),
    ...sight.flags.map((it) => ({
      code: 'FLAG',
      reason: `dockerd is started with ${it}, and refuses to have it said twice`,
      next: 'take the option off its command line (`systemctl edit docker`)',
    })),
  ];
  return said.filter((it) => it !== false);
}

const rangeMeets = (range: Prefix, pool: Range): boolean => {
  const first = subnetOf(range).address;
  return pool.first <= broadcastOf(range) && first <= pool.last;
};

/** The LAN's own addresses that lie in the range, each with what it is. */
function lansOwnIn(range: Prefix, { network, hostAddresses }: DockerSight): readonly (readonly [Ipv4, string])[] {
  if (2 ** (32 - range.length) > most) return [];
  const all = [...addressesOf([{ first: subnetOf(range).address, last: broadcastOf(range) }])];
  const own = hostAddresses.map((it) => it.address);
  return all.flatMap((address) => {
    const what = lansOwn(network, own, address);
    return what === undefined ? [] : [[address, what] as const];
  });
}

function costsOf(wish: DockerWish, { network, version, before }: DockerSight): readonly string[] {
  const major = Number(version?.split('.')[0] ?? 0);
  const off = wish.iptables === false || (wish.iptables === undefined && before['iptables'] === false);
  return [
    `every container of plain \`docker run\` joins the LAN on ${network.bridge}, and can be reached by everybody there, on every port`,
    'docker0 and its private addresses are gone for them; containers that are there move with their next start',
    'an address belongs to a container only while it runs: the next one may get it; environments keep theirs',
    'no other host may have a range that overlaps this one: Docker asks nobody whether an address is free',
    ...(off
      ? [
          "with `iptables` off, containers of every other Docker network lose NAT and published ports, and Docker's isolation of networks",
        ]
      : []),
    ...(major >= 28
      ? [`Docker ${version} gives a container another MAC at each start: who spoke to it before has to ask again`]
      : []),
    wish.liveRestore
      ? 'the restart of Docker stops all containers this once; with `live-restore` they run on through later ones'
      : 'each restart of Docker stops all containers (`live-restore` is recommended)',
    ...('bip' in before ? ['`bip` is taken out: it is about docker0, and Docker refuses it beside `bridge`'] : []),
    ...(version === undefined ? ['no Docker answers: nothing was checked against its version'] : []),
  ];
}
