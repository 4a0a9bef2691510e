/** Whether the host can do without a NIC. What it could not get back by itself, or is reached by, stays. */
import fs from 'node:fs';
import { LandlineError } from '../errors.ts';
import type { Host, Link } from '../host/index.ts';
import { connectedAddresses } from '../host/listeners.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { lansOf } from './networks.ts';
import type { World } from './world.ts';

/** What hangs on a NIC by its number, and would be left without it. */
const uppers = ['macvlan', 'macvtap', 'ipvlan', 'ipvtap', 'vlan', 'macsec'];

/** Hardware; and what stands for it in a virtual machine's namespaces, or on a trunk. */
const movable = [undefined, 'veth', 'vlan'];

type FreeWorld = Pick<World, 'host' | 'store' | 'configuration' | 'linkNetworks'>;

/** @throws LandlineError NIC_MISSING, NIC_IN_USE, NIC_IMMOVABLE */
export async function requireFree(world: FreeWorld, nic: string): Promise<Link> {
  const links = await world.host.kernel.listLinks();
  const link = links.find((it) => it.name === nic);
  if (link === undefined) throw new LandlineError('NIC_MISSING', { nic });
  requireMovable(link);
  const inUse =
    whyUpper(link, links) ??
    whyNetwork(world, nic) ??
    (await whyWayOut(world.host, link)) ??
    (await whyReached(world.host, link));
  if (inUse !== undefined) throw new LandlineError('NIC_IN_USE', { nic, ...inUse });
  return link;
}

/** @throws LandlineError NIC_IMMOVABLE */
function requireMovable({ name: nic, kind }: Link): void {
  if (nic === 'lo' || !movable.includes(kind)) {
    const because = nic === 'lo' ? 'it is the loopback' : `it is a ${kind} that lives in software, and no NIC`;
    throw new LandlineError('NIC_IMMOVABLE', { nic, because, instead: 'name a NIC; what joins a bridge needs no --direct-phys' });
  }
  if (fs.existsSync(`/sys/class/net/${nic}/phy80211`)) {
    const instead = 'use a NIC with a cable; `iw phy` moves a radio by hand';
    throw new LandlineError('NIC_IMMOVABLE', { nic, because: 'a wireless link moves with its whole radio alone', instead });
  }
}

interface Use {
  readonly use: string;
  readonly instead: string;
}

function whyUpper(link: Link, links: readonly Link[]): Use | undefined {
  if (link.controller !== undefined) {
    const { name, kind } = links.find((it) => it.index === link.controller) ?? { name: 'another link', kind: 'bridge' };
    const instead =
      kind === 'bridge'
        ? `name ${name} itself: the container is then on that bridge`
        : `take it out of ${name} first, or name another NIC`;
    return { use: `it is a port of ${name}`, instead };
  }
  const upper = links.find((it) => it.peer === link.index && uppers.includes(it.kind ?? ''));
  if (upper === undefined) return undefined;
  return { use: `${upper.name}, a ${upper.kind}, is on it`, instead: `remove ${upper.name} first, or leave --direct-phys out` };
}

function whyNetwork(world: FreeWorld, nic: string): Use | undefined {
  const instead = 'leave --direct-phys out: the container then has a macvlan of the NIC';
  const isOn = lansOf(world).filter((it) => it.parent?.link === nic && it.parent.kind !== 'phys');
  const configured = isOn.find((it) => world.configuration.networks.includes(it));
  if (configured !== undefined) return { use: `network '${configured.name}' of landline.yaml is on it`, instead };
  const names = new Set(isOn.map((it) => it.name));
  const other = world.store.environments().find(({ spec }) => spec.endpoints.some((it) => names.has(it.network)));
  return other === undefined ? undefined : { use: `'${other.spec.name}' has a link on it`, instead };
}

async function whyWayOut({ kernel }: Host, { index }: Link): Promise<Use | undefined> {
  const ways = [...(await kernel.listRoutes(index)), ...(await kernel.listRoutes6())];
  const isWayOut = ways.some((it) => it.link === index && it.to.length === 0);
  return isWayOut
    ? { use: "the host's default route leads over it", instead: 'name a NIC that the host can do without' }
    : undefined;
}

/** The connection of whoever administers the host is one of these. */
async function whyReached({ kernel }: Host, { index }: Link): Promise<Use | undefined> {
  const isOn = (it: { readonly link: number }): boolean => it.link === index;
  const own = [
    ...(await kernel.listAddresses()).filter(isOn).map((it) => formatIpv4(it.address.address)),
    ...(await kernel.listAddresses6()).filter(isOn).map((it) => it.address.address),
  ];
  const connected = own.length === 0 ? new Set() : await connectedAddresses();
  const address = own.find((it) => connected.has(it));
  if (address === undefined) return undefined;
  const instead = 'end it first, or name another NIC: what a NIC has of addresses does not come back with it';
  return { use: `a connection of the host's own is on its address ${address}`, instead };
}
