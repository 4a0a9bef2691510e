/**
 * Attaching a sandbox to a LAN network, mending an endpoint, detaching it.
 *
 * The order: the veth with its mark, up without an address; the probe; the address and routes; the announcement, once
 * the bridge's port passes frames. Whatever fails after the veth was made takes it away again.
 */
import { randomBytes } from 'node:crypto';
import { formatMark, type Mark } from '../core/mark.ts';
import type { ProbeProfile } from '../core/model.ts';
import { isSurplusAddress, isSurplusRoute } from '../core/plan/endpoints.ts';
import type { DesiredEndpoint } from '../core/plan/model.ts';
import { LandlineError } from '../errors.ts';
import { type Host, type Inside, isKernelError, type Link, type Route } from '../host/index.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { macFromDigest } from '../net/mac.ts';
import { arpAnnouncement, encodeArp } from '../wire/arp/arp.ts';
import { type Ears, openEars } from './ears.ts';
import type { Forwarding } from './forwarding.ts';
import { setIpv6 } from './ipv6.ts';
import { probe } from './probe.ts';
import { maxBridgePorts, refusal, unless } from './refusals.ts';
import { mendSource, setSource } from './source-routing.ts';

export interface AttachWish {
  readonly endpoint: LanEndpoint;
  readonly mark: Mark;
  /** Link group of the installation. */
  readonly group: number;
  /** Path of the sandbox's namespace. */
  readonly netns: string;
  readonly probe: ProbeProfile;
  /** For messages: the sandbox as the user knows it. */
  readonly target: string;
}

/** How long it took, in milliseconds: `attachMs` from the first kernel request to the announcement, without the probe. */
export interface AttachTimes {
  readonly attachMs: number;
  readonly probeMs: number;
}

/** An endpoint of a LAN network. */
export type LanEndpoint = DesiredEndpoint & { readonly bridge: string };

/** The bridge of a network, up and ready. @throws LandlineError BRIDGE_MISSING, BRIDGE_DOWN */
async function findBridge(host: Host, endpoint: Pick<LanEndpoint, 'bridge' | 'network'>): Promise<Link> {
  const { bridge: name, network } = endpoint;
  const bridge = await host.kernel.getLink(name);
  if (bridge?.kind !== 'bridge') throw new LandlineError('BRIDGE_MISSING', { network, bridge: name });
  if (!bridge.up) throw new LandlineError('BRIDGE_DOWN', { network, bridge: name });
  return bridge;
}

/**
 * Attaches, all or nothing.
 * @throws LandlineError BRIDGE_MISSING, BRIDGE_DOWN, BRIDGE_FULL, INTERFACE_TAKEN, ADDRESS_TAKEN, KERNEL_REFUSED
 */
export async function attach(host: Host, forwarding: Forwarding, wish: AttachWish): Promise<AttachTimes> {
  const begin = performance.now();
  const bridge = await findBridge(host, wish.endpoint);
  // The kernel makes the veth on a thread of its own; meanwhile the door to the sandbox is opened.
  const adding = addVeth(host, wish, bridge);
  adding.catch(() => undefined);
  try {
    const probeMs = await host.within(wish.netns, async (inside) => configure(host, forwarding, wish, inside, await adding));
    return { attachMs: performance.now() - begin - probeMs, probeMs };
  } catch (error) {
    const veth = await adding;
    const gone = isKernelError(error, 'ENODEV')
      ? new LandlineError('TARGET_GONE', { target: wish.target }, { cause: error })
      : error;
    throw await undo(host, veth.index, gone);
  }
}

/** What a link without an address is made with. */
export interface PlugWish extends Pick<AttachWish, 'mark' | 'group' | 'netns' | 'target'> {
  readonly endpoint: Pick<LanEndpoint, 'network' | 'interface' | 'bridge' | 'mac'>;
}

/**
 * Makes the link alone, all or nothing; it passes frames when this returns.
 * @throws LandlineError BRIDGE_MISSING, BRIDGE_DOWN, BRIDGE_FULL, INTERFACE_TAKEN, KERNEL_REFUSED
 */
export async function plug(host: Host, forwarding: Forwarding, wish: PlugWish): Promise<void> {
  const bridge = await findBridge(host, wish.endpoint);
  const veth = await addVeth(host, wish, bridge);
  try {
    await host.within(wish.netns, async (inside) => {
      disableIpv6(host, inside, veth, wish.endpoint.interface);
      await inside.kernel.configure(veth.peer, { up: true, routes: [] });
    });
    await forwarding.wait(host, veth.index);
  } catch (error) {
    throw await undo(host, veth.index, error);
  }
}

/** Before the sandbox's end is up: without a carrier the host's end has not said a word of IPv6 yet. */
function disableIpv6(host: Host, inside: Inside, veth: Veth, name: string): void {
  host.sysctl(`ipv6/conf/${veth.name}/disable_ipv6`, '1', { optional: true });
  inside.sysctl(`ipv6/conf/${name}/disable_ipv6`, '1', { optional: true });
}

/** Takes every IPv4 address from a link, and with them its routes. */
export async function unaddress(host: Host, netns: string, name: string): Promise<void> {
  await host.within(netns, async ({ kernel }) => {
    const link = await kernel.getLink(name);
    if (link === undefined) return;
    for (const it of await kernel.listAddresses(link.index)) await unless(kernel.deleteAddress(it), 'EADDRNOTAVAIL');
  });
}

/** What a refusal to make a veth is told with; a link of the private network has no bridge. */
interface VethWish {
  readonly endpoint: Pick<DesiredEndpoint, 'interface'> & Partial<Pick<DesiredEndpoint, 'bridge'>>;
  readonly target: string;
}

/** Both ends of a new veth: the host's, and the one in the sandbox. */
export interface Veth {
  readonly name: string;
  readonly index: number;
  readonly peer: number;
}

/**
 * A veth into the sandbox, ours by its group from the first moment. The host's end is up, and passes nothing before the
 * other one is.
 */
async function addVeth(host: Host, wish: PlugWish, bridge: Link): Promise<Veth> {
  const { endpoint } = wish;
  const name = `ll${randomBytes(5).toString('hex')}`;
  const peer = { name: endpoint.interface, mac: endpoint.mac, netns: wish.netns };
  const mac = macFromDigest(randomBytes(5), 0xfe);
  try {
    const alias = formatMark(wish.mark);
    const { mtu, index: controller } = bridge;
    const added = await host.kernel.addLink({
      kind: 'veth',
      name,
      mac,
      mtu,
      group: wish.group,
      alias,
      controller,
      up: true,
      peer,
    });
    return { name, index: added.index, peer: added.peer ?? 0 };
  } catch (error) {
    throw await takeBack(host, name, addRefusal(error, wish));
  }
}

/** A refusal may mean that the answer was lost, and the veth is there: it goes by its name, which is its own. */
export async function takeBack(host: Host, name: string, first: unknown): Promise<unknown> {
  const link = await host.kernel.getLink(name).catch(() => undefined);
  return link === undefined ? first : undo(host, link.index, first);
}

/** Why there is no veth into a sandbox. */
export function addRefusal(error: unknown, wish: VethWish): unknown {
  const { endpoint, target } = wish;
  if (isKernelError(error, 'EXFULL') && endpoint.bridge !== undefined) {
    return new LandlineError('BRIDGE_FULL', { bridge: endpoint.bridge, ports: maxBridgePorts }, { cause: error });
  }
  if (isKernelError(error, 'EEXIST'))
    return new LandlineError('INTERFACE_TAKEN', { interface: endpoint.interface, target }, { cause: error });
  if (isKernelError(error, 'ENOENT', 'EINVAL') && error.doing.startsWith('open ')) {
    return new LandlineError('TARGET_GONE', { target }, { cause: error });
  }
  return refusal(error);
}

/** IPv6 off; inside: up, probe, address, routes, announcement. @returns how long the probe took, in milliseconds */
async function configure(host: Host, forwarding: Forwarding, wish: AttachWish, inside: Inside, veth: Veth): Promise<number> {
  const { endpoint } = wish;
  disableIpv6(host, inside, veth, endpoint.interface);
  const settings = { address: endpoint.address, routes: routesOf(endpoint, veth.peer) };
  if (wish.probe !== 'off') return configureProbed(host, forwarding, wish, inside, veth, settings);
  await inside.kernel.configure(veth.peer, { up: true, ...settings });
  await setSource(inside, veth.peer, endpoint);
  await forwarding.wait(host, veth.index);
  announce(inside, veth.peer, endpoint);
  return setIpv6(inside, veth.peer, endpoint, wish.probe);
}

type Settings = Omit<Parameters<Inside['kernel']['configure']>[1], 'up'>;

/** One socket for both, the probe and the announcement: its close is what costs. */
async function configureProbed(
  host: Host,
  forwarding: Forwarding,
  wish: AttachWish,
  inside: Inside,
  veth: Veth,
  settings: Settings,
): Promise<number> {
  await inside.kernel.configure(veth.peer, { up: true, routes: [] });
  const ears = openEars(inside, veth.peer);
  try {
    const probeMs = await probeAddress(host, forwarding, wish, ears, veth.index);
    await inside.kernel.configure(veth.peer, { up: false, ...settings });
    await setSource(inside, veth.peer, wish.endpoint);
    await forwarding.wait(host, veth.index);
    ears.send(announcementOf(wish.endpoint));
    return probeMs + (await setIpv6(inside, veth.peer, wish.endpoint, wish.probe));
  } finally {
    ears.close();
  }
}

async function probeAddress(host: Host, forwarding: Forwarding, wish: AttachWish, ears: Ears, hostEnd: number): Promise<number> {
  if (wish.probe === 'off') return 0;
  const begin = performance.now();
  await forwarding.wait(host, hostEnd);
  const { mac, address, network } = wish.endpoint;
  const holder = await probe(ears, { mac, address: address.address }, wish.probe);
  if (holder !== undefined) {
    throw new LandlineError('ADDRESS_TAKEN', { address: formatIpv4(address.address), network, holder });
  }
  return performance.now() - begin;
}

export async function requireLink(inside: Inside, name: string, target: string): Promise<Link> {
  const link = await inside.kernel.getLink(name);
  if (link === undefined) throw new LandlineError('TARGET_GONE', { target });
  return link;
}

function routesOf(endpoint: DesiredEndpoint, link: number): Route[] {
  return endpoint.routes.map(({ to, via }) => ({ to, link, ...(via === 0 ? {} : { via }) }));
}

/** "This address is mine now" (RFC 5227 section 2.3), so that every neighbour's cache is right at once. */
const announcementOf = ({ mac, address }: Pick<DesiredEndpoint, 'mac' | 'address'>): Uint8Array =>
  encodeArp(arpAnnouncement(mac, address.address));

function announce(inside: Inside, link: number, endpoint: Pick<DesiredEndpoint, 'mac' | 'address'>): void {
  const arp = inside.openArp(link);
  try {
    arp.send(announcementOf(endpoint));
  } finally {
    arp.close();
  }
}

/** Announces again (RFC 5227 section 2.3, ANNOUNCE_NUM 2), for whoever missed the first; unless the address has gone meanwhile. */
export async function announceAgain(
  host: Host,
  netns: string,
  endpoint: Pick<DesiredEndpoint, 'interface' | 'mac' | 'address'>,
): Promise<void> {
  await host.within(netns, async (inside) => {
    const link = await inside.kernel.getLink(endpoint.interface);
    const addresses = await inside.kernel.listAddresses();
    const isItsOwn = addresses.some((it) => it.link === link?.index && it.address.address === endpoint.address.address);
    if (link?.up === true && isItsOwn) announce(inside, link.index, endpoint);
  });
}

/** Takes the veth away again. What fails on the way back is kept beside the first error, never instead of it. */
export async function undo(host: Host, hostEnd: number, first: unknown): Promise<unknown> {
  try {
    await deleteLinkIfThere(host, hostEnd);
    return refusal(first);
  } catch (second) {
    return new AggregateError([refusal(first), second], first instanceof Error ? first.message : String(first));
  }
}

export function deleteLinkIfThere(host: Host, index: number): Promise<void> {
  return unless(host.kernel.deleteLink(index), 'ENODEV');
}

/** Puts an endpoint right in place: what somebody took from it comes back, and neighbours are told. */
export async function mend(host: Host, forwarding: Forwarding, wish: AttachWish): Promise<void> {
  const { endpoint } = wish;
  const bridge = await findBridge(host, endpoint);
  await host
    .within(wish.netns, async (inside) => {
      const link = await straighten(host, inside, wish, bridge);
      await unless(inside.kernel.addAddress({ link: link.index, address: endpoint.address }), 'EEXIST');
      await inside.kernel.configure(link.index, { routes: routesOf(endpoint, link.index), up: true });
      await removeSurplus(inside, link.index, endpoint);
      await mendSource(inside, link.index, endpoint);
      await forwarding.wait(host, link.peer ?? 0);
      announce(inside, link.index, endpoint);
      await setIpv6(inside, link.index, endpoint, wish.probe);
    })
    .catch((error: unknown) => {
      throw refusal(error);
    });
}

/** Both ends of a veth as they should be, without regard to addresses. @returns the sandbox's end */
async function straighten(host: Host, inside: Inside, wish: AttachWish, bridge: Link): Promise<Link> {
  const { interface: name, mac, mtu = bridge.mtu } = wish.endpoint;
  const link = await requireLink(inside, name, wish.target);
  if (link.peer !== undefined) await host.kernel.setLink(link.peer, { controller: bridge.index, mtu: bridge.mtu, up: true });
  await inside.kernel.setLink(link.index, { mac, mtu: Math.min(mtu, bridge.mtu), up: true });
  return link;
}

/**
 * Gives an endpoint another address in place: probed while it keeps the former one, so that a refusal changes nothing.
 * @throws LandlineError BRIDGE_MISSING, BRIDGE_DOWN, ADDRESS_TAKEN, KERNEL_REFUSED
 */
export async function readdress(host: Host, forwarding: Forwarding, wish: AttachWish): Promise<void> {
  const { endpoint } = wish;
  const bridge = await findBridge(host, endpoint);
  await host
    .within(wish.netns, async (inside) => {
      const link = await straighten(host, inside, wish, bridge);
      const ears = openEars(inside, link.index);
      try {
        await probeAddress(host, forwarding, wish, ears, link.peer ?? 0);
      } finally {
        ears.close();
      }
      const former = (await inside.kernel.listAddresses()).filter((it) => it.link === link.index);
      for (const it of former) await unless(inside.kernel.deleteAddress(it), 'EADDRNOTAVAIL');
    })
    .catch((error: unknown) => {
      throw refusal(error);
    });
  await mend(host, forwarding, wish);
}

/** Takes away what a former wish has left: the address with another prefix, and routes. What others set stays. */
export async function removeSurplus(
  inside: Inside,
  link: number,
  endpoint: Pick<DesiredEndpoint, 'address' | 'routes' | 'leased'>,
): Promise<void> {
  const { kernel } = inside;
  const [addresses, routes] = await Promise.all([kernel.listAddresses(), kernel.listRoutes()]);
  const surplusAddresses = addresses.filter((it) => it.link === link && isSurplusAddress(endpoint, it.address));
  const surplusRoutes = routes.filter(
    (it) =>
      it.link === link &&
      it.protocol === 'static' &&
      // Of those without a router only a lease's are ours to take.
      (it.via !== undefined || endpoint.leased === true) &&
      isSurplusRoute(endpoint, { to: it.to, via: it.via ?? 0 }),
  );
  for (const it of surplusAddresses) await unless(kernel.deleteAddress(it), 'EADDRNOTAVAIL');
  for (const it of surplusRoutes) await unless(kernel.deleteRoute(it), 'ESRCH');
}

/** Takes an endpoint away: the link of the sandbox, and with it the host's end. Gone already is success. */
export async function detach(host: Host, netns: string, name: string): Promise<void> {
  try {
    await host.within(netns, async (inside) => {
      const link = await inside.kernel.getLink(name);
      if (link !== undefined) await inside.kernel.deleteLink(link.index);
    });
  } catch (error) {
    if (!isKernelError(error, 'ENODEV', 'ENOENT')) throw refusal(error);
  }
}
