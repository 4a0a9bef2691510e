/**
 * Keeps the host's way to its macvlan and ipvlan endpoints: a link of its own on each such NIC, for as long as somebody
 * is there, with a route for each. The NIC itself is never touched. See core/shim.
 */
import { createHash } from 'node:crypto';
import { formatShimMark, parseShimMark } from '../core/mark.ts';
import type { Network } from '../core/model.ts';
import { type DesiredShim, desiredShims, type ObservedShim, planShim, type ShimChanges } from '../core/shim/shim.ts';
import { asLandlineError, type LandlineError } from '../errors.ts';
import type { Host, Link } from '../host/index.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import { macFromDigest } from '../net/mac.ts';
import { containsAddress } from '../net/prefix.ts';
import { deleteLinkIfThere } from './attach.ts';
import { findParent } from './child.ts';
import { lansOf } from './networks.ts';
import { refusal, unless } from './refusals.ts';
import type { World } from './world.ts';

export interface Shims {
  /** Brings them to what the ledger says now. What stands in the way is a problem of its network, and not thrown. */
  settle(): Promise<void>;
  problemsOf(network: string): readonly LandlineError[];
}

type ShimWorld = Pick<World, 'host' | 'store' | 'events' | 'linkGroup' | 'configuration' | 'linkNetworks'>;

/** @param worldNow the world, once it is whole */
export function openShims(worldNow: () => ShimWorld): Shims {
  const problems = new Map<string, LandlineError>();
  /** Whether there may be any: they are looked for at the start, and for as long as some were found or are wished for. */
  let mayBe = true;
  let running: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;

  const settleNow = async (): Promise<void> => {
    waiting = undefined;
    const world = worldNow();
    if (!mayBe && !lansOf(world).some((it) => it.parent !== undefined)) return;
    const desired = await wishOf(world);
    const found = await findShims(world);
    mayBe = found.length > 0 || desired.length > 0;
    problems.clear();
    for (const network of new Set([...desired, ...found.map((it) => it.shim)].map((it) => it.network))) {
      const wish = desired.find((it) => it.network === network);
      const [first, ...others] = found.filter((it) => it.shim.network === network);
      for (const { link } of others) await deleteLinkIfThere(world.host, link.index);
      await settleOne(world, wish, first).catch((error: unknown) => problems.set(network, asLandlineError(refusal(error))));
    }
  };

  return {
    settle: () => {
      if (waiting !== undefined) return waiting;
      const mine = running.then(settleNow).catch((error: unknown) => {
        worldNow().events.tell('way to endpoints in trouble', { problem: String(error) });
      });
      waiting = mine;
      running = mine;
      return mine;
    },
    problemsOf: (network) => {
      const problem = problems.get(network);
      return problem === undefined ? [] : [problem];
    },
  };
}

/** From the ledger, the configuration, and the addresses that the host has on its NICs. */
async function wishOf(world: ShimWorld): Promise<readonly DesiredShim[]> {
  const { host, store } = world;
  const addresses = await host.kernel.listAddresses();
  const own = (network: Network): Ipv4 | undefined =>
    addresses.find((it) => containsAddress(network.subnet, it.address.address))?.address.address;
  const gone = new Set(store.environments().flatMap((it) => (it.phase === 'removing' ? [it.spec.name] : [])));
  return desiredShims(
    lansOf(world),
    store.leases().filter((it) => !gone.has(it.environment)),
    own,
  );
}

interface FoundShim {
  readonly link: Link;
  readonly shim: ObservedShim;
}

async function findShims({ host, store, linkGroup }: ShimWorld): Promise<readonly FoundShim[]> {
  const links = await host.kernel.listLinks();
  const found: FoundShim[] = [];
  for (const link of links) {
    const network = parseShimMark(store.installation, link.alias);
    if (network === undefined || link.group !== linkGroup) continue;
    const parent = links.find((it) => it.index === link.peer)?.name;
    const routes = (await host.kernel.listRoutes(link.index)).filter((it) => it.to.length === 32 && it.protocol === 'static');
    const neighbours = (await host.kernel.listNeighbours()).flatMap(({ link: on, address, mac, state }) =>
      on === link.index && mac !== undefined && state === 'permanent' ? [{ address, mac }] : [],
    );
    const { kind, up } = link;
    const to = routes.map(({ to: { address }, source }) => ({ address, ...(source === undefined ? {} : { source }) }));
    found.push({ link, shim: { network, kind, parent, up, routes: to, neighbours } });
  }
  return found;
}

async function settleOne(world: ShimWorld, wish: DesiredShim | undefined, found: FoundShim | undefined): Promise<void> {
  const { kernel } = world.host;
  // What an ipvlan is known by on the wire is the MAC of its NIC.
  const nic = wish?.parent.kind === 'ipvlan' ? await kernel.getLink(wish.parent.link) : undefined;
  const desired = wish && nic ? { ...wish, ways: wish.ways.map((it) => ({ ...it, mac: nic.mac })) } : wish;
  const changes = planShim(desired, found?.shim);
  if (changes === undefined) return;
  if (changes.remove && found !== undefined) await deleteLinkIfThere(world.host, found.link.index);
  if (desired === undefined) {
    world.events.tell('way to endpoints removed', { network: found?.shim.network ?? '' });
    return;
  }
  const index = changes.make ? await makeShim(world, desired) : found?.link.index;
  if (index !== undefined) await change(world.host, index, desired, changes);
  if (changes.make) world.events.tell('way to endpoints made', { network: desired.network, endpoints: desired.ways.length });
  else world.events.tell('way to endpoints changed', { network: desired.network, endpoints: desired.ways.length });
}

/** It answers the LAN's questions for the host's address with silence, and those of its own endpoints alone (arp_filter of ip-sysctl). */
async function makeShim(world: ShimWorld, { network, parent }: DesiredShim): Promise<number> {
  const { host, store, linkGroup: group } = world;
  const nic = await findParent(host, network, parent);
  const digest = createHash('sha256').update([store.installation, network, 'shim'].join('\0')).digest();
  const name = `lls${digest.toString('hex', 8, 13)}`;
  const own = parent.kind === 'macvlan' ? { mac: macFromDigest(digest, 0x02) } : {};
  const alias = formatShimMark(store.installation, network);
  const { index } = await host.kernel.addLink({ kind: parent.kind, name, parent: nic.index, mtu: nic.mtu, group, alias, ...own });
  host.sysctl(`ipv6/conf/${name}/disable_ipv6`, '1', { optional: true });
  host.sysctl(`ipv4/conf/${name}/arp_filter`, '1');
  await host.kernel.setLink(index, { up: true });
  return index;
}

async function change({ kernel }: Host, link: number, { source }: DesiredShim, changes: ShimChanges): Promise<void> {
  const to = (address: Ipv4) => ({ to: { address, length: 32 }, link });
  if (changes.up) await kernel.setLink(link, { up: true });
  for (const { address, mac } of changes.neighbours) await kernel.addNeighbour({ link, address, mac });
  for (const address of changes.routes) await kernel.addRoute({ ...to(address), ...(source === undefined ? {} : { source }) });
  for (const address of changes.surplusRoutes) await unless(kernel.deleteRoute(to(address)), 'ESRCH');
  for (const address of changes.surplusNeighbours) await unless(kernel.deleteNeighbour({ link, address }), 'ENOENT');
}
