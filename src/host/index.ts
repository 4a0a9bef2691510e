/**
 * The one door to the Linux kernel: links, addresses, routes, neighbours, network namespaces, ARP.
 *
 * Promises: the same behaviour from `openHost()` (the real kernel, FFI) and from `fakeHost()` (tables in memory),
 * held to by one contract suite; a refusal is a `KernelError` with the errno and the kernel's own words; making
 * and deleting links never blocks the event loop. It decides nothing and remembers nothing.
 * Lengths are bytes, times milliseconds, indexes the kernel's.
 */
import type { Ipv4 } from '../net/ipv4.ts';
import type { Ipv6 } from '../net/ipv6.ts';
import type { Mac } from '../net/mac.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Prefix6 } from '../net/prefix6.ts';
import type { KernelError } from './kernel-error.ts';

export { isKernelError, KernelError } from './kernel-error.ts';
export { openNft } from './nft.ts';
export { openHost } from './open.ts';
export { openWholeTables, type WholeTables } from './whole-tables.ts';

/** A link as `ip -d link show` shows it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly mac: Mac;
  /** Burnt into the hardware, whatever `mac` is now (IFLA_PERM_ADDRESS); undefined for most virtual links. */
  readonly permanentMac?: Mac;
  readonly mtu: number;
  /** IFF_UP: the administrator's wish. */
  readonly up: boolean;
  /** IFF_LOWER_UP: the other end is there and up. */
  readonly carrier: boolean;
  /** `veth`, `bridge`, …; undefined for hardware and lo. */
  readonly kind?: string;
  /** ifalias: where Landline puts its mark. */
  readonly alias?: string;
  /** Link group (IFLA_GROUP); 0 where none was set. */
  readonly group: number;
  /** Index of the bridge whose port this is (IFLA_MASTER). */
  readonly controller?: number;
  /** IFLA_LINK, an index in that link's own namespace: the other end of a veth, the parent of a macvlan or ipvlan. */
  readonly peer?: number;
  /** State of a bridge port (BR_STATE_* of linux/if_bridge.h): `forwarding` is the only one that passes frames. */
  readonly portState?: 'disabled' | 'listening' | 'learning' | 'forwarding' | 'blocking';
}

export interface VethSpec {
  readonly kind: 'veth';
  /** With an alias it is a name that nobody has: the link is marked by it, also where it could not be made. */
  readonly name: string;
  readonly mac?: Mac;
  readonly mtu?: number;
  /** Set by a second request in the same send: the kernel ignores it while it makes a link. `group` is there from the first moment. */
  readonly alias?: string;
  /** Link group of the host's end (`ip link add … group N`). */
  readonly group?: number;
  /** Index of a bridge to be a port of. */
  readonly controller?: number;
  readonly up?: boolean;
  /** The other end; in `netns` (any {@link NetnsRef}) where one is given. */
  readonly peer: { readonly name: string; readonly mac?: Mac; readonly netns?: NetnsRef };
}

export interface BridgeSpec {
  readonly kind: 'bridge';
  readonly name: string;
  /** Pinned: a bridge without one takes the lowest MAC of its ports, and changes it with them. */
  readonly mac?: Mac;
  readonly mtu?: number;
  /** Set by a second request. */
  readonly alias?: string;
  readonly group?: number;
  readonly up?: boolean;
  /** Spanning tree; off unless wished (a fresh port waits 30 s with it). */
  readonly stp?: boolean;
}

/**
 * A link that shares a NIC with the host, under a MAC of its own (macvlan, mode bridge) or under the NIC's (ipvlan, mode
 * l2). It comes into being where it is to live.
 */
export interface ChildSpec {
  readonly kind: 'macvlan' | 'ipvlan';
  readonly name: string;
  /** Index of the NIC, in this namespace. */
  readonly parent: number;
  /** Not of an ipvlan. */
  readonly mac?: Mac;
  /** Left out: the parent's. */
  readonly mtu?: number;
  /** As with a bridge: a second request. */
  readonly alias?: string;
  readonly group?: number;
  readonly up?: boolean;
  /** Left out: here. Watches hear of this namespace from then on. */
  readonly netns?: NetnsRef;
}

export type LinkSpec = VethSpec | BridgeSpec | ChildSpec;

/** What the kernel says of a link that it has just made. */
export interface AddedLink {
  /** In the namespace that it is in. */
  readonly index: number;
  /** Index of a veth's other end, in its own namespace. */
  readonly peer?: number;
  /** How long it waited for links that were asked for before, in milliseconds. */
  readonly queuedMs: number;
}

/** What of a link is to change; `controller: 0` takes a port off its bridge. */
export interface LinkChange {
  readonly name?: string;
  readonly mac?: Mac;
  readonly mtu?: number;
  readonly alias?: string;
  readonly controller?: number;
  readonly up?: boolean;
  readonly netns?: NetnsRef;
  /** Link group (`ip link set group`), for deleting many at once. */
  readonly group?: number;
}

/** An IPv4 address on a link. */
export interface LinkAddress {
  readonly link: number;
  readonly address: Prefix;
}

/** An IPv4 route; `to` of length 0 is the default route. */
export interface Route {
  /** Left out: the main table. */
  readonly table?: number;
  readonly to: Prefix;
  readonly via?: Ipv4;
  readonly link?: number;
  /** RTA_PRIORITY; 0 where none is set. */
  readonly metric?: number;
  /** RTA_PREFSRC. */
  readonly source?: Ipv4;
  /** `kernel` for the ones that an address brings with it (RTPROT_KERNEL). */
  readonly protocol?: 'kernel' | 'boot' | 'static' | 'other';
}

/** A rule of the routing policy: what comes from `from` asks `table` for its route. IPv4's, where nothing else is said. */
export interface Rule<P extends Prefix | Prefix6 = Prefix> {
  /** Left out: from anywhere. */
  readonly from?: P;
  readonly table: number;
  /** Rules are gone through from the lowest on. */
  readonly priority: number;
}

/** The same for IPv6, which has rules and tables of its own. */
export type Rule6 = Rule<Prefix6>;

/** An IPv6 address on a link. */
export interface LinkAddress6 {
  readonly link: number;
  readonly address: Prefix6;
}

/** An IPv6 route; `to` of length 0 is the default route. */
export interface Route6 {
  /** Left out: the main table. */
  readonly table?: number;
  readonly to: Prefix6;
  readonly via?: Ipv6;
  readonly link: number;
  readonly protocol?: Route['protocol'];
}

export interface Neighbour {
  readonly link: number;
  readonly address: Ipv4;
  readonly mac?: Mac;
  readonly state: 'reachable' | 'stale' | 'permanent' | 'failed' | 'other';
}

/** An entry of a bridge's forwarding database: behind which port a MAC lives. */
export interface ForwardingEntry {
  readonly port: number;
  readonly mac: Mac;
  readonly permanent: boolean;
}

/** rtnetlink(7) in one network namespace. Every call names its `ip` equivalent in the error it throws. */
export interface Kernel {
  /** `ip -d link show` */
  listLinks(): Promise<readonly Link[]>;
  /** `ip -d link show dev NAME`; undefined when there is none. */
  getLink(nameOrIndex: string | number): Promise<Link | undefined>;
  /** `ip link add …` @throws KernelError EEXIST, ENODEV, EXFULL (a bridge takes 1,023 ports), EBUSY (a child of a bridge's port), … */
  addLink(spec: LinkSpec): Promise<AddedLink>;
  /** `ip link set dev INDEX …` */
  setLink(index: number, change: LinkChange): Promise<void>;
  /**
   * The same for several links in one send, on the calling thread, in this order and with nothing of ours between. Not
   * atomic: each runs. @returns for each its refusal, or undefined where it was done. Namespaces cannot be changed so.
   */
  setLinks(
    changes: readonly (Omit<LinkChange, 'netns'> & { readonly index: number })[],
  ): Promise<readonly (KernelError | undefined)[]>;
  /** `ip link delete dev INDEX`; takes 16 to 20 ms of the kernel's time for one veth. */
  deleteLink(index: number): Promise<void>;
  /** `ip link delete group N`: 200 in 90 ms. */
  deleteLinkGroup(group: number): Promise<void>;
  /** `ip -4 address show [dev LINK]` */
  listAddresses(link?: number): Promise<readonly LinkAddress[]>;
  /** `ip address add ADDRESS/LEN dev LINK` */
  addAddress(it: LinkAddress): Promise<void>;
  deleteAddress(it: LinkAddress): Promise<void>;
  /** `ip -4 route show table main [dev LINK]`; `all`: of every table but the kernel's own, `local`. */
  listRoutes(link?: number, tables?: 'main' | 'all'): Promise<readonly Route[]>;
  /** `ip route replace …` */
  addRoute(route: Route): Promise<void>;
  deleteRoute(route: Route): Promise<void>;
  /** `ip -4 rule show`: those that say `lookup`, and nothing more than from where. */
  listRules(): Promise<readonly Rule[]>;
  /** `ip rule add` @throws KernelError EEXIST */
  addRule(rule: Rule): Promise<void>;
  /** `ip rule delete` @throws KernelError ENOENT */
  deleteRule(rule: Rule): Promise<void>;
  /** `ip -6 address show`: those that can be used, not what is still being probed or was found taken. */
  listAddresses6(): Promise<readonly LinkAddress6[]>;
  /** `ip address add ADDRESS/LEN dev LINK nodad`: it was probed before. @throws KernelError EEXIST, EACCES where IPv6 is off */
  addAddress6(it: LinkAddress6): Promise<void>;
  deleteAddress6(it: LinkAddress6): Promise<void>;
  /** `ip -6 route show table main`; `all`: of every table but the kernel's own, `local`. */
  listRoutes6(tables?: 'main' | 'all'): Promise<readonly Route6[]>;
  /** `ip -6 route replace …` */
  addRoute6(route: Route6): Promise<void>;
  deleteRoute6(route: Route6): Promise<void>;
  /** `ip -6 rule show`: those that say `lookup`, and nothing more than from where. */
  listRules6(): Promise<readonly Rule6[]>;
  /** `ip -6 rule add` @throws KernelError EEXIST */
  addRule6(rule: Rule6): Promise<void>;
  /** `ip -6 rule delete` @throws KernelError ENOENT */
  deleteRule6(rule: Rule6): Promise<void>;
  /** `ip -4 neighbour show` */
  listNeighbours(): Promise<readonly Neighbour[]>;
  /** `ip neighbour replace ADDRESS lladdr MAC dev LINK nud permanent` */
  addNeighbour(it: Required<Pick<Neighbour, 'link' | 'address' | 'mac'>>): Promise<void>;
  deleteNeighbour(it: Pick<Neighbour, 'link' | 'address'>): Promise<void>;
  /** `bridge fdb show br BRIDGE` */
  listForwarding(bridge: number): Promise<readonly ForwardingEntry[]>;
  /**
   * The configuration of one link of this namespace in one send: up (lo too), address, routes. Not atomic: each
   * request runs, and the first refusal is thrown after all have run. On the calling thread, like a look.
   */
  configure(
    link: number,
    wish: { readonly address?: Prefix; readonly routes: readonly Route[]; readonly up: boolean },
  ): Promise<void>;
}

/** Path of a network namespace: `/run/landline/netns/shop`, `/proc/4711/ns/net`, `/proc/self/fd/9`. */
export type NetnsRef = string;

/** The namespace of this process, which is the host's: to work in, and to move a link to. */
export const homeNetns: NetnsRef = '/proc/self/ns/net';

/** A namespace that lives until this is closed, whatever becomes of its processes and of the file that it was bound to. */
export interface HeldNetns {
  /** Another path of it. */
  readonly path: NetnsRef;
  readonly inode: number;
  close(): void;
}

/** An Ethernet socket (packet(7)) for one protocol on one link. */
export interface PacketSocket {
  /** Sends a whole frame, synchronously. @throws KernelError ENETDOWN, … */
  send(frame: Uint8Array): void;
  close(): void;
}

/** A UDP socket that only sends. */
export interface UdpSender {
  /** Leaves the datagram to the kernel, which may still ask who has the address. @throws KernelError ENETUNREACH, ENOBUFS, … */
  send(to: Ipv4, port: number, bytes: Uint8Array): void;
  close(): void;
}

/** What is open while one works inside a namespace; everything is closed when the work ends. */
export interface Inside {
  readonly kernel: Kernel;
  /** Inode of the namespace (nsfs), as `stat -L /proc/PID/ns/net` shows it. */
  readonly inode: number;
  /** Opens an ARP socket on a link of this namespace; the caller closes it. Without `onFrame` it only sends. */
  openArp(link: number, onFrame?: (frame: Uint8Array) => void): PacketSocket;
  /** Opens a socket that hears DHCP replies for a MAC, and sends IPv4 frames; the caller closes it. */
  openDhcp(link: number, mac: Mac, onFrame: (frame: Uint8Array) => void): PacketSocket;
  /** Opens a socket that hears resets of TCP over IPv4, and sends IPv4 frames; the caller closes it. Without `onFrame` it only sends. */
  openResets(link: number, onFrame?: (frame: Uint8Array) => void): PacketSocket;
  /**
   * Ends the connections of TCP that have one of these addresses here, those that come over lo too; their peers are sent a
   * RST (`ss -K -t src ADDRESS`). @returns how many; 0 where the kernel cannot (CONFIG_INET_DIAG_DESTROY)
   * @throws KernelError
   */
  endConnections(addresses: readonly Ipv4[]): number;
  /** Opens a UDP socket that sends from an address and port of this namespace; the caller closes it. @throws KernelError EADDRNOTAVAIL */
  openUdp(from: Ipv4, port: number): UdpSender;
  /** Opens a socket for IPv6's frames, of which those of neighbour discovery (RFC 4861) are meant; the caller closes it. */
  openNdp(link: number, onFrame?: (frame: Uint8Array) => void): PacketSocket;
  /** `sysctl net.NAME=VALUE` in this namespace; NAME with slashes: `ipv4/ip_forward`. Missing names are ignored where `optional`. */
  sysctl(name: string, value: string, options?: { readonly optional?: boolean }): void;
}

/** Something changed. Only a hint to look: the kernel is the truth. */
export type KernelEvent =
  /** What a bridge says of a port that changed its state has neither kind, alias nor group. */
  | { readonly kind: 'link'; readonly change: 'new' | 'deleted'; readonly link: Link }
  | { readonly kind: 'address'; readonly change: 'new' | 'deleted'; readonly address: LinkAddress }
  /** With the address that it sends from, where it names one: such a route goes with its address. */
  | { readonly kind: 'route'; readonly change: 'new' | 'deleted'; readonly source?: Ipv4 }
  | { readonly kind: 'address6'; readonly change: 'new' | 'deleted' }
  | { readonly kind: 'rule'; readonly change: 'new' | 'deleted' }
  /** Events were lost (ENOBUFS): look at everything again. */
  | { readonly kind: 'overrun' };

export interface WatchOptions {
  /** Room for events that wait to be read; 8 MB hold some ten thousand. */
  readonly bufferBytes?: number;
}

export interface Watch {
  close(): void;
}

export interface Host {
  /** The daemon's own namespace. */
  readonly kernel: Kernel;
  /** `sysctl` in the daemon's own namespace. */
  sysctl(name: string, value: string, options?: { readonly optional?: boolean }): void;
  /** Runs `body` with sockets inside the namespace, and closes them whatever happens. @throws KernelError ENOENT when it is gone. */
  within<T>(netns: NetnsRef, body: (inside: Inside) => Promise<T>): Promise<T>;
  /** Makes a namespace and binds it to `path`, whose folder is made too. @throws KernelError EEXIST. */
  addNetns(path: NetnsRef): Promise<{ readonly inode: number }>;
  /** Unbinds it; the kernel ends it, links and all, with its last process and socket. Gone already is success. */
  deleteNetns(path: NetnsRef): Promise<void>;
  /**
   * Names in a folder of namespaces that are bound there; the folder is made ready where it is missing, and leftovers
   * without a namespace are removed on the way.
   */
  listNetns(folder: string): Promise<readonly string[]>;
  /** Keeps a namespace alive, with its links, by a descriptor. @throws KernelError ENOENT, EINVAL when it is gone */
  holdNetns(path: NetnsRef): HeldNetns;
  /** Inode of the namespace at `path`, or undefined when there is none. */
  netnsInode(path: NetnsRef): number | undefined;
  /**
   * Link, address, route and rule changes in this namespace, in those reachable from it by veth, and in those that a
   * child of a link was made in (NETLINK_LISTEN_ALL_NSID); indexes in events of others are theirs.
   */
  watch(onEvent: (event: KernelEvent) => void, options?: WatchOptions): Promise<Watch>;
  /** Closes its watches too; what is under way ends first. Calls after it are refused. */
  close(): void;
}
