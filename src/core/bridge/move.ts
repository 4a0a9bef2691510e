/**
 * The move of all that belongs to one link to another, as requests for one send: what is added and what is taken away
 * stand so close that nobody notices.
 *
 * The kernel's own messages are sent back with another link in them: flags, lifetimes, metrics, labels and whatever this
 * program does not know stay as they were.
 */
import { type AddressMessage, encodeAddress, RTM_DELADDR, RTM_NEWADDR } from '../../wire/netlink/address.ts';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../wire/netlink/message.ts';
import { encodeNeighbour, type NeighbourMessage, NUD_PERMANENT, NUD_STALE, RTM_NEWNEIGH } from '../../wire/netlink/neighbour.ts';
import { encodeRoute, type RouteMessage, RTM_DELROUTE, RTM_NEWROUTE } from '../../wire/netlink/route.ts';
import { encodeRule, RTM_DELRULE, RTM_NEWRULE, type RuleMessage } from '../../wire/netlink/rule.ts';
import type { KernelChange } from '../../wire/netlink/tables.ts';
import type { Belongings, LinkRef } from './belongings.ts';
import { numberOf, rawOf, textBytes, textOf, u32Bytes, withAdded, withRaw } from './raw.ts';
import {
  expiryOf,
  FRA_IIFNAME,
  FRA_OIFNAME,
  type NameOf,
  nextHopsIn,
  RTA_CACHEINFO,
  RTA_MULTIPATH,
  spellAddress,
  spellNeighbour,
  spellRoute,
  spellRule,
  wishedFlagMask,
} from './spell.ts';

const NLM_F_APPEND = 0x800;
const IFA_LABEL = 3;
const IFA_FLAGS = 8;
const RTA_OIF = 4;
const RTA_EXPIRES = 23;
const RTNH_F_ONLINK = 4;
const NTF_PROXY = 0x8;
const NDA_DST = 1;
const NDA_LLADDR = 2;

/** From `from` to `to`, both there. `nameOf` names the other links of routes with several ways. */
export function planMove(it: Belongings, from: LinkRef, to: LinkRef, nameOf: NameOf): readonly KernelChange[] {
  const rename = (name: string): string => renamed(name, from, to);
  const named: NameOf = (index) => (index === from.index ? from.name : index === to.index ? to.name : nameOf(index));
  // IPv6 lists the newest first; the first that was added is to be the first again.
  const inOrder = [...it.addresses.filter((a) => a.family === 2), ...it.addresses.filter((a) => a.family !== 2).toReversed()];
  return [
    ...inOrder.map((a) => addAddress(a, to, rename)),
    ...it.routes.toReversed().map((route) => deleteRoute(route, named)),
    ...inOrder.toReversed().map((a) => deleteAddress(a, from)),
    ...it.routes.flatMap((route) => addRoute(onLink(route, from, to), it.first.has(route), named)),
    ...it.rules.flatMap((rule) => moveRule(rule, rename)),
    ...it.neighbours.map((neighbour) => addNeighbour(neighbour, to)),
  ];
}

/** `ens33` → `br0`, and the labels of old aliases, `ens33:1` → `br0:1`. */
export const renamed = (name: string, from: LinkRef, to: LinkRef): string =>
  name === from.name || name.startsWith(`${from.name}:`) ? `${to.name}${name.slice(from.name.length)}` : name;

function addAddress(it: AddressMessage, to: LinkRef, rename: (label: string) => string): KernelChange {
  const label = textOf(it.attributes, IFA_LABEL);
  const flags = (numberOf(it.attributes, IFA_FLAGS) ?? it.flags) & wishedFlagMask;
  const changes = new Map([
    [IFA_FLAGS, u32Bytes(flags)],
    ...(label === undefined ? [] : [[IFA_LABEL, textBytes(rename(label))] as const]),
  ]);
  const payload = encodeAddress({ ...it, link: to.index, flags: flags & 0xff, attributes: withRaw(it.attributes, changes) });
  // The kernel makes a link-local address by itself.
  return {
    says: spellAddress(it, to.name, rename),
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload,
    tolerates: ['EEXIST'],
  };
}

function deleteAddress(it: AddressMessage, from: LinkRef): KernelChange {
  const says = spellAddress(it, from.name, (label) => label).replace(' address add ', ' address delete ');
  // With its first address of a subnet the kernel takes the others away, unless it is told to promote them.
  return { says, type: RTM_DELADDR, flags: 0, payload: encodeAddress(it), tolerates: ['EADDRNOTAVAIL'] };
}

/** A route as it is to be asked for: over the other link, and without what only the kernel says. */
function onLink(it: RouteMessage, from: LinkRef, to: LinkRef): RouteMessage {
  const expires = expiryOf(it);
  const hops = rawOf(it.attributes, RTA_MULTIPATH);
  const changes = new Map<number, Uint8Array | undefined>([
    [RTA_CACHEINFO, undefined],
    ...(numberOf(it.attributes, RTA_OIF) === from.index ? [[RTA_OIF, u32Bytes(to.index)] as const] : []),
    ...(hops === undefined ? [] : [[RTA_MULTIPATH, hopsOnLink(hops, from, to)] as const]),
  ]);
  const list = withRaw(it.attributes, changes);
  const attributes = expires === undefined ? list : withAdded(list, RTA_EXPIRES, u32Bytes(expires));
  return { ...it, flags: it.flags & RTNH_F_ONLINK, attributes };
}

function hopsOnLink(bytes: Uint8Array, from: LinkRef, to: LinkRef): Uint8Array {
  const copy = bytes.slice();
  for (const { at, link } of nextHopsIn(bytes)) {
    copy[at + 2] = (copy[at + 2] ?? 0) & RTNH_F_ONLINK;
    if (link === from.index) copy.set(u32Bytes(to.index), at + 4);
  }
  return copy;
}

/** Never replaced: a route over another link with the same target and metric is not to go, nor to change its place. */
function addRoute(it: RouteMessage, isFirst: boolean, nameOf: NameOf): readonly KernelChange[] {
  const says = spellRoute(it, nameOf, isFirst ? 'prepend' : 'append') ?? '';
  const flags = isFirst ? NLM_F_CREATE : NLM_F_CREATE | NLM_F_APPEND;
  const add = { says, type: RTM_NEWROUTE, flags, payload: encodeRoute(it), tolerates: ['EEXIST'] };
  // One that came with its address stands behind the others.
  return isFirst ? [deleteRoute(it, nameOf), add] : [add];
}

function deleteRoute(it: RouteMessage, nameOf: NameOf): KernelChange {
  const says = spellRoute(it, nameOf, 'delete') ?? '';
  const attributes = withRaw(it.attributes, new Map([[RTA_CACHEINFO, undefined]]));
  return { says, type: RTM_DELROUTE, flags: 0, payload: encodeRoute({ ...it, flags: 0, attributes }), tolerates: ['ESRCH'] };
}

function moveRule(it: RuleMessage, rename: (link: string) => string): readonly KernelChange[] {
  const changes = new Map<number, Uint8Array>();
  for (const type of [FRA_IIFNAME, FRA_OIFNAME]) {
    const name = textOf(it.attributes, type);
    if (name !== undefined) changes.set(type, textBytes(rename(name)));
  }
  // FIB_RULE_IIF_DETACHED and its kin are the kernel's to say.
  const flags = it.flags & 0xff;
  const moved = { ...it, flags, attributes: withRaw(it.attributes, changes) };
  return [
    {
      says: spellRule(it, rename) ?? '',
      type: RTM_NEWRULE,
      flags: NLM_F_CREATE | NLM_F_EXCL,
      payload: encodeRule(moved),
      tolerates: ['EEXIST'],
    },
    {
      says: spellRule(it, (link) => link, 'delete') ?? '',
      type: RTM_DELRULE,
      flags: 0,
      payload: encodeRule({ ...it, flags }),
      tolerates: ['ENOENT'],
    },
  ];
}

function addNeighbour(it: NeighbourMessage, to: LinkRef): KernelChange {
  const state = (it.flags & NTF_PROXY) !== 0 ? 0 : (it.state & NUD_PERMANENT) === 0 ? NUD_STALE : NUD_PERMANENT;
  const kept = new Set([NDA_DST, NDA_LLADDR]);
  const drop = new Map<number, undefined>();
  for (let type = 0; type < 32; type += 1) if (!kept.has(type)) drop.set(type, undefined);
  const payload = encodeNeighbour({ ...it, link: to.index, state, attributes: withRaw(it.attributes, drop) });
  return {
    says: spellNeighbour(it, to.name) ?? '',
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    payload,
    tolerates: ['EINVAL', 'ENOBUFS'],
  };
}
