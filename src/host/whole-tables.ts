/** Whole tables of one namespace's network, and bursts of changes to them: what moves a network from one link to another. */
import { decodeAddress, encodeAddress, RTM_GETADDR } from '../wire/netlink/address.ts';
import { attributes } from '../wire/netlink/attribute.ts';
import { AF_UNSPEC, decodeLink, encodeLink, RTEXT_FILTER_SKIP_STATS, RTM_GETLINK } from '../wire/netlink/link.ts';
import { decodeNeighbour, encodeNeighbour, RTM_GETNEIGH } from '../wire/netlink/neighbour.ts';
import { AF_INET, decodeRoute, encodeRoute, RTM_GETROUTE } from '../wire/netlink/route.ts';
import { decodeRule, encodeRule, RTM_GETRULE } from '../wire/netlink/rule.ts';
import type { KernelChange, Tables } from '../wire/netlink/tables.ts';
import { KernelError } from './kernel-error.ts';
import { openRtnetlink } from './rtnetlink-socket.ts';
import type { Transactions } from './transactions.ts';

const AF_INET6 = 10;
const NTF_PROXY = 0x8;

export interface WholeTables {
  /** `ip link`, `ip address`, `ip route show table all`, `ip rule`, `ip neighbour`, `ip neighbour show proxy`, of both families. */
  read(): Tables;
  /**
   * Sends the changes as one burst. All of them run; the first refusal that a change does not tolerate is thrown.
   * @throws KernelError
   */
  run(changes: readonly KernelChange[]): void;
  close(): Promise<void>;
}

/** Opens them for the namespace of this process; the caller closes. @throws KernelError EPERM */
export function openWholeTables(): WholeTables {
  const socket = openRtnetlink();
  return { read: () => readTables(socket), run: (changes) => run(socket, changes), close: () => socket.close() };
}

function readTables(socket: Transactions): Tables {
  const dump = <T>(doing: string, type: number, payload: Uint8Array, decode: (payload: Uint8Array) => T): readonly T[] =>
    socket.dump({ doing, type, flags: 0, payload }).map((it) => decode(it.payload));
  // A kernel without IPv6 refuses to speak of it.
  const both = <T>(read: (family: number) => readonly T[]): readonly T[] =>
    [AF_INET, AF_INET6].flatMap((family) => ifSupported(() => read(family)));
  const none = attributes({});
  const skipStats = attributes({ IFLA_EXT_MASK: RTEXT_FILTER_SKIP_STATS });
  const link = { family: AF_UNSPEC, hardwareType: 0, index: 0, flags: 0, change: 0, attributes: skipStats };
  const address = { prefixLength: 0, flags: 0, scope: 0, link: 0, attributes: none };
  const route = { toLength: 0, fromLength: 0, tos: 0, table: 0, protocol: 0, scope: 0, type: 0, flags: 0, attributes: none };
  const rule = { toLength: 0, fromLength: 0, tos: 0, table: 0, action: 0, flags: 0, attributes: none };
  const neighbour = { link: 0, state: 0, flags: 0, type: 0, attributes: none };
  return {
    links: dump('ip link show', RTM_GETLINK, encodeLink(link), decodeLink),
    addresses: both((family) => dump('ip address show', RTM_GETADDR, encodeAddress({ ...address, family }), decodeAddress)),
    routes: both((family) => dump('ip route show table all', RTM_GETROUTE, encodeRoute({ ...route, family }), decodeRoute)),
    rules: both((family) => dump('ip rule show', RTM_GETRULE, encodeRule({ ...rule, family }), decodeRule)),
    neighbours: both((family) =>
      [0, NTF_PROXY].flatMap((flags) =>
        dump('ip neighbour show', RTM_GETNEIGH, encodeNeighbour({ ...neighbour, family, flags }), decodeNeighbour),
      ),
    ),
  };
}

function ifSupported<T>(read: () => readonly T[]): readonly T[] {
  try {
    return read();
  } catch (error) {
    if (error instanceof KernelError && (error.errno === 'EOPNOTSUPP' || error.errno === 'EAFNOSUPPORT')) return [];
    throw error;
  }
}

function run(socket: Transactions, changes: readonly KernelChange[]): void {
  const refusals = socket.tryNow(changes.map(({ says, type, flags, payload }) => ({ doing: says, type, flags, payload })));
  for (const [index, refusal] of refusals.entries()) {
    if (refusal !== undefined && changes[index]?.tolerates.includes(refusal.errno) !== true) throw refusal;
  }
}
