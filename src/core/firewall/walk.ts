/**
 * The way of one packet through one base chain of somebody's firewall: is it let through?
 *
 * What cannot be told (a match of iptables that nft only names, a named set) is taken as not matching: a chain that
 * drops whatever it does not know drops it then, and one that accepts accepts it.
 */

import { type Ipv4, parseIpv4 } from '../../net/ipv4.ts';
import { containsAddress, parsePrefix } from '../../net/prefix.ts';
import type { Json } from './expressions.ts';
import type { ListedChain, ListedRule, Listing } from './listing.ts';

/** What is known of the packet. */
export interface Packet {
  readonly family: 'ip' | 'ip6';
  /** Names of the links it comes in and goes out by. */
  readonly from?: string;
  readonly to?: string;
  /** Groups of these links. */
  readonly fromGroup?: number;
  readonly toGroup?: number;
  readonly source?: Ipv4;
  readonly target?: Ipv4;
  readonly state: 'new' | 'established';
  /** Its way leads through a published port. */
  readonly published: boolean;
}

export type Fate = 'accept' | 'drop';

/** Where a chain was left: with a decision, or by its end. */
type Leaving = Fate | 'return';

/** Deeper than this no kernel lets chains jump (NFT_JUMP_STACK_SIZE). */
const mostJumps = 16;

/** @param skip rules that are to be looked over as if they were not there */
export function fateOf(listing: Listing, base: ListedChain, packet: Packet, skip: (rule: ListedRule) => boolean): Fate {
  const leaving = walk({ listing, base, packet, skip }, base.name, 0);
  return leaving === 'return' ? (base.policy === 'drop' ? 'drop' : 'accept') : leaving;
}

interface Way {
  readonly listing: Listing;
  readonly base: ListedChain;
  readonly packet: Packet;
  readonly skip: (rule: ListedRule) => boolean;
}

function walk(way: Way, chain: string, depth: number): Leaving {
  const { base, listing, skip } = way;
  const rules = listing.rules.filter((it) => it.family === base.family && it.table === base.table && it.chain === chain);
  for (const rule of rules) {
    if (skip(rule) || depth > mostJumps) continue;
    const leaving = follow(way, rule.expr, depth);
    if (leaving !== undefined) return leaving;
  }
  return 'return';
}

/** A rule's statements in their order; undefined: on to the next rule. */
function follow(way: Way, expr: readonly Json[], depth: number): Leaving | undefined {
  for (const statement of expr) {
    const [kind, it] = entryOf(statement);
    const leaving = verdict(way, kind, it, depth);
    if (leaving === 'no match') return undefined;
    if (leaving !== undefined) return leaving;
  }
  return undefined;
}

function verdict(way: Way, kind: string, it: Json, depth: number): Leaving | 'no match' | undefined {
  switch (kind) {
    case 'accept':
    case 'drop':
    case 'return':
      return kind;
    case 'reject':
      return 'drop';
    case 'jump': {
      const leaving = walk(way, targetOf(it), depth + 1);
      return leaving === 'return' ? undefined : leaving;
    }
    case 'goto':
      return walk(way, targetOf(it), depth + 1);
    case 'match':
      return matches(it, way.packet) === true ? undefined : 'no match';
    case 'vmap':
      return mapped(way, it, depth);
    case 'xt':
      return extension(it);
    case 'limit':
    case 'queue':
      return 'no match';
    default:
      return undefined;
  }
}

/** An extension of iptables: nft tells its name alone. */
function extension(it: Json): Leaving | 'no match' | undefined {
  const name = part(it, 'name');
  if (part(it, 'type') === 'target') return name === 'REJECT' || name === 'DROP' ? 'drop' : undefined;
  return name === 'comment' ? undefined : 'no match';
}

/** `ct state vmap { established : accept, … }` */
function mapped(way: Way, it: Json, depth: number): Leaving | 'no match' | undefined {
  const pairs = part(part(it, 'data'), 'set');
  if (!Array.isArray(pairs)) return 'no match';
  for (const pair of pairs) {
    if (!Array.isArray(pair) || matchesValue(valuesOf(part(it, 'key') ?? null, way.packet), pair[0] ?? null) !== true) continue;
    const [kind, inner] = entryOf(pair[1] ?? null);
    return verdict(way, kind, inner, depth);
  }
  return 'no match';
}

/** undefined: it cannot be told. */
function matches(it: Json, packet: Packet): boolean | undefined {
  const found = matchesValue(valuesOf(part(it, 'left') ?? null, packet), part(it, 'right') ?? null);
  return found === undefined ? undefined : found === (part(it, 'op') !== '!=');
}

type Value = string | number;

/** The packet's value of `meta iifname`, `ip saddr`, …; several for flags. */
function valuesOf(left: Json, packet: Packet): readonly Value[] | undefined {
  const one = (value: Value | undefined): readonly Value[] | undefined => (value === undefined ? undefined : [value]);
  switch (describe(left)) {
    case 'meta iifname':
    case 'meta iif':
      return one(packet.from);
    case 'meta oifname':
    case 'meta oif':
      return one(packet.to);
    case 'meta iifgroup':
      return one(packet.fromGroup);
    case 'meta oifgroup':
      return one(packet.toGroup);
    case 'meta nfproto':
      return one(packet.family === 'ip' ? 'ipv4' : 'ipv6');
    case 'meta protocol':
      return one(packet.family);
    case 'ip saddr':
      return packet.family === 'ip' ? one(packet.source) : [];
    case 'ip daddr':
      return packet.family === 'ip' ? one(packet.target) : [];
    case 'ct state':
      return [packet.state];
    case 'ct status':
      return packet.published ? ['dnat'] : [];
    default:
      return undefined;
  }
}

/** As nft writes it: `meta iifname`, `ip saddr`, `ct state`. */
function describe(left: Json): string {
  const [kind, it] = entryOf(left);
  const words = kind === 'payload' ? [part(it, 'protocol'), part(it, 'field')] : [kind, part(it, 'key'), part(it, 'dir')];
  return words.filter((word) => word !== undefined).join(' ');
}

function matchesValue(values: readonly Value[] | undefined, right: Json): boolean | undefined {
  if (values === undefined) return undefined;
  const set = part(right, 'set');
  const choices = Array.isArray(set) ? set : Array.isArray(right) ? right : [right];
  const found = choices.map((choice) => matchesOne(values, choice));
  return found.includes(true) ? true : found.includes(undefined) ? undefined : false;
}

function matchesOne(values: readonly Value[], choice: Json): boolean | undefined {
  if (typeof choice === 'string') return choice.startsWith('@') ? undefined : values.some((value) => isAs(value, choice));
  if (typeof choice === 'number') return values.includes(choice);
  const prefix = parsePrefix(`${String(part(part(choice, 'prefix'), 'addr'))}/${String(part(part(choice, 'prefix'), 'len'))}`);
  if (prefix !== undefined) return values.some((value) => typeof value === 'number' && containsAddress(prefix, value));
  const range = part(choice, 'range');
  const [first, last] = Array.isArray(range) ? range.map((it) => (typeof it === 'string' ? parseIpv4(it) : undefined)) : [];
  if (first === undefined || last === undefined) return undefined;
  return values.some((value) => typeof value === 'number' && value >= first && value <= last);
}

/** `ll*` is every name that begins so. */
function isAs(value: Value, choice: string): boolean {
  if (typeof value === 'number') return value === parseIpv4(choice);
  return choice.endsWith('*') ? value.startsWith(choice.slice(0, -1)) : value === choice;
}

const targetOf = (it: Json): string => String(part(it, 'target'));

function part(it: Json | undefined, key: string): Json | undefined {
  // A cast, since Array.isArray does not take readonly arrays out of the union.
  return typeof it === 'object' && it !== null && !Array.isArray(it) ? (it as Readonly<Record<string, Json>>)[key] : undefined;
}

/** `{ "accept": null }` → accept and null. */
function entryOf(statement: Json): readonly [kind: string, it: Json] {
  if (typeof statement !== 'object' || statement === null || Array.isArray(statement)) return ['', null];
  return Object.entries(statement as Readonly<Record<string, Json>>)[0] ?? ['', null];
}
