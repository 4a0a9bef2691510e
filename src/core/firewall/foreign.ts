/**
 * Other people's firewalls: chains that routed and bridged packets pass besides ours, where an accept of ours counts
 * for nothing (nft(8): a packet has to be accepted by every chain of a hook).
 *
 * The chain FORWARD of iptables, which Docker sets to drop, is everybody's: there Landline adds a chain `LANDLINE` of
 * its own and a jump to it, in DOCKER-USER where Docker keeps that. A comment would not do as our mark: it cannot be
 * read any more once `iptables-restore` has put the rule back. Rules are such that `iptables` can show them.
 * Anybody else's chain is left alone, and named.
 */
import { formatPrefix, type Prefix } from '../../net/prefix.ts';
import { accept, type Command, counter, ct, drop, has, is, type Json, jump, meta, payload, prefixValue } from './expressions.ts';
import type { ListedChain, ListedRule, Listing } from './listing.ts';
import { tableName } from './ruleset.ts';
import { fateOf, type Packet } from './walk.ts';
import { privateLinkPrefix } from './wish.ts';

/** What has to pass the host. */
export interface ForeignWish {
  /** Bridges of LAN networks. */
  readonly bridges: readonly string[];
  /** Whether the host shows bridged frames to chains of routed packets (net.bridge.bridge-nf-call-iptables, -ip6tables). */
  readonly bridgedIsFiltered: { readonly ip: boolean; readonly ip6: boolean };
  /** Those of them on which Landline has Docker make a network, which parts them from its other networks; left out: none. */
  readonly dockerBridges?: readonly string[];
  /** Left out: no sandbox is on the private network. */
  readonly private?: {
    readonly subnet: Prefix;
    readonly group: number;
    /** Links that lead out of the host: those of its default routes. */
    readonly uplinks: readonly string[];
  };
}

/** A chain that drops what has to pass, and is not ours to change. */
export interface ForwardDropped {
  /** `inet filter forward` */
  readonly chain: string;
  /** What it drops, in words for people. */
  readonly what: string;
  /** Rules that let it pass, each as a command. */
  readonly rules: readonly string[];
}

export interface ForeignPlan {
  /** One transaction; empty when all is as it should be. */
  readonly commands: readonly Command[];
  readonly dropped: readonly ForwardDropped[];
}

/** Name of our chain in tables of iptables. */
const ourChain = 'LANDLINE';

/** @param listing of every table that has a chain at the forward hook */
export function planForeign(listing: Listing, wish: ForeignWish): ForeignPlan {
  const { dockerBridges = [] } = wish;
  const parted = dockerBridges.flatMap((bridge) => partedFrom(listing, bridge).map((other) => ({ bridge, other })));
  const flows = [...flowsOf(wish), ...parted.flatMap(partedFlows)];
  const families = (['ip', 'ip6'] as const).flatMap((family) => planIptables(listing, family, flows));
  const others = listing.chains.filter(
    (it) => it.hook === 'forward' && it.table !== tableName && it.table !== guardTable && !isIptables(it),
  );
  return {
    commands: [...families, ...planGuard(listing, parted)],
    dropped: others.flatMap((chain) => inspect(listing, chain, flows)),
  };
}

const isIptables = (it: ListedChain): boolean => isFilterTable(it) && it.name === 'FORWARD';
const isFilterTable = (it: Pick<ListedChain, 'family' | 'table'>): boolean =>
  (it.family === 'ip' || it.family === 'ip6') && it.table === 'filter';

/** Packets that have to pass, and the rule that lets them. */
interface Flow {
  readonly what: string;
  readonly packets: readonly Packet[];
  readonly rule: readonly Json[];
  /** The same rule as nft(8) reads it. */
  readonly text: string;
  /** Whether it comes to chains of other people at the moment. */
  readonly isFiltered: boolean;
}

function flowsOf(wish: ForeignWish): Flow[] {
  const bridged = wish.bridges.flatMap((bridge) => (['ip', 'ip6'] as const).map((family) => bridgedFlow(wish, bridge, family)));
  return [...bridged, ...(wish.private === undefined ? [] : privateFlows(wish.private))];
}

function bridgedFlow(wish: ForeignWish, bridge: string, family: 'ip' | 'ip6'): Flow {
  const packet = { family, from: bridge, to: bridge, fromGroup: 0, toGroup: 0, published: false } as const;
  return {
    what: `traffic of the LAN through ${bridge}`,
    packets: [
      { ...packet, state: 'new' },
      { ...packet, state: 'established' },
    ],
    rule: [is(meta('iifname'), bridge), is(meta('oifname'), bridge)],
    text: `iifname "${bridge}" oifname "${bridge}"`,
    isFiltered: wish.bridgedIsFiltered[family],
  };
}

function privateFlows({ subnet, group, uplinks }: NonNullable<ForeignWish['private']>): Flow[] {
  const links = `${privateLinkPrefix}*`;
  const inside = { name: privateLinkPrefix, group, address: subnet.address + 2 };
  const out = uplinks.map(
    (name): Packet => ({
      family: 'ip',
      from: inside.name,
      fromGroup: group,
      source: inside.address,
      to: name,
      toGroup: 0,
      state: 'new',
      published: false,
    }),
  );
  const back = out.map((it): Packet => ({ ...it, state: 'established', published: true }));
  const turned = (it: Packet, state: Packet['state'], published: boolean): Packet => ({
    family: 'ip',
    ...(it.to === undefined ? {} : { from: it.to }),
    fromGroup: 0,
    to: inside.name,
    toGroup: group,
    target: inside.address,
    state,
    published,
  });
  const what = `traffic of the private network ${formatPrefix(subnet)}`;
  return [
    {
      what,
      packets: [...out, ...back],
      rule: [is(meta('iifname'), links), is(payload('ip', 'saddr'), prefixValue(subnet))],
      text: `iifname "${links}" ip saddr ${formatPrefix(subnet)}`,
      isFiltered: true,
    },
    {
      what,
      packets: out.flatMap((it) => [turned(it, 'new', true), turned(it, 'established', true), turned(it, 'established', false)]),
      rule: [is(meta('oifname'), links), is(payload('ip', 'daddr'), prefixValue(subnet))],
      text: `oifname "${links}" ip daddr ${formatPrefix(subnet)}`,
      isFiltered: true,
    },
  ];
}

/** A bridge of a LAN, and another one of Docker's that Docker parts it from. */
interface Parted {
  readonly bridge: string;
  readonly other: string;
}

/**
 * Docker drops what goes from one of its bridges to another. With one of its networks on the bridge of the LAN that is
 * the way from the LAN to ports that any container publishes, and the way out of every container.
 * Its first chain for that has a rule for each bridge, with a jump to the second.
 */
function partedFrom(listing: Listing, bridge: string): readonly string[] {
  const rules = rulesIn(listing, 'ip').filter(
    (it) => it.chain === 'DOCKER-ISOLATION-STAGE-1' && jumpsTo(it, 'DOCKER-ISOLATION-STAGE-2'),
  );
  const bridges = rules.flatMap((it) => it.expr.flatMap((part) => comesFrom(part) ?? []));
  return bridges.includes(bridge) ? [...new Set(bridges)].filter((it) => it !== bridge).sort() : [];
}

/** `iifname NAME` */
function comesFrom(part: Json): string | undefined {
  const { right } = matchOf(part) ?? {};
  return typeof right === 'string' && JSON.stringify(part) === JSON.stringify(is(meta('iifname'), right)) ? right : undefined;
}

const matchOf = (part: Json): { readonly right?: Json } | undefined =>
  // A cast: that is what nft writes for a match, and nothing else has this key.
  typeof part === 'object' && part !== null && 'match' in part ? (part.match as { readonly right?: Json }) : undefined;

/** What passed before: all that comes from the other bridge, and of what comes from the LAN, see the guard, the rest. */
function partedFlows({ bridge, other }: Parted): Flow[] {
  const way = (from: string, to: string, packets: readonly Pick<Packet, 'state' | 'published'>[]): Flow => ({
    what: `traffic of ${other} through ${bridge}`,
    packets: packets.map((it) => ({ family: 'ip', from, to, fromGroup: 0, toGroup: 0, ...it })),
    rule: [is(meta('iifname'), from), is(meta('oifname'), to)],
    text: `iifname "${from}" oifname "${to}"`,
    isFiltered: true,
  });
  const answers = { state: 'established', published: false } as const;
  return [
    way(other, bridge, [{ state: 'new', published: false }, answers]),
    way(bridge, other, [{ state: 'new', published: true }, answers]),
  ];
}

/**
 * A table that drops what Docker would: of what comes from the LAN to another bridge, all but answers and what leads
 * through a published port. It has to be a table of its own, since `iptables` cannot show such rules in its own.
 */
const guardTable = 'landline_docker';

function planGuard(listing: Listing, parted: readonly Parted[]): Command[] {
  const place = { family: 'ip', table: guardTable };
  const there = listing.rules.filter((it) => it.family === 'ip' && it.table === guardTable);
  const table = { table: { family: 'ip', name: guardTable } };
  const isThere = listing.chains.some((it) => it.family === 'ip' && it.table === guardTable);
  if (parted.length === 0) return isThere ? [{ delete: table }] : [];
  const rules = parted.map(({ bridge, other }) => [is(meta('iifname'), bridge), is(meta('oifname'), other)]);
  const drops = there.filter((it) => it.expr.some((part) => JSON.stringify(part) === JSON.stringify(drop)));
  const isSame = JSON.stringify(drops.map((it) => matchesOf(it.expr))) === JSON.stringify(rules.map(matchesOf));
  if (isSame && there.length === drops.length + passing.length) return [];
  const chain = { ...place, name: 'forward', type: 'filter', hook: 'forward', prio: -5, policy: 'accept' };
  return [
    { add: table },
    { delete: table },
    { add: table },
    { add: { chain } },
    ...[...passing, ...rules.map((it) => [...it, drop])].map((expr) => ({ add: { rule: { ...place, chain: 'forward', expr } } })),
  ];
}

const passing: readonly (readonly Json[])[] = [
  [has(ct('state'), ['established', 'related']), accept],
  [has(ct('status'), 'dnat'), accept],
];

const isJumpToUs = (it: ListedRule): boolean => jumpsTo(it, ourChain);
const jumpsTo = (it: ListedRule, chain: string): boolean =>
  it.expr.some((part) => JSON.stringify(part) === JSON.stringify(jump(chain)));

/** Somebody else's chain: what of ours does it drop now? */
function inspect(listing: Listing, chain: ListedChain, flows: readonly Flow[]): ForwardDropped[] {
  const passes = (packet: Packet): boolean =>
    !concerns(chain, packet) || fateOf(listing, chain, packet, () => false) === 'accept';
  const dropped = flows.filter((flow) => flow.isFiltered && !flow.packets.every(passes));
  const name = `${chain.family} ${chain.table} ${chain.name}`;
  return [...new Set(dropped.map((it) => it.what))].map((what) => {
    const texts = new Set(dropped.filter((it) => it.what === what).map((it) => it.text));
    return { chain: name, what, rules: [...texts].map((text) => `nft insert rule ${name} ${text} accept`) };
  });
}

const concerns = (chain: ListedChain, packet: Packet): boolean => chain.family === 'inet' || chain.family === packet.family;

/** The chain FORWARD of iptables or ip6tables: ours is in it where it would drop something of ours, and only there. */
function planIptables(listing: Listing, family: 'ip' | 'ip6', flows: readonly Flow[]): Command[] {
  const forward = listing.chains.find((it) => it.family === family && isIptables(it));
  const mine = flows.filter((flow) => flow.packets.some((it) => it.family === family));
  if (forward === undefined) return leave(listing, family);
  const packets = mine.flatMap((flow) => flow.packets);
  const drops = (skip: (rule: ListedRule) => boolean): boolean =>
    packets.some((it) => fateOf(listing, forward, it, skip) === 'drop');
  if (!drops(isJumpToUs)) return leave(listing, family);
  return enter(
    listing,
    family,
    mine.map((it) => it.rule),
    !drops(() => false),
  );
}

const ourPlace = (family: string): { readonly family: string; readonly table: string } => ({ family, table: 'filter' });
const rulesIn = (listing: Listing, family: string): ListedRule[] =>
  listing.rules.filter((it) => it.family === family && it.table === 'filter');

function leave(listing: Listing, family: string): Command[] {
  const isThere = listing.chains.some((it) => it.family === family && isFilterTable(it) && it.name === ourChain);
  const chain = { chain: { ...ourPlace(family), name: ourChain } };
  return [...removeJumps(listing, family), ...(isThere ? [{ flush: chain }, { delete: chain }] : [])];
}

function removeJumps(listing: Listing, family: string): Command[] {
  const jumps = rulesIn(listing, family).filter(isJumpToUs);
  return jumps.map((it) => ({ delete: { rule: { ...ourPlace(family), chain: it.chain, handle: it.handle } } }));
}

/** @param passes whether, with us in there, everything gets through */
function enter(listing: Listing, family: string, rules: readonly (readonly Json[])[], passes: boolean): Command[] {
  const from = entrance(listing, family);
  const jumps = rulesIn(listing, family).filter(isJumpToUs);
  const there = rulesIn(listing, family).filter((it) => it.chain === ourChain);
  const isInPlace = jumps.length === 1 && jumps[0]?.chain === from;
  const isSame = JSON.stringify(there.map((it) => matchesOf(it.expr))) === JSON.stringify(rules.map(matchesOf));
  if (isInPlace && isSame && passes) return [];
  const chain = { chain: { ...ourPlace(family), name: ourChain } };
  return [
    { add: chain },
    { flush: chain },
    ...rules.map((rule): Command => add(family, ourChain, [...rule, counter, accept])),
    ...removeJumps(listing, family),
    { insert: ruleFor(family, from, [counter, jump(ourChain)]) },
  ];
}

const add = (family: string, chain: string, expr: readonly Json[]): Command => ({ add: ruleFor(family, chain, expr) });

const ruleFor = (family: string, chain: string, expr: readonly Json[]): Record<string, Json> => ({
  rule: { ...ourPlace(family), chain, expr, comment: 'landline' },
});

/** In an order of our own: `iptables-restore` has another. */
function matchesOf(expr: readonly Json[]): string[] {
  const matches = expr.filter((it) => typeof it === 'object' && it !== null && 'match' in it);
  return matches.map((it) => JSON.stringify(it)).sort();
}

/** DOCKER-USER is asked first, and Docker never changes it. */
function entrance(listing: Listing, family: string): string {
  const isUsed = rulesIn(listing, family).some((it) => it.chain === 'FORWARD' && jumpsTo(it, 'DOCKER-USER'));
  return isUsed ? 'DOCKER-USER' : 'FORWARD';
}
