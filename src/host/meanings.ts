/** rtnetlink messages → what they mean to Landline. */
import { zeroMac } from '../net/mac.ts';
import type { AddressMessage } from '../wire/netlink/address.ts';
import { IFF_LOWER_UP, IFF_UP, type LinkMessage } from '../wire/netlink/link.ts';
import {
  type NeighbourMessage,
  NUD_FAILED,
  NUD_NOARP,
  NUD_PERMANENT,
  NUD_REACHABLE,
  NUD_STALE,
} from '../wire/netlink/neighbour.ts';
import { type RouteMessage, RT_TABLE_MAIN, RTPROT_BOOT, RTPROT_KERNEL, RTPROT_STATIC } from '../wire/netlink/route.ts';
import { FR_ACT_TO_TBL, type RuleMessage } from '../wire/netlink/rule.ts';
import type { ForwardingEntry, Link, LinkAddress, Neighbour, Route, Rule } from './index.ts';

const portStates = ['disabled', 'listening', 'learning', 'forwarding', 'blocking'] as const;

/** An object without its undefined fields, as exact optional properties want it. */
type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
function defined<T extends object>(it: T): Defined<T> {
  const kept: Defined<T> = {};
  for (const key of Object.keys(it) as (keyof T)[]) {
    // Its own keys, and a value that is there.
    if (it[key] !== undefined) kept[key] = it[key] as Exclude<T[keyof T], undefined>;
  }
  return kept;
}

export function toLink(message: LinkMessage): Link {
  const { attributes } = message;
  const info = attributes.nested('IFLA_LINKINFO');
  // The second is where family AF_BRIDGE has it.
  const port = info?.nested('IFLA_INFO_SLAVE_DATA') ?? attributes.nested('IFLA_PROTINFO');
  const portState = port?.number('IFLA_BRPORT_STATE');
  return {
    index: message.index,
    name: attributes.text('IFLA_IFNAME') ?? '',
    mac: attributes.text('IFLA_ADDRESS') ?? zeroMac,
    mtu: attributes.number('IFLA_MTU') ?? 0,
    up: (message.flags & IFF_UP) !== 0,
    carrier: (message.flags & IFF_LOWER_UP) !== 0,
    group: attributes.number('IFLA_GROUP') ?? 0,
    ...defined({
      kind: info?.text('IFLA_INFO_KIND'),
      alias: attributes.text('IFLA_IFALIAS'),
      permanentMac: attributes.text('IFLA_PERM_ADDRESS'),
      controller: attributes.number('IFLA_MASTER'),
      peer: attributes.number('IFLA_LINK'),
      portState: portState === undefined ? undefined : portStates[portState],
    }),
  };
}

export function toLinkAddress(message: AddressMessage): LinkAddress | undefined {
  const address = message.attributes.number('IFA_LOCAL') ?? message.attributes.number('IFA_ADDRESS');
  return address === undefined ? undefined : { link: message.link, address: { address, length: message.prefixLength } };
}

/** By RTPROT_*. */
export const protocols = new Map<number, NonNullable<Route['protocol']>>([
  [RTPROT_KERNEL, 'kernel'],
  [RTPROT_BOOT, 'boot'],
  [RTPROT_STATIC, 'static'],
]);

export function toRoute(message: RouteMessage): Route {
  const { attributes } = message;
  const table = attributes.number('RTA_TABLE') ?? message.table;
  return {
    ...(table === RT_TABLE_MAIN ? {} : { table }),
    to: { address: attributes.number('RTA_DST') ?? 0, length: message.toLength },
    metric: attributes.number('RTA_PRIORITY') ?? 0,
    protocol: protocols.get(message.protocol) ?? 'other',
    ...defined({
      via: attributes.number('RTA_GATEWAY'),
      link: attributes.number('RTA_OIF'),
      source: attributes.number('RTA_PREFSRC'),
    }),
  };
}

/** What of a rule but these can differ, and then it is another kind of rule. */
const plain = ['FRA_SRC', 'FRA_TABLE', 'FRA_PRIORITY', 'FRA_PROTOCOL', 'FRA_SUPPRESS_PREFIXLEN'];

/** Whether a rule asks for nothing but the source. @param isSource of an attribute that the schemas keep as bytes */
export function isPlainRule(message: RuleMessage, isSource: (type: number) => boolean = () => false): boolean {
  const { attributes, action, flags, toLength, tos } = message;
  const isPlain = attributes.decoded().every((it) => ('name' in it ? plain.includes(it.name) : isSource(it.type)));
  const suppresses = attributes.number('FRA_SUPPRESS_PREFIXLEN') ?? 0xffff_ffff;
  return action === FR_ACT_TO_TBL && flags === 0 && toLength === 0 && tos === 0 && isPlain && suppresses === 0xffff_ffff;
}

/** Undefined for one that asks for more than the source. */
export function toRule(message: RuleMessage): Rule | undefined {
  if (!isPlainRule(message)) return undefined;
  const { attributes, fromLength } = message;
  const address = attributes.number('FRA_SRC');
  return {
    table: attributes.number('FRA_TABLE') ?? message.table,
    priority: attributes.number('FRA_PRIORITY') ?? 0,
    ...(address === undefined ? {} : { from: { address, length: fromLength } }),
  };
}

const neighbourStates: readonly (readonly [bit: number, state: Neighbour['state']])[] = [
  [NUD_PERMANENT, 'permanent'],
  [NUD_REACHABLE, 'reachable'],
  [NUD_STALE, 'stale'],
  [NUD_FAILED, 'failed'],
];

export function toNeighbour(message: NeighbourMessage): Neighbour | undefined {
  const address = message.attributes.number('NDA_DST');
  if (address === undefined || (message.state & NUD_NOARP) !== 0) return undefined;
  const state = neighbourStates.find(([bit]) => (message.state & bit) !== 0)?.[1] ?? 'other';
  return { link: message.link, address, state, ...defined({ mac: message.attributes.text('NDA_LLADDR') }) };
}

export function toForwardingEntry(message: NeighbourMessage): ForwardingEntry | undefined {
  const mac = message.attributes.text('NDA_LLADDR');
  return mac === undefined ? undefined : { port: message.link, mac, permanent: (message.state & NUD_PERMANENT) !== 0 };
}
