/** The ledger's addresses as `landline address` sees and mends them, of both families. */
import type { AddressView } from '../api/contract.ts';
import type { Daemon, HistoryAsk, ReserveAsk } from '../api/daemon.ts';
import type { LanNetwork, Lease, Lease6 } from '../core/model.ts';
import { LandlineError } from '../errors.ts';
import { type Address, formatAddress, isIpv4, parseAddress } from '../net/address.ts';
import { containsAddress, formatPrefix } from '../net/prefix.ts';
import { containsAddress6, formatPrefix6, ipv6Bytes } from '../net/prefix6.ts';
import type { Reservation, Reservation6 } from '../store/index.ts';
import { hostAddresses6, hostAddressesOn } from './leasing.ts';
import { networksOf } from './networks.ts';
import { historyView, leaseAddressView, reservationView } from './views.ts';
import { requireNetwork } from './wish.ts';
import type { World } from './world.ts';

/** Most lines of history in one answer. */
const mostHistory = 10_000;

/** By network, then IPv4 before IPv6, each in order. */
export function listAddresses(world: World): ReturnType<Daemon['addresses']> {
  const { store } = world;
  const views = [
    ...addressViews(store.leases(), store.reservations(), (a, b) => a - b),
    ...addressViews(store.leases6(), store.reservations6(), (a, b) => Buffer.compare(ipv6Bytes(a), ipv6Bytes(b))),
  ];
  return views.sort((a, b) => Number(a.network > b.network) - Number(a.network < b.network));
}

function addressViews<A extends Address>(
  held: readonly ((Lease | Lease6) & { readonly address: A })[],
  reservations: readonly ((Reservation | Reservation6) & { readonly address: A })[],
  inOrder: (a: A, b: A) => number,
): AddressView[] {
  const keyOf = (it: { readonly network: string; readonly address: A }): string => `${it.network} ${it.address}`;
  const reserved = new Map(reservations.map((it) => [keyOf(it), it]));
  const isHeld = new Set(held.map(keyOf));
  return [
    ...held.map((it) => ({ address: it.address, view: leaseAddressView(it, reserved.get(keyOf(it))) })),
    ...reservations.filter((it) => !isHeld.has(keyOf(it))).map((it) => ({ address: it.address, view: reservationView(it) })),
  ]
    .sort((a, b) => inOrder(a.address, b.address))
    .map((it) => it.view);
}

/** @throws LandlineError ADDRESS_OUTSIDE, ADDRESS_UNUSABLE, ADDRESS_HELD, ADDRESS_RESERVED, NETWORK_UNKNOWN */
export async function reserveAddress(world: World, ask: ReserveAsk): ReturnType<Daemon['reserve']> {
  const address = addressIn(ask.address);
  const network = ask.network === undefined ? networkOf(world, address) : requireNetwork(networksOf(world), ask.network);
  const promise = { network, holder: ask.environment, note: ask.note, now: Date.now() };
  return reservationView(
    isIpv4(address)
      ? world.store.reserve({ ...promise, address, hostAddresses: await hostAddressesOn(world, network) })
      : world.store.reserve6({ ...promise, address, hostAddresses: await hostAddresses6(world) }),
  );
}

/** @throws LandlineError ADDRESS_UNKNOWN */
export function releaseAddress({ store }: World, ask: Parameters<Daemon['release']>[0]): void {
  const address = addressIn(ask.address);
  const where = ask.network === undefined ? {} : { network: ask.network };
  if (isIpv4(address)) store.unreserve({ address, ...where });
  else store.unreserve6({ address, ...where });
}

export function readHistory({ store }: World, { address, ...filter }: HistoryAsk): ReturnType<Daemon['history']> {
  const its = address === undefined ? {} : { address: addressIn(address) };
  return store.history({ ...filter, ...its, most: mostHistory }).map(historyView);
}

/** The routes have checked it. */
function addressIn(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`'${text}' is no address, and nobody said so`);
  return address;
}

/** The network whose subnet an address lies in. @throws LandlineError ADDRESS_OUTSIDE */
function networkOf(world: World, address: Address): LanNetwork {
  const { networks } = world.configuration;
  const found = networks.find(({ subnet, subnet6 }) =>
    isIpv4(address) ? containsAddress(subnet, address) : subnet6 !== undefined && containsAddress6(subnet6, address),
  );
  if (found !== undefined) return found;
  const subnets = networks.flatMap(({ subnet, subnet6 }) =>
    isIpv4(address) ? [formatPrefix(subnet)] : subnet6 === undefined ? [] : [formatPrefix6(subnet6)],
  );
  throw new LandlineError('ADDRESS_OUTSIDE', {
    address: formatAddress(address),
    network: networks.map((it) => it.name).join(', ') || 'none',
    subnet: subnets.join(', ') || 'no subnet',
  });
}
