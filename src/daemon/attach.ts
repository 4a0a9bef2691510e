/**
 * Attaching a sandbox to a LAN network, mending an endpoint, detaching it.
 *
 * The order: the veth with its mark, up without an address; the probe; the address and routes; the announcement, once
 * the bridge's port passes frames. Whatever fails after the veth was made takes it away again.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatMark, type Mark } from '../core/mark.ts';
import type { ParentLink, ProbeProfile } from '../core/model.ts';
import { isSurplusAddress, isSurplusRoute } from '../core/plan/endpoints.ts';
import type { DesiredEndpoint } from '../core/plan/model.ts';
import { isLandlineError, LandlineError } from '../errors.ts';
import { type Host, type Inside, isKernelError, type Link, type Route } from '../host/index.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { macFromDigest } from '../net/mac.ts';
import { arpAnnouncement, encodeArp } from '../wire/arp/arp.ts';
import { addChild, type Child, findParent, retireElsewhere, undoChild } from './child.ts';
import { type Ears, openEars } from './ears.ts';
import type { Forwarding } from './forwarding.ts';
import { setIpv6 } from './ipv6.ts';
import type { NicLoan } from './nic.ts';
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
  /** Of an endpoint that is a NIC of the host itself. */
  readonly nic?: NicLoan;
}

/**
 * How long it took, in milliseconds: `attachMs` from the first kernel request to the announcement, without the probe and
 * without the wait for links that were asked for before.
 */
export interface AttachTimes {
  readonly attachMs: number;
  readonly probeMs: number;
}

/** What an endpoint of a LAN network stands on: a bridge, or a NIC. */
export type Ground = { readonly bridge: string; readonly parent?: undefined } | { readonly parent: ParentLink };

/** An endpoint of a LAN network: a port of a bridge, or the child of a NIC. */
export type LanEndpoint = DesiredEndpoint & Ground;

/** What a new endpoint stands on: a bridge, or a NIC. */
async function findGround(host: Host, { endpoint, nic }: Pick<PlugWish, 'endpoint' | 'nic'>): Promise<Link> {
  if (nic !== undefined) return nic.find();
  return isChild(endpoint) ? findParent(host, endpoint.network, endpoint.parent) : findBridge(host, endpoint);
}

/** The same of one that is there; a NIC that was given away stands for itself. */
async function findStanding(host: Host, wish: AttachWish): Promise<Link> {
  if (wish.nic === undefined) return findGround(host, wish);
  return host.within(wish.netns, (inside) => requireLink(inside, wish.endpoint.interface, wish.target));
}

/** What of an endpoint its link is made of. */
type PluggedEndpoint = Pick<DesiredEndpoint, 'network' | 'interface' | 'mac' | 'hostInterface'> & Ground;

const isChild = <E extends PluggedEndpoint>(endpoint: E): endpoint is Extract<E, { readonly parent: ParentLink }> =>
  endpoint.parent !== undefined;

/** The bridge of a network, up and ready. @throws LandlineError BRIDGE_MISSING, BRIDGE_DOWN */
export async function findBridge(host: Host, endpoint: { readonly network: string; readonly bridge: string }): Promise<Link> {
  const { bridge: name, network } = endpoint;
  const bridge = await host.kernel.getLink(name);
  if (bridge?.kind !== 'bridge') throw new LandlineError('BRIDGE_MISSING', { network, bridge: name });
  if (!bridge.up) throw new LandlineError('BRIDGE_DOWN', { network, bridge: name });
  return bridge;
}

/**
 * Attaches, all or nothing.
 * @throws LandlineError BRIDGE_MISSING, BRIDGE_DOWN, BRIDGE_FULL, PARENT_*, KIND_MISSING, MAC_TAKEN, INTERFACE_TAKEN, ADDRESS_TAKEN, KERNEL_REFUSED
 */
export async function attach(host: Host, forwarding: Forwarding, wish: AttachWish): Promise<AttachTimes> {
  const { endpoint } = wish;
  if (!isChild(endpoint)) return attachOnce(host, forwarding, wish);
  const begin = performance.now();
  for (let tries = 1; ; tries += 1) {
    try {
      return await attachOnce(host, forwarding, wish);
    } catch (error) {
      if (!isLandlineError(error, 'MAC_TAKEN') || performance.now() > begin + oldGenerationMs) throw error;
      // The link of a sandbox that has just ended goes by itself in a moment; that of one which lives on is retired.
      if (tries === 3) await retireElsewhere(host, { ...wish, endpoint });
      await sleep(macRetryMs);
    }
  }
}

async function attachOnce(host: Host, forwarding: Forwarding, asked: AttachWish): Promise<AttachTimes> {
  const begin = performance.now();
  const ground = await findGround(host, asked);
  const wish = grounded(asked, ground);
  // The kernel makes the link on a thread of its own; meanwhile the door to the sandbox is opened.
  const adding = addEnds(host, wish, ground);
  adding.catch(() => undefined);
  try {
    const probeMs = await host.within(wish.netns, async (inside) => configure(host, forwarding, wish, inside, await adding));
    const { queuedMs } = await adding;
    return { attachMs: performance.now() - begin - probeMs - queuedMs, probeMs };
  } catch (error) {
    const ends = await adding;
    const gone = isKernelError(error, 'ENODEV')
      ? new LandlineError('TARGET_GONE', { target: wish.target }, { cause: error })
      : macRefusal(error, wish.endpoint);
    throw await undoEnds(host, wish, ends, gone);
  }
}

/** What a link without an address is made with. */
export interface PlugWish extends Pick<AttachWish, 'mark' | 'group' | 'netns' | 'target' | 'nic'> {
  readonly endpoint: PluggedEndpoint;
}

/**
 * Makes the link alone, all or nothing; it passes frames when this returns.
 * @throws LandlineError BRIDGE_MISSING, BRIDGE_DOWN, BRIDGE_FULL, PARENT_*, INTERFACE_TAKEN, KERNEL_REFUSED
 */
export async function plug(host: Host, forwarding: Forwarding, wish: PlugWish): Promise<void> {
  const ground = await findGround(host, wish);
  const ends = await addEnds(host, wish, ground);
  try {
    await host.within(wish.netns, async (inside) => {
      disableIpv6(host, inside, ends, wish.endpoint.interface);
      await inside.kernel.configure(ends.peer, { up: true, routes: [] });
    });
    await awaitPassing(host, forwarding, hostEndOf(ends));
  } catch (error) {
    throw await undoEnds(host, wish, ends, macRefusal(error, wish.endpoint));
  }
}

/** Before the sandbox's end is up: without a carrier the host's end has not said a word of IPv6 yet. */
function disableIpv6(host: Host, inside: Inside, ends: Ends, name: string): void {
  if ('name' in ends) host.sysctl(`ipv6/conf/${ends.name}/disable_ipv6`, '1', { optional: true });
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

/** An ipvlan speaks under the MAC of its NIC. */
function grounded(wish: AttachWish, ground: Link): AttachWish {
  const { endpoint } = wish;
  return endpoint.parent?.kind === 'ipvlan' ? { ...wish, endpoint: { ...endpoint, mac: ground.mac } } : wish;
}

/** Of two children of one NIC with the same MAC only one comes up. */
function macRefusal(error: unknown, { mac, parent }: PluggedEndpoint): unknown {
  if (parent === undefined || !isKernelError(error, 'EADDRINUSE')) return error;
  return new LandlineError('MAC_TAKEN', { mac, parent: parent.link }, { cause: error });
}

/** How long a MAC that is taken is waited for, and how long between two tries, in milliseconds. */
const oldGenerationMs = 2000;
const macRetryMs = 40;

/** A new veth; or the child of a NIC or a NIC itself, which have no end on the host. */
type Ends = Veth | Child;

async function addEnds(host: Host, wish: PlugWish, ground: Link): Promise<Ends> {
  const { endpoint } = wish;
  if (wish.nic !== undefined) return wish.nic.lend();
  return isChild(endpoint) ? addChild(host, { ...wish, endpoint }, ground) : addVeth(host, wish, ground);
}

async function undoEnds(host: Host, wish: Pick<PlugWish, 'netns' | 'nic'>, ends: Ends, first: unknown): Promise<unknown> {
  if (wish.nic !== undefined) return wish.nic.takeBack(first);
  return 'index' in ends ? undo(host, ends.index, first) : undoChild(host, wish.netns, ends.peer, first);
}

/** Waits until what the sandbox sends gets out: a bridge's port takes a moment. */
async function awaitPassing(host: Host, forwarding: Forwarding, hostEnd: number | undefined): Promise<void> {
  if (hostEnd !== undefined) await forwarding.wait(host, hostEnd);
}

const hostEndOf = (ends: Ends): number | undefined => ('index' in ends ? ends.index : undefined);

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
  /** How long it waited for its turn, in milliseconds. */
  readonly queuedMs: number;
}

/**
 * A veth into the sandbox, ours by its group from the first moment. The host's end is up, and passes nothing before the
 * other one is.
 */
async function addVeth(host: Host, wish: PlugWish, bridge: Link): Promise<Veth> {
  const { endpoint } = wish;
  const isAside = wish.mark.aside === true;
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
      ...(isAside ? {} : { controller }),
      up: true,
      peer,
    });
    if (isAside) turnDeaf(host, name);
    const veth = { name, index: added.index, peer: added.peer ?? 0, queuedMs: added.queuedMs };
    return endpoint.hostInterface === undefined ? veth : await rename(host, veth, endpoint.hostInterface, wish.target);
  } catch (error) {
    throw await takeBack(host, name, addRefusal(error, wish));
  }
}

/**
 * A host's end on no bridge would be one more network of the host's own, with an address behind it that is another's as
 * yet: the host answers nobody there, and believes nothing that comes from there. A port of a bridge never asks for either.
 */
function turnDeaf(host: Host, name: string): void {
  host.sysctl(`ipv4/conf/${name}/arp_ignore`, '8', { optional: true });
  host.sysctl(`ipv4/conf/${name}/rp_filter`, '1', { optional: true });
}

/** A link with the name of somebody else's is never asked for: a lost answer could not be told from theirs. */
async function rename(host: Host, veth: Veth, name: string, target: string): Promise<Veth> {
  try {
    // Before Linux 6.3 a link that is up keeps its name.
    await host.kernel.setLink(veth.index, { up: false });
    await host.kernel.setLink(veth.index, { name });
    await host.kernel.setLink(veth.index, { up: true });
    return { ...veth, name };
  } catch (error) {
    if (!isKernelError(error, 'EEXIST')) throw await undo(host, veth.index, error);
    throw await undo(
      host,
      veth.index,
      new LandlineError('INTERFACE_TAKEN', { interface: name, target: `this host, for ${target}` }),
    );
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
async function configure(host: Host, forwarding: Forwarding, wish: AttachWish, inside: Inside, ends: Ends): Promise<number> {
  const { endpoint } = wish;
  disableIpv6(host, inside, ends, endpoint.interface);
  const settings = { address: endpoint.address, routes: routesOf(endpoint, ends.peer) };
  if (endpoint.aside === true) return configureAside(wish, inside, ends.peer, settings);
  if (wish.probe !== 'off') return configureProbed(host, forwarding, wish, inside, ends, settings);
  await inside.kernel.configure(ends.peer, { up: true, ...settings });
  await setSource(inside, ends.peer, endpoint);
  await awaitPassing(host, forwarding, hostEndOf(ends));
  announce(inside, ends.peer, endpoint);
  return setIpv6(inside, ends.peer, endpoint, wish.probe);
}

/** Nobody is asked and nobody told: the address is on the LAN already, and not here. */
async function configureAside({ endpoint }: AttachWish, inside: Inside, link: number, settings: Settings): Promise<number> {
  await inside.kernel.configure(link, { up: true, ...settings });
  await setSource(inside, link, endpoint);
  return setIpv6(inside, link, endpoint, 'off');
}

type Settings = Omit<Parameters<Inside['kernel']['configure']>[1], 'up'>;

/** One socket for both, the probe and the announcement: its close is what costs. */
async function configureProbed(
  host: Host,
  forwarding: Forwarding,
  wish: AttachWish,
  inside: Inside,
  ends: Ends,
  settings: Settings,
): Promise<number> {
  await inside.kernel.configure(ends.peer, { up: true, routes: [] });
  const ears = openEars(inside, ends.peer);
  try {
    const probeMs = await probeAddress(host, forwarding, wish, ears, hostEndOf(ends));
    await inside.kernel.configure(ends.peer, { up: false, ...settings });
    await setSource(inside, ends.peer, wish.endpoint);
    await awaitPassing(host, forwarding, hostEndOf(ends));
    ears.send(announcementOf(wish.endpoint));
    return probeMs + (await setIpv6(inside, ends.peer, wish.endpoint, wish.probe));
  } finally {
    ears.close();
  }
}

async function probeAddress(
  host: Host,
  forwarding: Forwarding,
  wish: AttachWish,
  ears: Ears,
  hostEnd: number | undefined,
): Promise<number> {
  if (wish.probe === 'off') return 0;
  const begin = performance.now();
  await awaitPassing(host, forwarding, hostEnd);
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

export function announce(inside: Inside, link: number, endpoint: Pick<DesiredEndpoint, 'mac' | 'address'>): void {
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
export async function mend(host: Host, forwarding: Forwarding, asked: AttachWish): Promise<void> {
  const ground = await findStanding(host, asked);
  const wish = grounded(asked, ground);
  const { endpoint } = wish;
  await host
    .within(wish.netns, async (inside) => {
      const link = await straighten(host, inside, wish, ground);
      await unless(inside.kernel.addAddress({ link: link.index, address: endpoint.address }), 'EEXIST');
      await inside.kernel.configure(link.index, { routes: routesOf(endpoint, link.index), up: true });
      await removeSurplus(inside, link.index, endpoint);
      await mendSource(inside, link.index, endpoint);
      if (endpoint.aside !== true) {
        await awaitPassing(host, forwarding, peerOnHost(wish, link));
        announce(inside, link.index, endpoint);
      }
      await setIpv6(inside, link.index, endpoint, endpoint.aside === true ? 'off' : wish.probe);
    })
    .catch((error: unknown) => {
      throw refusal(error);
    });
}

/** Both ends of a veth as they should be, without regard to addresses. @returns the sandbox's end */
async function straighten(host: Host, inside: Inside, wish: AttachWish, ground: Link): Promise<Link> {
  const { interface: name, mac, mtu = ground.mtu, aside } = wish.endpoint;
  const controller = aside === true ? {} : { controller: ground.index };
  const link = await requireLink(inside, name, wish.target);
  const hostEnd = peerOnHost(wish, link);
  if (hostEnd !== undefined) await host.kernel.setLink(hostEnd, { ...controller, mtu: ground.mtu, up: true });
  // Most hardware takes another MAC only while it is down, and refuses its own too (eth_prepare_mac_addr_change, net/ethernet/eth.c).
  const own = wish.endpoint.parent?.kind === 'ipvlan' || link.mac === mac ? {} : { mac };
  if (wish.nic !== undefined && link.mac !== mac) await inside.kernel.setLink(link.index, { up: false });
  await inside.kernel.setLink(link.index, { ...own, mtu: Math.min(mtu, ground.mtu), up: true });
  return link;
}

/** The host's end of a veth; what a child of a NIC has for a peer is the NIC, which is left alone. */
const peerOnHost = ({ endpoint }: AttachWish, link: Link): number | undefined =>
  isChild(endpoint) ? undefined : (link.peer ?? 0);

/**
 * Gives an endpoint another address in place: probed while it keeps the former one, so that a refusal changes nothing.
 * @throws LandlineError BRIDGE_MISSING, BRIDGE_DOWN, ADDRESS_TAKEN, KERNEL_REFUSED
 */
export async function readdress(host: Host, forwarding: Forwarding, asked: AttachWish): Promise<void> {
  const ground = await findStanding(host, asked);
  const wish = grounded(asked, ground);
  await host
    .within(wish.netns, async (inside) => {
      const link = await straighten(host, inside, wish, ground);
      const ears = openEars(inside, link.index);
      try {
        await probeAddress(host, forwarding, wish, ears, peerOnHost(wish, link));
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
