/** {@link Kernel} on a rtnetlink socket: the real one. */
import fs from 'node:fs';
import { decodeAddress, encodeAddress, RTM_GETADDR } from '../wire/netlink/address.ts';
import { attributes } from '../wire/netlink/attribute.ts';
import { AF_INET6 } from '../wire/netlink/family6.ts';
import { AF_BRIDGE, AF_UNSPEC, decodeLink, encodeLink, RTEXT_FILTER_SKIP_STATS, RTM_GETLINK } from '../wire/netlink/link.ts';
import { decodeNeighbour, encodeNeighbour, RTM_GETNEIGH } from '../wire/netlink/neighbour.ts';
import {
  AF_INET,
  decodeRoute,
  encodeRoute,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RT_TABLE_UNSPEC,
  RTM_GETROUTE,
  RTN_UNICAST,
} from '../wire/netlink/route.ts';
import { decodeRule, encodeRule, RTM_GETRULE } from '../wire/netlink/rule.ts';
import type { AddedLink, ChildSpec, Kernel, Link, LinkChange, LinkSpec } from './index.ts';
import { isKernelError, KernelError } from './kernel-error.ts';
import { toForwardingEntry, toLink, toLinkAddress, toNeighbour, toRoute, toRule } from './meanings.ts';
import { inNetns, openNetns } from './netns.ts';
import {
  addAddressRequest,
  addLinkRequest,
  addNeighbourRequest,
  addRouteRequest,
  addRuleRequest,
  deleteAddressRequest,
  deleteLinkGroupRequest,
  deleteLinkRequest,
  deleteNeighbourRequest,
  deleteRouteRequest,
  deleteRuleRequest,
  nameAliasRequest,
  nameNamespaceRequest,
  setLinkRequest,
} from './requests.ts';
import {
  addAddress6Request,
  addRoute6Request,
  addRule6Request,
  deleteAddress6Request,
  deleteRoute6Request,
  deleteRule6Request,
  toLinkAddress6,
  toRoute6,
  toRule6,
} from './requests6.ts';
import { openRtnetlink } from './rtnetlink-socket.ts';
import type { Request, Transactions } from './transactions.ts';

const skipStats = { IFLA_EXT_MASK: RTEXT_FILTER_SKIP_STATS };
const emptyLink = { family: AF_UNSPEC, hardwareType: 0, index: 0, flags: 0, change: 0 };

/**
 * Makes a kernel of a socket. Deletes go through `lanes`, sockets of their own where there are such: each waits for
 * 16 ms, mostly without the rtnl lock, and a creation need not wait behind it. The caller closes them all.
 */
export function kernelOn(socket: Transactions, lanes: readonly Transactions[] = [socket]): Kernel {
  const present = <T>(it: T | undefined): readonly T[] => (it === undefined ? [] : [it]);

  const getLink = async (nameOrIndex: string | number): Promise<Link | undefined> => {
    const reply = socket.get(getLinkRequest(nameOrIndex));
    return reply === undefined ? undefined : toLink(decodeLink(reply.payload));
  };

  const change = async (request: Request): Promise<void> => void (await socket.change(request));

  const setLink = (index: number, wish: LinkChange): Promise<void> =>
    withNetnsFd(wish.netns, (fd) => change(setLinkRequest(index, wish, fd)));

  const remove = async (request: Request): Promise<void> => {
    const lane = lanes.reduce((best, it) => (it.waiting < best.waiting ? it : best));
    await lane.change(request);
  };

  const deleteLink = (index: number): Promise<void> => remove(deleteLinkRequest(index));

  /** A link that comes into being in another namespace; it is found and marked from within. */
  const addChild = (spec: ChildSpec, netns: string): Promise<AddedLink> =>
    withNetnsFd(netns, async (fd = 0) => {
      // Refused where it has a number already, which is as good.
      socket.tryNow([nameNamespaceRequest(fd)]);
      const { queuedMs } = await socket.change(addLinkRequest(spec, fd));
      const there = inNetns(fd, openRtnetlink);
      try {
        const kernel = kernelOn(there);
        const link = await kernel.getLink(spec.name);
        if (link === undefined) throw new KernelError(`ip link show dev ${spec.name}`, 'ENODEV');
        if (spec.alias !== undefined) await markOrDelete(kernel, link.index, spec.alias);
        return { index: link.index, queuedMs };
      } finally {
        await there.close();
      }
    });

  const addLink = async (spec: LinkSpec): Promise<AddedLink> => {
    if (spec.kind !== 'veth' && spec.kind !== 'bridge' && spec.netns !== undefined) return addChild(spec, spec.netns);
    const peerNetns = spec.kind === 'veth' ? spec.peer.netns : undefined;
    const marking = spec.kind === 'veth' && spec.alias !== undefined ? nameAliasRequest(spec.name, spec.alias) : undefined;
    const { replies, queuedMs, refusal } = await withNetnsFd(peerNetns, (fd) => socket.change(addLinkRequest(spec, fd), marking));
    const links = replies.map((it) => toLink(decodeLink(it.payload)));
    const link = links.find((it) => it.name === spec.name) ?? (await getLink(spec.name));
    if (link === undefined) throw new KernelError(`ip link show dev ${spec.name}`, 'ENODEV');
    if (refusal !== undefined) {
      await deleteLink(link.index);
      throw refusal;
    }
    if (spec.alias !== undefined && marking === undefined) await setAlias(link.index, spec.alias);
    const peer = link.peer === undefined || spec.kind !== 'veth' ? {} : { peer: link.peer };
    return { index: link.index, ...peer, queuedMs };
  };

  /** A link whose alias is refused does not stay. */
  const setAlias = async (index: number, alias: string): Promise<void> => {
    try {
      socket.changeNow([setLinkRequest(index, { alias }, undefined)]);
    } catch (error) {
      await deleteLink(index);
      throw error;
    }
  };

  return {
    getLink,
    listLinks: async () => {
      const payload = encodeLink({ ...emptyLink, attributes: attributes(skipStats) });
      return socket.dump(read('ip link show', RTM_GETLINK, payload)).map((it) => toLink(decodeLink(it.payload)));
    },
    addLink,
    setLink,
    setLinks: async (changes) => socket.tryNow(changes.map(({ index, ...wish }) => setLinkRequest(index, wish, undefined))),
    deleteLink,
    deleteLinkGroup: (group) => remove(deleteLinkGroupRequest(group)),
    listAddresses: async (link) => {
      const payload = encodeAddress({
        family: AF_INET,
        prefixLength: 0,
        flags: 0,
        scope: 0,
        link: link ?? 0,
        attributes: attributes({}),
      });
      const messages = socket.dump(read('ip -4 address show', RTM_GETADDR, payload));
      return messages.flatMap((it) => present(toLinkAddress(decodeAddress(it.payload))));
    },
    addAddress: (it) => change(addAddressRequest(it)),
    deleteAddress: (it) => change(deleteAddressRequest(it)),
    listRoutes: async (link, tables = 'main') => {
      const table = tables === 'main' ? RT_TABLE_MAIN : RT_TABLE_UNSPEC;
      const request = read('ip -4 route show', RTM_GETROUTE, routesPayload(link, table));
      const messages = unlessNoTable(() => socket.dump(request));
      const routes = messages.map((it) => decodeRoute(it.payload)).filter((it) => it.type === RTN_UNICAST);
      return routes.filter((it) => isIn(tables, it)).map(toRoute);
    },
    addRoute: (route) => change(addRouteRequest(route)),
    deleteRoute: (route) => change(deleteRouteRequest(route)),
    listAddresses6: async () => {
      const empty = { prefixLength: 0, flags: 0, scope: 0, link: 0, attributes: attributes({}) };
      const payload = encodeAddress({ family: AF_INET6, ...empty });
      const messages = socket.dump(read('ip -6 address show', RTM_GETADDR, payload));
      return messages.flatMap((it) => present(toLinkAddress6(decodeAddress(it.payload))));
    },
    addAddress6: (it) => change(addAddress6Request(it)),
    deleteAddress6: (it) => change(deleteAddress6Request(it)),
    listRoutes6: async (tables = 'main') => {
      const table = tables === 'main' ? RT_TABLE_MAIN : RT_TABLE_UNSPEC;
      const messages = socket.dump(read('ip -6 route show', RTM_GETROUTE, routesPayload(undefined, table, AF_INET6)));
      const routes = messages.map((it) => decodeRoute(it.payload)).filter((it) => it.type === RTN_UNICAST);
      return routes.filter((it) => isIn(tables, it)).map(toRoute6);
    },
    addRoute6: (route) => change(addRoute6Request(route)),
    deleteRoute6: (route) => change(deleteRoute6Request(route)),
    listRules6: async () => {
      const request = read('ip -6 rule show', RTM_GETRULE, rulesPayload(AF_INET6));
      const messages = unlessNoTable(() => socket.dump(request));
      return messages.flatMap((it) => present(toRule6(decodeRule(it.payload))));
    },
    addRule6: (rule) => change(addRule6Request(rule)),
    deleteRule6: (rule) => change(deleteRule6Request(rule)),
    listRules: async () => {
      const messages = socket.dump(read('ip -4 rule show', RTM_GETRULE, rulesPayload(AF_INET)));
      return messages.flatMap((it) => present(toRule(decodeRule(it.payload))));
    },
    addRule: (rule) => change(addRuleRequest(rule)),
    deleteRule: (rule) => change(deleteRuleRequest(rule)),
    listNeighbours: async () => {
      const messages = socket.dump(read('ip -4 neighbour show', RTM_GETNEIGH, neighboursPayload(AF_INET)));
      return messages.flatMap((it) => present(toNeighbour(decodeNeighbour(it.payload))));
    },
    addNeighbour: (it) => change(addNeighbourRequest(it)),
    deleteNeighbour: (it) => change(deleteNeighbourRequest(it)),
    listForwarding: async (bridge) => {
      const messages = socket.dump(read('bridge fdb show', RTM_GETNEIGH, neighboursPayload(AF_BRIDGE, bridge)));
      return messages.flatMap((it) => present(toForwardingEntry(decodeNeighbour(it.payload))));
    },
    configure: async (link, wish) => {
      const requests: Request[] = [];
      if (wish.up) requests.push(setLinkRequest(1, { up: true }, undefined), setLinkRequest(link, { up: true }, undefined));
      if (wish.address !== undefined) requests.push(addAddressRequest({ link, address: wish.address }));
      requests.push(...wish.routes.map(addRouteRequest));
      socket.changeNow(requests);
    },
  };
}

/**
 * A namespace whose links were never up has no table yet, and the kernel says ENOENT ("FIB table does not exist"); one that
 * was built without rules for a family says EAFNOSUPPORT.
 */
function unlessNoTable<T>(dump: () => readonly T[]): readonly T[] {
  try {
    return dump();
  } catch (error) {
    if (isKernelError(error, 'ENOENT', 'EAFNOSUPPORT')) return [];
    throw error;
  }
}

const read = (doing: string, type: number, payload: Uint8Array): Request => ({ doing, type, flags: 0, payload });

function getLinkRequest(nameOrIndex: string | number): Request {
  const byName = typeof nameOrIndex === 'string';
  const list = attributes({ ...skipStats, ...(byName ? { IFLA_IFNAME: nameOrIndex } : {}) });
  const payload = encodeLink({ ...emptyLink, index: byName ? 0 : nameOrIndex, attributes: list });
  return read(`ip link show dev ${nameOrIndex}`, RTM_GETLINK, payload);
}

function routesPayload(link: number | undefined, table: number, family = AF_INET): Uint8Array {
  const nothing = { fromLength: 0, tos: 0, protocol: 0, scope: 0, type: 0, flags: 0 };
  const list = attributes({ RTA_OIF: link });
  return encodeRoute({ family, toLength: 0, table, ...nothing, attributes: list });
}

const isIn = (tables: 'main' | 'all', { table }: { readonly table: number }): boolean =>
  tables === 'main' ? table === RT_TABLE_MAIN : table !== RT_TABLE_LOCAL;

function rulesPayload(family: number): Uint8Array {
  const nothing = { toLength: 0, fromLength: 0, tos: 0, table: 0, action: 0, flags: 0 };
  return encodeRule({ family, ...nothing, attributes: attributes({}) });
}

function neighboursPayload(family: number, bridge?: number): Uint8Array {
  const list = attributes(bridge === undefined ? {} : { NDA_MASTER: bridge });
  return encodeNeighbour({ family, link: 0, state: 0, flags: 0, type: 0, attributes: list });
}

/** A link whose alias is refused does not stay. */
async function markOrDelete(kernel: Kernel, index: number, alias: string): Promise<void> {
  try {
    await kernel.setLink(index, { alias });
  } catch (error) {
    await kernel.deleteLink(index);
    throw error;
  }
}

/** Opens a namespace for the length of a request that names it by fd. */
async function withNetnsFd<T>(path: string | undefined, body: (fd: number | undefined) => Promise<T>): Promise<T> {
  if (path === undefined) return body(undefined);
  const fd = openNetns(path);
  try {
    return await body(fd);
  } finally {
    fs.closeSync(fd);
  }
}
