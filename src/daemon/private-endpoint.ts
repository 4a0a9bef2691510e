/**
 * Attaching a sandbox to the private network, and mending it; detaching is as on a LAN.
 *
 * There is no segment that sandboxes share: each has a veth of its own to the host, which routes. The sandbox's end
 * has its address and the default route; the host's end has the gateway's address, one for all of these links, and the
 * host a route to the sandbox. The firewall knows these links by their group, and has to stand before one is made:
 * it keeps 127.0.0.0/8 to the host (see route_localnet) and sandboxes from each other.
 */
import { randomBytes } from 'node:crypto';
import { privateLinkPrefix } from '../core/firewall/wish.ts';
import { formatMark, type Mark } from '../core/mark.ts';
import type { DesiredEndpoint } from '../core/plan/model.ts';
import type { DesiredPrivateEnd, ObservedPrivateEnd } from '../core/plan/private-end.ts';
import { LandlineError } from '../errors.ts';
import { type Host, isKernelError, type Link, type Route } from '../host/index.ts';
import { readSysctl } from '../host/sysctl.ts';
import { macFromDigest } from '../net/mac.ts';
import type { Prefix } from '../net/prefix.ts';
import {
  type AttachTimes,
  addRefusal,
  deleteLinkIfThere,
  removeSurplus,
  requireLink,
  takeBack,
  undo,
  type Veth,
} from './attach.ts';
import { refusal, unless } from './refusals.ts';
import { mendSource, setSource } from './source-routing.ts';

/** As on a LAN, without a bridge. The default route is one of `routes`; left out, the sandbox reaches the subnet's gateway alone. */
export type PrivateEndpoint = Omit<DesiredEndpoint, 'bridge' | 'private'> & Pick<DesiredPrivateEnd, 'gateway' | 'mtu'>;

export interface PrivateWish {
  readonly endpoint: PrivateEndpoint;
  readonly mark: Mark;
  /** Group of the installation's private links. */
  readonly group: number;
  /** Path of the sandbox's namespace. */
  readonly netns: string;
  /** For messages: the sandbox as the user knows it. */
  readonly target: string;
}

/** Attaches, all or nothing. @throws LandlineError INTERFACE_TAKEN, TARGET_GONE, KERNEL_REFUSED */
export async function attachPrivate(host: Host, wish: PrivateWish): Promise<AttachTimes> {
  const begin = performance.now();
  const veth = await addVeth(host, wish);
  try {
    await configureHostEnd(host, wish, veth);
    await configureSandbox(host, wish, veth.peer);
    return { attachMs: performance.now() - begin - veth.queuedMs, probeMs: 0 };
  } catch (error) {
    const gone = isKernelError(error, 'ENODEV')
      ? new LandlineError('TARGET_GONE', { target: wish.target }, { cause: error })
      : error;
    throw await undo(host, veth.index, gone);
  }
}

/** The host's end is up, and passes nothing before the other one is. */
async function addVeth(host: Host, wish: PrivateWish): Promise<Veth> {
  const { endpoint, group, netns } = wish;
  const name = `${privateLinkPrefix}${randomBytes(5).toString('hex')}`;
  const peer = { name: endpoint.interface, mac: endpoint.mac, netns };
  const mac = macFromDigest(randomBytes(5), 0xfe);
  try {
    const alias = formatMark(wish.mark);
    const added = await host.kernel.addLink({ kind: 'veth', name, mac, mtu: endpoint.mtu, group, alias, up: true, peer });
    return { name, index: added.index, peer: added.peer ?? 0, queuedMs: added.queuedMs };
  } catch (error) {
    throw await takeBack(host, name, addRefusal(error, wish));
  }
}

/** `ip address add GATEWAY/32 dev LINK; ip route add ADDRESS/32 dev LINK` */
async function configureHostEnd(host: Host, { endpoint }: PrivateWish, { name, index }: Veth): Promise<void> {
  setSwitches(host, name);
  await host.kernel.configure(index, { address: alone(endpoint.gateway), routes: [routeTo(endpoint, index)], up: false });
}

const alone = (address: number): Prefix => ({ address, length: 32 });
const routeTo = (endpoint: PrivateEndpoint, link: number): Route => ({ to: alone(endpoint.address.address), link });

/**
 * It passes packets on; it takes answers to what the host sent from 127.0.0.1 (the firewall keeps all others to that
 * address away); it believes no ICMP redirect.
 */
function setSwitches(host: Host, name: string): void {
  host.sysctl(`ipv6/conf/${name}/disable_ipv6`, '1', { optional: true });
  for (const [key, value] of [
    ['forwarding', '1'],
    ['route_localnet', '1'],
    ['accept_redirects', '0'],
  ] as const) {
    host.sysctl(`ipv4/conf/${name}/${key}`, value);
  }
}

function configureSandbox(host: Host, { endpoint, netns }: PrivateWish, link: number): Promise<void> {
  return host.within(netns, async (inside) => {
    inside.sysctl(`ipv6/conf/${endpoint.interface}/disable_ipv6`, '1', { optional: true });
    const routes = endpoint.routes.map((route) => ({ ...route, link }));
    await inside.kernel.configure(link, { address: endpoint.address, routes, up: true });
    await setSource(inside, link, endpoint);
  });
}

/** Puts an endpoint right in place: what somebody took from either end comes back. @throws LandlineError TARGET_GONE, KERNEL_REFUSED */
export async function mendPrivate(host: Host, wish: PrivateWish): Promise<void> {
  const { endpoint, netns } = wish;
  try {
    await host.within(netns, async (inside) => {
      const link = await requireLink(inside, endpoint.interface, wish.target);
      const hostEnd = await host.kernel.getLink(link.peer ?? 0);
      if (hostEnd === undefined) throw new LandlineError('TARGET_GONE', { target: wish.target });
      await mendHostEnd(host, wish, hostEnd);
      await inside.kernel.setLink(link.index, { mac: endpoint.mac, mtu: endpoint.mtu, up: true });
      await unless(inside.kernel.addAddress({ link: link.index, address: endpoint.address }), 'EEXIST');
      const routes = endpoint.routes.map((route) => ({ ...route, link: link.index }));
      await inside.kernel.configure(link.index, { routes, up: true });
      await removeSurplus(inside, link.index, endpoint);
      await mendSource(inside, link.index, endpoint);
    });
  } catch (error) {
    throw refusal(error);
  }
}

async function mendHostEnd(host: Host, { endpoint, mark, group }: PrivateWish, { index, name }: Link): Promise<void> {
  setSwitches(host, name);
  await host.kernel.setLink(index, { alias: formatMark(mark), group, mtu: endpoint.mtu, up: true });
  await unless(host.kernel.addAddress({ link: index, address: alone(endpoint.gateway) }), 'EEXIST');
  await host.kernel.addRoute(routeTo(endpoint, index));
  const surplus = (await host.kernel.listRoutes(index)).filter(
    (it) => it.link === index && it.protocol === 'static' && it.to.address !== endpoint.address.address,
  );
  for (const it of surplus) await unless(host.kernel.deleteRoute(it), 'ESRCH');
}

/** The host's end of a private link, as it is now: for `whyMendPrivateEnd`. */
export async function observePrivateEnd(host: Host, { index, name, up, mtu }: Link): Promise<ObservedPrivateEnd> {
  // It may go at any time, and has nothing then.
  const [addresses, routes] = await Promise.all([
    host.kernel.listAddresses(index).catch(nothingIfGone),
    host.kernel.listRoutes(index).catch(nothingIfGone),
  ]);
  const isOn = (key: string): boolean => (readSysctl(`ipv4/conf/${name}/${key}`) ?? '0') !== '0';
  return {
    up,
    mtu,
    addresses: addresses.filter((it) => it.link === index).map((it) => it.address),
    routes: routes.filter((it) => it.link === index && it.via === undefined).map((it) => it.to),
    forwards: isOn('forwarding'),
    takesLoopback: isOn('route_localnet'),
  };
}

function nothingIfGone(error: unknown): never[] {
  if (isKernelError(error, 'ENODEV')) return [];
  throw error;
}

/** The MTU of the way out of the host, so that no packet of a sandbox is too large there; 1500 without a default route. */
export async function mtuOutwards(host: Host): Promise<number> {
  const routes = await host.kernel.listRoutes();
  const [best] = routes.filter((it) => it.to.length === 0).sort((a, b) => (a.metric ?? 0) - (b.metric ?? 0));
  const link = best?.link === undefined ? undefined : await host.kernel.getLink(best.link);
  return link?.mtu ?? 1500;
}

/** Half-made private links: of our group and without a mark, their making was cut off. */
export async function removeHalfMadePrivate(host: Host, group: number): Promise<readonly string[]> {
  const links = (await host.kernel.listLinks()).filter(
    (it) => it.group === group && it.kind === 'veth' && it.alias === undefined,
  );
  for (const it of links) await deleteLinkIfThere(host, it.index);
  return links.map((it) => it.name);
}
