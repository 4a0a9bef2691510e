/** A message of NETLINK_ROUTE by what it is about (rtnetlink(7)), and the way back to the same bytes. */
import { type AddressMessage, decodeAddress, encodeAddress, RTM_DELADDR, RTM_GETADDR, RTM_NEWADDR } from './address.ts';
import { describeAttributes } from './attribute.ts';
import { decodeLink, encodeLink, type LinkMessage, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK, RTM_SETLINK } from './link.ts';
import {
  type Acknowledgement,
  type Done,
  decodeAcknowledgement,
  decodeDone,
  encodeAcknowledgement,
  encodeDone,
  type NetlinkMessage,
  NLMSG_DONE,
  NLMSG_ERROR,
} from './message.ts';
import { decodeNamespace, encodeNamespace, type NamespaceMessage, RTM_GETNSID, RTM_NEWNSID } from './namespace.ts';
import {
  decodeNeighbour,
  encodeNeighbour,
  type NeighbourMessage,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from './neighbour.ts';
import { decodeRoute, encodeRoute, type RouteMessage, RTM_DELROUTE, RTM_GETROUTE, RTM_NEWROUTE } from './route.ts';
import { decodeRule, encodeRule, RTM_DELRULE, RTM_GETRULE, RTM_NEWRULE, type RuleMessage } from './rule.ts';

/** What a message says; a type that is not known stays bytes. */
export type Body =
  | { readonly kind: 'link'; readonly it: LinkMessage }
  | { readonly kind: 'address'; readonly it: AddressMessage }
  | { readonly kind: 'route'; readonly it: RouteMessage }
  | { readonly kind: 'rule'; readonly it: RuleMessage }
  | { readonly kind: 'neighbour'; readonly it: NeighbourMessage }
  | { readonly kind: 'namespace'; readonly it: NamespaceMessage }
  | { readonly kind: 'acknowledgement'; readonly it: Acknowledgement }
  | { readonly kind: 'done'; readonly it: Done }
  | { readonly kind: 'other'; readonly it: Uint8Array };

const types: Readonly<Record<string, readonly [type: number, kind: Body['kind']]>> = {
  NLMSG_ERROR: [NLMSG_ERROR, 'acknowledgement'],
  NLMSG_DONE: [NLMSG_DONE, 'done'],
  RTM_NEWLINK: [RTM_NEWLINK, 'link'],
  RTM_DELLINK: [RTM_DELLINK, 'link'],
  RTM_GETLINK: [RTM_GETLINK, 'link'],
  RTM_SETLINK: [RTM_SETLINK, 'link'],
  RTM_NEWADDR: [RTM_NEWADDR, 'address'],
  RTM_DELADDR: [RTM_DELADDR, 'address'],
  RTM_GETADDR: [RTM_GETADDR, 'address'],
  RTM_NEWROUTE: [RTM_NEWROUTE, 'route'],
  RTM_DELROUTE: [RTM_DELROUTE, 'route'],
  RTM_GETROUTE: [RTM_GETROUTE, 'route'],
  RTM_NEWRULE: [RTM_NEWRULE, 'rule'],
  RTM_DELRULE: [RTM_DELRULE, 'rule'],
  RTM_GETRULE: [RTM_GETRULE, 'rule'],
  RTM_NEWNEIGH: [RTM_NEWNEIGH, 'neighbour'],
  RTM_DELNEIGH: [RTM_DELNEIGH, 'neighbour'],
  RTM_GETNEIGH: [RTM_GETNEIGH, 'neighbour'],
  RTM_NEWNSID: [RTM_NEWNSID, 'namespace'],
  RTM_GETNSID: [RTM_GETNSID, 'namespace'],
};

const names = new Map(Object.entries(types).map(([name, [type]]) => [type, name]));
const kinds = new Map(Object.values(types));

/** `RTM_NEWLINK`, or the number of a type that is not known. */
export const messageTypeName = (type: number): string => names.get(type) ?? String(type);

/** The other way round. */
export const messageTypeNumber = (name: string): number => types[name]?.[0] ?? Number(name);

/** @throws WireError with an offset into the payload. */
export function decodeBody(message: NetlinkMessage): Body {
  const kind = kinds.get(message.type) ?? 'other';
  switch (kind) {
    case 'link':
      return { kind, it: decodeLink(message.payload) };
    case 'address':
      return { kind, it: decodeAddress(message.payload) };
    case 'route':
      return { kind, it: decodeRoute(message.payload) };
    case 'rule':
      return { kind, it: decodeRule(message.payload) };
    case 'neighbour':
      return { kind, it: decodeNeighbour(message.payload) };
    case 'namespace':
      return { kind, it: decodeNamespace(message.payload) };
    case 'acknowledgement':
      return { kind, it: decodeAcknowledgement(message) };
    case 'done':
      return { kind, it: decodeDone(message) };
    case 'other':
      return { kind, it: message.payload };
  }
}

export function encodeBody(body: Body): Uint8Array {
  switch (body.kind) {
    case 'link':
      return encodeLink(body.it);
    case 'address':
      return encodeAddress(body.it);
    case 'route':
      return encodeRoute(body.it);
    case 'rule':
      return encodeRule(body.it);
    case 'neighbour':
      return encodeNeighbour(body.it);
    case 'namespace':
      return encodeNamespace(body.it);
    case 'acknowledgement':
      return encodeAcknowledgement(body.it);
    case 'done':
      return encodeDone(body.it);
    case 'other':
      return body.it;
  }
}

/** For people, on one line: `RTM_NEWLINK index 5, flags 1: IFLA_IFNAME "eth0", IFLA_MTU 1500`. */
export function describeMessage(message: NetlinkMessage): string {
  const { it, kind } = decodeBody(message);
  if (kind === 'acknowledgement' && it.errno === 0) return 'ok';
  const name = messageTypeName(message.type);
  if (kind === 'other') return `${name} <${message.payload.length} bytes>`;
  const fields = Object.entries(it).filter(([, value]) => typeof value === 'number' && value !== 0);
  const head = [name, fields.map(([field, value]) => `${field} ${value}`).join(', ')].filter((part) => part !== '').join(' ');
  const attributes = 'attributes' in it && it.attributes !== undefined ? describeAttributes(it.attributes) : '';
  return attributes === '' ? head : `${head}: ${attributes}`;
}
