/** Wishes about IPv6 → rtnetlink requests, and rtnetlink messages → what they mean. */
import { formatPrefix6 } from '../net/prefix6.ts';
import { type AddressMessage, encodeAddress, RTM_DELADDR, RTM_NEWADDR } from '../wire/netlink/address.ts';
import { attributes } from '../wire/netlink/attribute.ts';
import { AF_INET6, FRA_SRC, IFA_ADDRESS, ipv6In, RTA_DST, RTA_GATEWAY, withIpv6 } from '../wire/netlink/family6.ts';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../wire/netlink/message.ts';
import {
  encodeRoute,
  type RouteMessage,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RT_TABLE_UNSPEC,
  RTM_DELROUTE,
  RTM_NEWROUTE,
  RTN_UNICAST,
  RTPROT_STATIC,
} from '../wire/netlink/route.ts';
import { encodeRule, FR_ACT_TO_TBL, RTM_DELRULE, RTM_NEWRULE, type RuleMessage } from '../wire/netlink/rule.ts';
import { describeRule6 } from './describe.ts';
import type { LinkAddress6, Route6, Rule6 } from './index.ts';
import { isPlainRule, protocols } from './meanings.ts';
import type { Request } from './transactions.ts';

const IFA_F_NODAD = 0x02;
const IFA_F_DADFAILED = 0x08;
const IFA_F_TENTATIVE = 0x40;

export const describeAddress6 = (verb: 'add' | 'delete', it: LinkAddress6): string =>
  `ip address ${verb} ${formatPrefix6(it.address)} dev ${it.link}${verb === 'add' ? ' nodad' : ''}`;

export function describeRoute6(verb: 'replace' | 'delete', { to, via, link, table }: Route6): string {
  const [way, where] = [via === undefined ? '' : ` via ${via}`, table === undefined ? '' : ` table ${table}`];
  return `ip -6 route ${verb} ${to.length === 0 ? 'default' : formatPrefix6(to)}${way} dev ${link}${where}`;
}

function addressPayload({ link, address }: LinkAddress6, flags: number): Uint8Array {
  const list = withIpv6([[IFA_ADDRESS, address.address]], attributes({ IFA_FLAGS: flags === 0 ? undefined : flags }));
  return encodeAddress({ family: AF_INET6, prefixLength: address.length, flags, scope: 0, link, attributes: list });
}

export function addAddress6Request(it: LinkAddress6): Request {
  const payload = addressPayload(it, IFA_F_NODAD);
  return { doing: describeAddress6('add', it), type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL, payload };
}

export function deleteAddress6Request(it: LinkAddress6): Request {
  return { doing: describeAddress6('delete', it), type: RTM_DELADDR, flags: 0, payload: addressPayload(it, 0) };
}

function routePayload({ to, via, link, table }: Route6, deleting: boolean): Uint8Array {
  const own = [[RTA_DST, to.length === 0 ? undefined : to.address] as const, [RTA_GATEWAY, via] as const];
  return encodeRoute({
    family: AF_INET6,
    toLength: to.length,
    fromLength: 0,
    tos: 0,
    table: table === undefined ? RT_TABLE_MAIN : RT_TABLE_UNSPEC,
    protocol: deleting ? 0 : RTPROT_STATIC,
    scope: deleting ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE,
    type: deleting ? 0 : RTN_UNICAST,
    flags: 0,
    attributes: withIpv6(own, attributes({ RTA_OIF: link, RTA_TABLE: table })),
  });
}

export function addRoute6Request(route: Route6): Request {
  const flags = NLM_F_CREATE | NLM_F_REPLACE;
  return { doing: describeRoute6('replace', route), type: RTM_NEWROUTE, flags, payload: routePayload(route, false) };
}

export function deleteRoute6Request(route: Route6): Request {
  return { doing: describeRoute6('delete', route), type: RTM_DELROUTE, flags: 0, payload: routePayload(route, true) };
}

/** A rule of whatever protocol is deleted where none is named. */
function rulePayload({ from, table, priority }: Rule6, protocol?: number): Uint8Array {
  const rest = attributes({ FRA_TABLE: table, FRA_PRIORITY: priority, FRA_PROTOCOL: protocol });
  return encodeRule({
    family: AF_INET6,
    toLength: 0,
    fromLength: from?.length ?? 0,
    tos: 0,
    table: RT_TABLE_UNSPEC,
    action: FR_ACT_TO_TBL,
    flags: 0,
    attributes: withIpv6([[FRA_SRC, from?.address]], rest),
  });
}

export function addRule6Request(rule: Rule6): Request {
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  return { doing: describeRule6('add', rule), type: RTM_NEWRULE, flags, payload: rulePayload(rule, RTPROT_STATIC) };
}

export function deleteRule6Request(rule: Rule6): Request {
  return { doing: describeRule6('delete', rule), type: RTM_DELRULE, flags: 0, payload: rulePayload(rule) };
}

/** Undefined for one that cannot be used, or not yet. */
export function toLinkAddress6(message: AddressMessage): LinkAddress6 | undefined {
  const flags = message.attributes.number('IFA_FLAGS') ?? message.flags;
  const address = ipv6In(message.attributes, IFA_ADDRESS);
  if (address === undefined || (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) !== 0) return undefined;
  return { link: message.link, address: { address, length: message.prefixLength } };
}

export function toRoute6(message: RouteMessage): Route6 {
  const via = ipv6In(message.attributes, RTA_GATEWAY);
  const table = message.attributes.number('RTA_TABLE') ?? message.table;
  return {
    ...(table === RT_TABLE_MAIN ? {} : { table }),
    to: { address: ipv6In(message.attributes, RTA_DST) ?? '::', length: message.toLength },
    link: message.attributes.number('RTA_OIF') ?? 0,
    protocol: protocols.get(message.protocol) ?? 'other',
    ...(via === undefined ? {} : { via }),
  };
}

/** Undefined for one that asks for more than the source. */
export function toRule6(message: RuleMessage): Rule6 | undefined {
  if (!isPlainRule(message, (type) => type === FRA_SRC)) return undefined;
  const address = ipv6In(message.attributes, FRA_SRC);
  return {
    table: message.attributes.number('FRA_TABLE') ?? message.table,
    priority: message.attributes.number('FRA_PRIORITY') ?? 0,
    ...(address === undefined ? {} : { from: { address, length: message.fromLength } }),
  };
}
