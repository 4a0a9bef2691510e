/**
 * The host's way to endpoints that are children of its NIC, which the NIC itself does not lead to: a link of the same
 * kind on the host, and a route and a neighbour entry for each of them. Pure: what should be, against what is.
 */
import type { Ipv4 } from '../../net/ipv4.ts';
import type { Mac } from '../../net/mac.ts';
import type { Lease, Network } from '../model.ts';

/** One endpoint that the host is to reach. */
export interface Way {
  readonly address: Ipv4;
  /** Set by hand, so that the host's own address is never asked from under the shim's MAC on the LAN. */
  readonly mac: Mac;
}

export interface DesiredShim {
  readonly network: string;
  readonly parent: { readonly kind: 'macvlan' | 'ipvlan'; readonly link: string };
  readonly ways: readonly Way[];
  /** The host's own address on the network, which it speaks from; undefined where it has none. */
  readonly source?: Ipv4;
}

/** Those that are needed: one for each network on a NIC that has leases. @param addresses the host's own, by network */
export function desiredShims(
  networks: readonly Network[],
  leases: readonly Lease[],
  sourceOf: (network: Network) => Ipv4 | undefined,
): readonly DesiredShim[] {
  return networks.flatMap((network) => {
    const { name, parent } = network;
    const ways = leases.filter((it) => it.network === name).map(({ address, mac }) => ({ address, mac }));
    if (parent === undefined || ways.length === 0) return [];
    const { kind, link } = parent;
    // A NIC that was given away leads the host nowhere.
    if (kind === 'phys') return [];
    const source = sourceOf(network);
    return [{ network: name, parent: { kind, link }, ways, ...(source === undefined ? {} : { source }) }];
  });
}

/** The shim as it was found. */
export interface ObservedShim {
  readonly network: string;
  readonly kind: string | undefined;
  /** Name of its NIC; undefined where that is gone. */
  readonly parent: string | undefined;
  readonly up: boolean;
  /** Routes of ours on it, each to one address. */
  readonly routes: readonly { readonly address: Ipv4; readonly source?: Ipv4 }[];
  readonly neighbours: readonly Way[];
}

/** What is to be done to one shim, in this order. */
export interface ShimChanges {
  /** It goes; `make` may follow. */
  readonly remove: boolean;
  readonly make: boolean;
  readonly up: boolean;
  readonly neighbours: readonly Way[];
  readonly routes: readonly Ipv4[];
  readonly surplusRoutes: readonly Ipv4[];
  readonly surplusNeighbours: readonly Ipv4[];
}

const nothing: ShimChanges = {
  remove: false,
  make: false,
  up: false,
  neighbours: [],
  routes: [],
  surplusRoutes: [],
  surplusNeighbours: [],
};

/** Undefined when all is as it should be. */
export function planShim(desired: DesiredShim | undefined, observed: ObservedShim | undefined): ShimChanges | undefined {
  if (desired === undefined) return observed === undefined ? undefined : { ...nothing, remove: true };
  const { ways, source, parent } = desired;
  const everything = { neighbours: ways, routes: ways.map((it) => it.address) };
  if (observed === undefined) return { ...nothing, ...everything, make: true };
  if (observed.kind !== parent.kind || observed.parent !== parent.link)
    return { ...nothing, ...everything, remove: true, make: true };
  // A link that goes down forgets its neighbours and routes.
  if (!observed.up) return { ...nothing, ...everything, up: true };
  const isWanted = (address: Ipv4): boolean => ways.some((it) => it.address === address);
  const hasRoute = (address: Ipv4): boolean => observed.routes.some((it) => it.address === address && it.source === source);
  const hasNeighbour = (way: Way): boolean => observed.neighbours.some((it) => it.address === way.address && it.mac === way.mac);
  const changes: ShimChanges = {
    ...nothing,
    neighbours: ways.filter((it) => !hasNeighbour(it)),
    routes: everything.routes.filter((it) => !hasRoute(it)),
    surplusRoutes: observed.routes.map((it) => it.address).filter((it) => !isWanted(it)),
    surplusNeighbours: observed.neighbours.map((it) => it.address).filter((it) => !isWanted(it)),
  };
  const isRight = Object.values(changes).every((it) => it === false || (Array.isArray(it) && it.length === 0));
  return isRight ? undefined : changes;
}
