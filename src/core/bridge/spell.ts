/**
 * What stands in the kernel's tables, as the `ip` commands that put it there (ip-address(8), ip-route(8), ip-rule(8),
 * ip-neighbour(8)). What cannot be said so is undefined: then there would be no way back.
 */
import type { AddressMessage } from '../../wire/netlink/address.ts';
import type { AttributeList } from '../../wire/netlink/attribute.ts';
import { type NeighbourMessage, NUD_PERMANENT } from '../../wire/netlink/neighbour.ts';
import type { RouteMessage } from '../../wire/netlink/route.ts';
import type { RuleMessage } from '../../wire/netlink/rule.ts';
import { addressText, macText, numberAt, numberOf, rawOf, textOf, typesOf } from './raw.ts';

/** How a time that runs out is written: as it is now, or as what will be left of it. */
export type SpellTime = (seconds: number) => string;
const asItIs: SpellTime = String;

const forever = 0xffffffff;
const words = (...parts: readonly (string | undefined)[]): string =>
  parts.filter((it) => it !== undefined && it !== '').join(' ');
const option = (name: string, value: string | number | undefined): string | undefined =>
  value === undefined ? undefined : `${name} ${value}`;
const family = (of: number): string => (of === 10 ? 'ip -6' : 'ip');
const addressOf = (list: AttributeList, type: number): string | undefined => {
  const bytes = rawOf(list, type);
  return bytes === undefined ? undefined : addressText(bytes);
};

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_LABEL = 3;
const IFA_BROADCAST = 4;
const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;
const IFA_RT_PRIORITY = 9;

/** Flags of an address that somebody wished for; the others are the kernel's to say. */
const wishedFlags: readonly (readonly [flag: number, word: string])[] = [
  [0x2, 'nodad'],
  [0x10, 'home'],
  [0x100, 'mngtmpaddr'],
  [0x200, 'noprefixroute'],
  [0x400, 'autojoin'],
];
export const wishedFlagMask = wishedFlags.reduce((mask, [flag]) => mask | flag, 0);

/** `ip address add 192.168.11.20/23 broadcast 192.168.11.255 dev ens33`; `label` is renamed with the link. */
export function spellAddress(
  it: AddressMessage,
  link: string,
  renamed: (label: string) => string,
  time: SpellTime = asItIs,
): string {
  const { attributes: list, prefixLength } = it;
  const [local, peer] = [addressOf(list, IFA_LOCAL), addressOf(list, IFA_ADDRESS)];
  const own = local ?? peer;
  const label = textOf(list, IFA_LABEL);
  const flags = numberOf(list, IFA_FLAGS) ?? it.flags;
  const head = local !== undefined && local !== peer ? `${own} peer ${peer}/${prefixLength}` : `${own}/${prefixLength}`;
  const scopes: Readonly<Record<number, string>> = { 254: 'host', 253: 'link', 0: 'global' };
  return words(
    `${family(it.family)} address add ${head}`,
    option('broadcast', addressOf(list, IFA_BROADCAST)),
    option('dev', link),
    it.family === 2 && it.scope !== 0 ? option('scope', scopes[it.scope] ?? it.scope) : undefined,
    label === undefined || renamed(label) === link ? undefined : option('label', renamed(label)),
    ...wishedFlags.map(([flag, word]) => ((flags & flag) === 0 ? undefined : word)),
    numberOf(list, IFA_RT_PRIORITY) ? option('metric', numberOf(list, IFA_RT_PRIORITY)) : undefined,
    spellLifetimes(rawOf(list, IFA_CACHEINFO), time),
  );
}

function spellLifetimes(cache: Uint8Array | undefined, time: SpellTime): string | undefined {
  if (cache === undefined || numberAt(cache, 1) === forever) return undefined;
  const preferred = numberAt(cache, 0);
  const spell = (seconds: number): string => (seconds === forever ? 'forever' : seconds === 0 ? '0' : time(seconds));
  return `valid_lft ${spell(numberAt(cache, 1))} preferred_lft ${spell(preferred)}`;
}

const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
export const RTA_MULTIPATH = 9;
const RTA_FLOW = 11;
export const RTA_CACHEINFO = 12;
const RTA_TABLE = 15;
const RTA_VIA = 18;
const RTA_PREF = 20;
/** What {@link spellRoute} has words for, or may leave out; a route with anything else is not moved. */
const sayable = new Set([
  RTA_DST,
  RTA_SRC,
  RTA_OIF,
  RTA_GATEWAY,
  RTA_PRIORITY,
  RTA_PREFSRC,
  RTA_METRICS,
  RTA_MULTIPATH,
  RTA_CACHEINFO,
  RTA_TABLE,
  RTA_VIA,
  RTA_PREF,
]);

const routeTypes: Readonly<Record<number, string>> = {
  1: '',
  2: 'local ',
  3: 'broadcast ',
  4: 'anycast ',
  5: 'multicast ',
  6: 'blackhole ',
  7: 'unreachable ',
  8: 'prohibit ',
  9: 'throw ',
};
const protocols: Readonly<Record<number, string>> = { 1: 'redirect', 2: 'kernel', 3: 'boot', 4: 'static', 9: 'ra', 16: 'dhcp' };
const tables: Readonly<Record<number, string>> = { 253: 'default', 254: 'main', 255: 'local' };
const preferences = ['medium', 'high', undefined, 'low'];
const RTNH_F_ONLINK = 4;

/** Names of links by their index: a route may lead through several. */
export type NameOf = (index: number) => string;

/** `ip route append 10.50.0.0/24 via 192.168.11.1 dev ens33 table 100 proto static metric 50`; undefined for what `ip` cannot say. */
export function spellRoute(
  it: RouteMessage,
  nameOf: NameOf,
  verb: 'append' | 'prepend' | 'delete' = 'append',
  time: SpellTime = asItIs,
): string | undefined {
  const list = it.attributes;
  const type = routeTypes[it.type];
  const metrics = spellMetrics(rawOf(list, RTA_METRICS));
  const hops = spellNextHops(rawOf(list, RTA_MULTIPATH), nameOf);
  if (type === undefined || metrics === undefined || hops === undefined || typesOf(list).some((at) => !sayable.has(at)))
    return undefined;
  const to = addressOf(list, RTA_DST);
  const table = numberOf(list, RTA_TABLE) ?? it.table;
  const link = numberOf(list, RTA_OIF);
  const preference = numberOf(list, RTA_PREF);
  const expires = expiryOf(it);
  return words(
    `${family(it.family)} route ${verb} ${type}${to === undefined ? 'default' : `${to}/${it.toLength}`}`,
    it.fromLength > 0 ? `from ${addressOf(list, RTA_SRC)}/${it.fromLength}` : undefined,
    it.tos === 0 ? undefined : option('tos', `0x${it.tos.toString(16)}`),
    option('via', addressOf(list, RTA_GATEWAY)),
    spellVia(rawOf(list, RTA_VIA)),
    link === undefined || hops !== '' ? undefined : option('dev', nameOf(link)),
    table === 254 ? undefined : option('table', tables[table] ?? table),
    option('proto', protocols[it.protocol] ?? it.protocol),
    it.family === 2 && it.scope !== 0 ? option('scope', { 254: 'host', 253: 'link' }[it.scope] ?? it.scope) : undefined,
    option('src', addressOf(list, RTA_PREFSRC)),
    option('metric', numberOf(list, RTA_PRIORITY)),
    metrics,
    (it.flags & RTNH_F_ONLINK) === 0 ? undefined : 'onlink',
    preference === undefined ? undefined : option('pref', preferences[preference]),
    expires === undefined ? undefined : option('expires', time(expires)),
    hops,
  );
}

/** Seconds until an IPv6 route ends (rta_expires of RTA_CACHEINFO, in hundredths); undefined where it does not. */
export function expiryOf(it: RouteMessage): number | undefined {
  const cache = rawOf(it.attributes, RTA_CACHEINFO);
  if (it.family !== 10 || cache === undefined || cache.length < 12) return undefined;
  const hundredths = numberAt(cache, 2) | 0;
  return hundredths > 0 ? Math.ceil(hundredths / 100) : undefined;
}

const metricNames: Readonly<Record<number, string>> = {
  2: 'mtu',
  3: 'window',
  6: 'ssthresh',
  7: 'cwnd',
  8: 'advmss',
  9: 'reordering',
  10: 'hoplimit',
  11: 'initcwnd',
  14: 'initrwnd',
  15: 'quickack',
};

/** Attributes within an attribute: number and value each. Undefined for one that has no word. */
function spellMetrics(bytes: Uint8Array | undefined): string | undefined {
  const all = [...attributesIn(bytes ?? new Uint8Array())];
  const locked = all.find(([type]) => type === 1)?.[1];
  const parts: string[] = [];
  for (const [type, value] of all) {
    const name = metricNames[type];
    if (type === 1) continue;
    if (type === 16) parts.push(`congctl ${new TextDecoder().decode(value).replace(/\0+$/, '')}`);
    else if (name === undefined) return undefined;
    else parts.push(`${name}${isLocked(locked, type) ? ' lock' : ''} ${numberAt(value, 0)}`);
  }
  return parts.join(' ');
}

const isLocked = (mask: Uint8Array | undefined, type: number): boolean =>
  mask !== undefined && (numberAt(mask, 0) & (1 << type)) !== 0;

function* attributesIn(bytes: Uint8Array): Generator<readonly [type: number, value: Uint8Array]> {
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    if (length < 4) return;
    yield [((bytes[at + 2] ?? 0) | ((bytes[at + 3] ?? 0) << 8)) & 0x3fff, bytes.subarray(at + 4, at + length)];
    at += (length + 3) & ~3;
  }
}

/** A gateway of the other family: its family in two bytes, then the address. */
const spellVia = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : `via ${bytes[0] === 10 ? 'inet6' : 'inet'} ${addressText(bytes.subarray(2))}`;

/** One way of a route that has several (struct rtnexthop): bytes from `at` to `end`. */
export interface NextHop {
  readonly at: number;
  readonly end: number;
  readonly link: number;
}

export function nextHopsIn(bytes: Uint8Array): readonly NextHop[] {
  const found: NextHop[] = [];
  for (let at = 0; at + 8 <= bytes.length; ) {
    const length = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    if (length < 8) break;
    found.push({ at, end: at + length, link: numberAt(bytes.subarray(at + 4), 0) });
    at += (length + 3) & ~3;
  }
  return found;
}

/** Undefined for a way that is more than a gateway, a link and a weight. */
function spellNextHops(bytes: Uint8Array | undefined, nameOf: NameOf): string | undefined {
  if (bytes === undefined) return '';
  const ways = nextHopsIn(bytes).map(({ at, end, link }) => {
    const inside = new Map(attributesIn(bytes.subarray(at + 8, end)));
    if ([...inside.keys()].some((it) => it !== RTA_GATEWAY && it !== RTA_VIA && it !== RTA_FLOW)) return undefined;
    const gateway = inside.get(RTA_GATEWAY);
    const onlink = ((bytes[at + 2] ?? 0) & RTNH_F_ONLINK) === 0 ? undefined : 'onlink';
    return words(
      'nexthop',
      gateway === undefined ? spellVia(inside.get(RTA_VIA)) : `via ${addressText(gateway)}`,
      `dev ${nameOf(link)}`,
      `weight ${(bytes[at + 3] ?? 0) + 1}`,
      onlink,
    );
  });
  return ways.includes(undefined) ? undefined : ways.join(' ');
}

const FRA_DST = 1;
const FRA_SRC = 2;
export const FRA_IIFNAME = 3;
const FRA_GOTO = 4;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_SUPPRESS_PREFIXLEN = 14;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
export const FRA_OIFNAME = 17;
const FRA_PROTOCOL = 21;
const FRA_IP_PROTO = 22;
const sayableOfRules = new Set([
  FRA_DST,
  FRA_SRC,
  FRA_IIFNAME,
  FRA_GOTO,
  FRA_PRIORITY,
  FRA_FWMARK,
  FRA_SUPPRESS_PREFIXLEN,
  FRA_TABLE,
  FRA_FWMASK,
  FRA_OIFNAME,
  FRA_PROTOCOL,
  FRA_IP_PROTO,
]);
const FIB_RULE_INVERT = 2;

/** `ip rule add from 192.168.30.0/24 iif ens33 lookup 100 priority 1000`; undefined for what `ip` cannot say. */
export function spellRule(
  it: RuleMessage,
  renamed: (link: string) => string,
  verb: 'add' | 'delete' = 'add',
): string | undefined {
  const list = it.attributes;
  const action = actionOf(it);
  if (action === undefined || typesOf(list).some((at) => !sayableOfRules.has(at))) return undefined;
  const name = (type: number): string | undefined => {
    const link = textOf(list, type);
    return link === undefined ? undefined : renamed(link);
  };
  const mark = numberOf(list, FRA_FWMARK);
  const suppressed = numberOf(list, FRA_SUPPRESS_PREFIXLEN);
  const prefix = (type: number, length: number): string | undefined =>
    length === 0 ? undefined : `${addressOf(list, type)}/${length}`;
  return words(
    `${family(it.family)} rule ${verb}`,
    (it.flags & FIB_RULE_INVERT) === 0 ? undefined : 'not',
    option('from', prefix(FRA_SRC, it.fromLength)),
    option('to', prefix(FRA_DST, it.toLength)),
    it.tos === 0 ? undefined : option('tos', `0x${it.tos.toString(16)}`),
    mark === undefined || mark === 0
      ? undefined
      : option('fwmark', `0x${mark.toString(16)}/0x${(numberOf(list, FRA_FWMASK) ?? forever).toString(16)}`),
    option('iif', name(FRA_IIFNAME)),
    option('oif', name(FRA_OIFNAME)),
    option('ipproto', numberOf(list, FRA_IP_PROTO)),
    option('priority', numberOf(list, FRA_PRIORITY)),
    numberOf(list, FRA_PROTOCOL) ? option('protocol', numberOf(list, FRA_PROTOCOL)) : undefined,
    action,
    suppressed === undefined || suppressed === forever ? undefined : option('suppress_prefixlength', suppressed),
  );
}

function actionOf(it: RuleMessage): string | undefined {
  const table = numberOf(it.attributes, FRA_TABLE) ?? it.table;
  const actions: Readonly<Record<number, string>> = {
    1: `lookup ${tables[table] ?? table}`,
    2: `goto ${numberOf(it.attributes, FRA_GOTO) ?? 0}`,
    3: 'nop',
    6: 'blackhole',
    7: 'unreachable',
    8: 'prohibit',
  };
  return actions[it.action];
}

const NDA_DST = 1;
const NDA_LLADDR = 2;
const NTF_PROXY = 0x8;
const NTF_ROUTER = 0x80;

/** `ip neighbour replace 192.168.11.1 lladdr 52:54:00:00:00:01 dev ens33 nud stale`; undefined where there is no MAC to tell. */
export function spellNeighbour(it: NeighbourMessage, link: string): string | undefined {
  const address = addressOf(it.attributes, NDA_DST);
  const mac = rawOf(it.attributes, NDA_LLADDR);
  if (address === undefined) return undefined;
  if ((it.flags & NTF_PROXY) !== 0) return `${family(it.family)} neighbour replace proxy ${address} dev ${link}`;
  if (mac === undefined) return undefined;
  const state = (it.state & NUD_PERMANENT) === 0 ? 'stale' : 'permanent';
  return words(
    `${family(it.family)} neighbour replace ${address} lladdr ${macText(mac)} dev ${link} nud ${state}`,
    (it.flags & NTF_ROUTER) === 0 ? undefined : 'router',
  );
}
