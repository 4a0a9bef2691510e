/** Wishes → rtnetlink requests. */
import { broadcastOf } from '../net/prefix.ts';
import { encodeAddress, RTM_DELADDR, RTM_NEWADDR } from '../wire/netlink/address.ts';
import { type AttributeList, attributes } from '../wire/netlink/attribute.ts';
import {
  encodeLink,
  encodeLinkHeader,
  IFF_UP,
  type LinkMessage,
  RTM_DELLINK,
  RTM_NEWLINK,
  RTM_SETLINK,
} from '../wire/netlink/link.ts';
import { NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL, NLM_F_REPLACE } from '../wire/netlink/message.ts';
import { encodeNamespace, NETNSA_NSID_NOT_ASSIGNED, RTM_NEWNSID } from '../wire/netlink/namespace.ts';
import { encodeNeighbour, NUD_PERMANENT, RTM_DELNEIGH, RTM_NEWNEIGH } from '../wire/netlink/neighbour.ts';
import {
  AF_INET,
  encodeRoute,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RT_TABLE_UNSPEC,
  RTM_DELROUTE,
  RTM_NEWROUTE,
  RTN_UNICAST,
  RTPROT_STATIC,
} from '../wire/netlink/route.ts';
import { encodeRule, FR_ACT_TO_TBL, RTM_DELRULE, RTM_NEWRULE } from '../wire/netlink/rule.ts';
import {
  describeAddLink,
  describeAddNeighbour,
  describeAddress,
  describeDeleteLink,
  describeDeleteLinkGroup,
  describeDeleteNeighbour,
  describeRoute,
  describeRule,
  describeSetLink,
} from './describe.ts';
import type { BridgeSpec, ChildSpec, LinkAddress, LinkChange, LinkSpec, Neighbour, Route, Rule, VethSpec } from './index.ts';
import type { Request } from './transactions.ts';

const link = (it: Partial<LinkMessage>): LinkMessage => ({
  family: 0,
  hardwareType: 0,
  index: 0,
  flags: 0,
  change: 0,
  attributes: attributes({}),
  ...it,
});

const upFlags = (up: boolean | undefined): Partial<LinkMessage> =>
  up === undefined ? {} : { flags: up ? IFF_UP : 0, change: IFF_UP };

/** Stands for a namespace that was opened for the length of the request. */
export type NetnsFd = number;

/**
 * `ip link add`; answered by the new link itself, where the kernel knows how (6.2 and later), and where it is here: what
 * is made elsewhere would be told to whoever has our port number there.
 */
export function addLinkRequest(spec: LinkSpec, netns: NetnsFd | undefined): Request {
  const common = {
    IFLA_IFNAME: spec.name,
    IFLA_ADDRESS: spec.mac,
    IFLA_MTU: spec.mtu,
    IFLA_GROUP: spec.group,
  };
  const kind =
    spec.kind === 'veth'
      ? vethAttributes(spec, netns)
      : spec.kind === 'bridge'
        ? bridgeAttributes(spec)
        : childAttributes(spec, netns);
  const payload = encodeLink(link({ ...upFlags(spec.up), attributes: attributes({ ...common, ...kind }) }));
  const isHere = spec.kind === 'veth' || netns === undefined;
  const flags = NLM_F_CREATE | NLM_F_EXCL | (isHere ? NLM_F_ECHO : 0);
  return { doing: describeAddLink(spec), type: RTM_NEWLINK, flags, payload };
}

/** One queue in each direction on both ends: with the default of one per CPU, making a veth takes twice as long. */
const oneQueue = { IFLA_NUM_TX_QUEUES: 1, IFLA_NUM_RX_QUEUES: 1 };

function vethAttributes(spec: VethSpec, peerNetns: NetnsFd | undefined): Parameters<typeof attributes>[0] {
  const peer = attributes({
    IFLA_IFNAME: spec.peer.name,
    IFLA_ADDRESS: spec.peer.mac,
    IFLA_MTU: spec.mtu,
    IFLA_NET_NS_FD: peerNetns,
    ...oneQueue,
  });
  const data = attributes({ VETH_INFO_PEER: { header: encodeLinkHeader(link({})), attributes: peer } });
  return {
    ...oneQueue,
    IFLA_MASTER: spec.controller,
    IFLA_LINKINFO: attributes({ IFLA_INFO_KIND: 'veth', IFLA_INFO_DATA: data }),
  };
}

function bridgeAttributes(spec: BridgeSpec): Parameters<typeof attributes>[0] {
  const data = attributes({ IFLA_BR_STP_STATE: spec.stp === true ? 1 : 0 });
  return { IFLA_LINKINFO: attributes({ IFLA_INFO_KIND: 'bridge', IFLA_INFO_DATA: data }) };
}

/** linux/if_link.h */
const MACVLAN_MODE_BRIDGE = 4;
const IPVLAN_MODE_L2 = 0;

function childAttributes(spec: ChildSpec, netns: NetnsFd | undefined): Parameters<typeof attributes>[0] {
  const data =
    spec.kind === 'macvlan'
      ? attributes({ IFLA_MACVLAN_MODE: MACVLAN_MODE_BRIDGE })
      : attributes({ IFLA_IPVLAN_MODE: IPVLAN_MODE_L2 });
  return {
    IFLA_LINK: spec.parent,
    IFLA_NET_NS_FD: netns,
    IFLA_LINKINFO: attributes({ IFLA_INFO_KIND: spec.kind, IFLA_INFO_DATA: data }),
  };
}

/** `ip netns set NAME auto`: gives another namespace a number here, so that its events reach this one. */
export function nameNamespaceRequest(netns: NetnsFd): Request {
  const list = attributes({ NETNSA_FD: netns, NETNSA_NSID: NETNSA_NSID_NOT_ASSIGNED });
  return { doing: 'ip netns set auto', type: RTM_NEWNSID, flags: 0, payload: encodeNamespace({ family: 0, attributes: list }) };
}

/** `ip link set dev` */
export function setLinkRequest(index: number, change: LinkChange, netns: NetnsFd | undefined): Request {
  const list = attributes({
    IFLA_IFNAME: change.name,
    IFLA_ADDRESS: change.mac,
    IFLA_MTU: change.mtu,
    IFLA_IFALIAS: change.alias,
    IFLA_MASTER: change.controller,
    IFLA_GROUP: change.group,
    IFLA_NET_NS_FD: netns,
  });
  const doing = describeSetLink(index, change);
  const payload = encodeLink(link({ index, ...upFlags(change.up), attributes: list }));
  return { doing, type: RTM_SETLINK, flags: 0, payload };
}

/** `ip link set dev NAME alias ALIAS`, of a link whose number is not known yet. */
export function nameAliasRequest(name: string, alias: string): Request {
  const payload = encodeLink(link({ attributes: attributes({ IFLA_IFNAME: name, IFLA_IFALIAS: alias }) }));
  return { doing: `ip link set dev ${name} alias ${alias}`, type: RTM_SETLINK, flags: 0, payload };
}

export function deleteLinkRequest(index: number): Request {
  return { doing: describeDeleteLink(index), type: RTM_DELLINK, flags: 0, payload: encodeLink(link({ index })) };
}

export function deleteLinkGroupRequest(group: number): Request {
  const payload = encodeLink(link({ attributes: attributes({ IFLA_GROUP: group }) }));
  return { doing: describeDeleteLinkGroup(group), type: RTM_DELLINK, flags: 0, payload };
}

function addressPayload(it: LinkAddress): Uint8Array {
  const { address, length } = it.address;
  const list: AttributeList = attributes({
    IFA_LOCAL: address,
    IFA_ADDRESS: address,
    IFA_BROADCAST: length < 31 ? broadcastOf(it.address) : undefined,
  });
  return encodeAddress({ family: AF_INET, prefixLength: length, flags: 0, scope: 0, link: it.link, attributes: list });
}

export function addAddressRequest(it: LinkAddress): Request {
  const doing = describeAddress('add', it);
  return { doing, type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL, payload: addressPayload(it) };
}

export function deleteAddressRequest(it: LinkAddress): Request {
  const doing = describeAddress('delete', it);
  return { doing, type: RTM_DELADDR, flags: 0, payload: addressPayload(it) };
}

function routePayload(route: Route, deleting: boolean): Uint8Array {
  const scope = deleting ? RT_SCOPE_NOWHERE : route.via === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  const list = attributes({
    RTA_DST: route.to.length === 0 ? undefined : route.to.address,
    RTA_GATEWAY: route.via,
    RTA_OIF: route.link,
    RTA_PRIORITY: route.metric === 0 ? undefined : route.metric,
    RTA_PREFSRC: route.source,
    RTA_TABLE: route.table,
  });
  return encodeRoute({
    family: AF_INET,
    toLength: route.to.length,
    fromLength: 0,
    tos: 0,
    table: route.table === undefined ? RT_TABLE_MAIN : RT_TABLE_UNSPEC,
    protocol: deleting ? 0 : RTPROT_STATIC,
    scope,
    type: deleting ? 0 : RTN_UNICAST,
    flags: 0,
    attributes: list,
  });
}

export function addRouteRequest(route: Route): Request {
  const flags = NLM_F_CREATE | NLM_F_REPLACE;
  return { doing: describeRoute('replace', route), type: RTM_NEWROUTE, flags, payload: routePayload(route, false) };
}

export function deleteRouteRequest(route: Route): Request {
  return { doing: describeRoute('delete', route), type: RTM_DELROUTE, flags: 0, payload: routePayload(route, true) };
}

/** A rule of whatever protocol is deleted where none is named. */
function rulePayload({ from, table, priority }: Rule, protocol?: number): Uint8Array {
  const list = attributes({
    FRA_SRC: from?.address,
    FRA_TABLE: table,
    FRA_PRIORITY: priority,
    FRA_PROTOCOL: protocol,
  });
  const rest = { toLength: 0, tos: 0, table: RT_TABLE_UNSPEC, action: FR_ACT_TO_TBL, flags: 0 };
  return encodeRule({ family: AF_INET, fromLength: from?.length ?? 0, ...rest, attributes: list });
}

export function addRuleRequest(rule: Rule): Request {
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  return { doing: describeRule('add', rule), type: RTM_NEWRULE, flags, payload: rulePayload(rule, RTPROT_STATIC) };
}

export function deleteRuleRequest(rule: Rule): Request {
  return { doing: describeRule('delete', rule), type: RTM_DELRULE, flags: 0, payload: rulePayload(rule) };
}

export function addNeighbourRequest(it: Required<Pick<Neighbour, 'link' | 'address' | 'mac'>>): Request {
  const payload = encodeNeighbour({
    family: AF_INET,
    link: it.link,
    state: NUD_PERMANENT,
    flags: 0,
    type: 0,
    attributes: attributes({ NDA_DST: it.address, NDA_LLADDR: it.mac }),
  });
  return { doing: describeAddNeighbour(it), type: RTM_NEWNEIGH, flags: NLM_F_CREATE | NLM_F_REPLACE, payload };
}

export function deleteNeighbourRequest(it: Pick<Neighbour, 'link' | 'address'>): Request {
  const payload = encodeNeighbour({
    family: AF_INET,
    link: it.link,
    state: 0,
    flags: 0,
    type: 0,
    attributes: attributes({ NDA_DST: it.address }),
  });
  return { doing: describeDeleteNeighbour(it), type: RTM_DELNEIGH, flags: 0, payload };
}
