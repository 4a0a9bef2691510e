/**
 * The tables `landline`: NAT outwards, published ports, isolation, and a host that does not become a router.
 *
 * Isolation is by routing: each sandbox has a link of its own to the host, and all those links are in one link group,
 * so that no rule names one of them. Ports live in maps, so that each costs as much as any other, and one lookup.
 *
 * nft below 1.0.7 cannot read a map to `address . port` from JSON: there are two maps for it, one for each half.
 */
import { prefix } from '../../net/prefix.ts';
import {
  accept,
  addressValue,
  type Command,
  concat,
  ct,
  drop,
  type Family,
  fib,
  has,
  is,
  isNot,
  type Json,
  lookup,
  masquerade,
  meta,
  payload,
  prefixValue,
  rejectUnreachable,
} from './expressions.ts';
import { type PrivateWish, privateGateway } from './wish.ts';

export const tableName = 'landline';

/** The bit of the packet mark that says, from the bridge's forward hook to ours, that a frame is bridged and not routed. */
const bridgedBit = 0x0800_0000;

const source = payload('ip', 'saddr');
const target = payload('ip', 'daddr');
const port = [meta('l4proto'), payload('th', 'dport')] as const;
const loopback = prefixValue(prefix('127.0.0.0/8'));
/** To what was sent from inside: a way that was open for a moment before these rules stood is none afterwards. */
const answers = [has(ct('state'), ['established', 'related']), is(ct('direction'), 'reply')] as const;
/** Its way leads through a published port: both directions, and ICMP errors about it. */
const isPublished = has(ct('status'), 'dnat');

/** Everything but the elements of maps and sets: it changes with the subnet and the installation alone. */
export function skeleton(wish: PrivateWish): Command[] {
  return [
    ...removeTables,
    addTable('ip'),
    addMap('addresses', ['inet_proto', 'inet_service'], 'ipv4_addr'),
    addMap('ports', ['inet_proto', 'inet_service'], 'inet_service'),
    addMap('addresses_on', ['ipv4_addr', 'inet_proto', 'inet_service'], 'ipv4_addr'),
    addMap('ports_on', ['ipv4_addr', 'inet_proto', 'inet_service'], 'inet_service'),
    { add: { set: { family: 'ip', table: tableName, name: 'guarded', type: 'ifname' } } },
    ...addChain('raw', { type: 'filter', hook: 'prerouting', prio: -300 }, keepLoopback(wish)),
    ...addChain('prerouting', { type: 'nat', hook: 'prerouting', prio: -100 }, publish),
    ...addChain('output', { type: 'nat', hook: 'output', prio: -100 }, publish),
    ...addChain('postrouting', { type: 'nat', hook: 'postrouting', prio: 100 }, translateSource(wish)),
    ...addChain('forward', { type: 'filter', hook: 'forward', prio: -300 }, forward(wish)),
    ...(wish.guarded.length === 0 ? [] : [addTable('bridge'), ...markBridged]),
  ];
}

/** Takes the tables away, whether they are there or not. */
export const removeTables: readonly Command[] = (['ip', 'bridge'] as const).flatMap((family) => [
  addTable(family),
  { delete: { table: { family, name: tableName } } },
]);

function addTable(family: Family): Command {
  return { add: { table: { family, name: tableName } } };
}

function addMap(name: string, type: readonly string[], to: string): Command {
  return { add: { map: { family: 'ip', table: tableName, name, type, map: to } } };
}

interface Hook {
  readonly type: string;
  readonly hook: string;
  readonly prio: number;
}

type Rules = readonly (readonly Json[])[];

function addChain(name: string, hook: Hook, rules: Rules, family: Family = 'ip'): Command[] {
  return [
    { add: { chain: { family, table: tableName, name, ...hook, policy: 'accept' } } },
    ...rules.map((expr): Command => ({ add: { rule: { family, table: tableName, chain: name, expr } } })),
  ];
}

/**
 * The host's ends of private links have route_localnet, so that the host reaches published ports at 127.0.0.1: what is
 * to or from 127.0.0.0/8 and was not sent by the host itself stops here. A sandbox speaks from its own address alone.
 */
function keepLoopback({ group }: PrivateWish): Rules {
  const arrived = isNot(meta('iif'), 'lo');
  return [
    [arrived, is(target, loopback), drop],
    [arrived, is(source, loopback), drop],
    [is(meta('iifgroup'), group), is(fib('oif', 'saddr', 'iif'), false), drop],
  ];
}

/** A published port answers on every address of the host, or on its one. */
const publish: Rules = [
  [is(fib('type', 'daddr'), 'local'), translate([target, ...port], '_on')],
  [is(fib('type', 'daddr'), 'local'), translate(port, '')],
];

function translate(key: readonly Json[], suffix: string): Json {
  return { dnat: { addr: lookup(concat(...key), `addresses${suffix}`), port: lookup(concat(...key), `ports${suffix}`) } };
}

/**
 * Sandboxes go out as the host. Through a published port they come as the gateway, also to themselves: the answer
 * would not find its way back otherwise. So does the host from 127.0.0.1, which is nobody's address elsewhere.
 */
function translateSource({ subnet, group }: PrivateWish): Rules {
  const fromSandbox = [is(source, prefixValue(subnet)), isNot(source, addressValue(privateGateway(subnet)))];
  return [
    [...fromSandbox, isNot(meta('oifgroup'), group), masquerade],
    [...fromSandbox, isPublished, masquerade],
    [is(source, loopback), is(meta('oifgroup'), group), masquerade],
  ];
}

/** It comes before all other chains, so that the mark of bridged frames is gone when they look. */
function forward({ subnet, group, guarded }: PrivateWish): Rules {
  const fromUs = is(meta('iifgroup'), group);
  const toUs = is(meta('oifgroup'), group);
  const comesInGuarded = is(meta('iifname'), '@guarded');
  const isBridged = is({ '&': [meta('mark'), bridgedBit] }, bridgedBit);
  const keepFromRouting: Rules = [
    [isBridged, { mangle: { key: meta('mark'), value: unmarked } }, accept],
    [comesInGuarded, ...answers, accept],
    [comesInGuarded, isPublished, accept],
    [comesInGuarded, drop],
  ];
  return [
    [toUs, isPublished, accept],
    [fromUs, toUs, rejectUnreachable],
    [toUs, ...answers, accept],
    [toUs, rejectUnreachable],
    [fromUs, is(target, prefixValue(subnet)), rejectUnreachable],
    ...(guarded.length === 0 ? [] : keepFromRouting),
  ];
}

const unmarked: Json = { '&': [meta('mark'), 0xffff_ffff - bridgedBit] };

/**
 * br_netfilter shows bridged frames to the chains of routed packets, the same link in and out, as a packet looks that
 * is routed back to where it came from. Only the bridge knows. The second chain runs after br_netfilter (priority 0).
 */
const markBridged: readonly Command[] = [
  ...addChain(
    'bridged',
    { type: 'filter', hook: 'forward', prio: -200 },
    [[{ mangle: { key: meta('mark'), value: { '|': [meta('mark'), bridgedBit] } } }]],
    'bridge',
  ),
  ...addChain(
    'forget',
    { type: 'filter', hook: 'forward', prio: 10 },
    [[{ mangle: { key: meta('mark'), value: unmarked } }]],
    'bridge',
  ),
];
