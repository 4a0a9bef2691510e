/**
 * The NICs that LAN networks are on, and whether they have a carrier. One that comes back may lead to another LAN, or to one
 * whose DHCP server has forgotten us: leases are then asked for again (RFC 2131 section 3.7).
 */
import { parseMark } from '../core/mark.ts';
import type { LanNetwork } from '../core/model.ts';
import type { KernelEvent, Link } from '../host/index.ts';
import { lansOf } from './networks.ts';
import type { World } from './world.ts';

/** A carrier has gone, or is back, when it stays so for so many milliseconds: plugs and switches bounce. */
const steadyMs = 300;

export interface Carriers {
  hear(event: KernelEvent): void;
  close(): void;
}

/** A link that had a carrier. */
interface Known {
  carrier: boolean;
  /** The networks on it, once they have been told that it is gone. */
  lost?: readonly LanNetwork[];
  timer?: NodeJS.Timeout;
}

export function watchCarriers(world: Pick<World, 'host' | 'events' | 'leases' | 'configuration' | 'linkNetworks'>): Carriers {
  const { events, leases, host } = world;
  const known = new Map<number, Known>();
  let closed = false;

  const note = ({ index, carrier }: Link): void => {
    const it = known.get(index);
    // A link that has never had one, such as that of a container which just starts, loses none.
    if (it === undefined && carrier) known.set(index, { carrier });
    if (it === undefined || it.carrier === carrier || closed) return;
    it.carrier = carrier;
    clearTimeout(it.timer);
    if (carrier !== (it.lost === undefined)) it.timer = setTimeout(() => void settle(index, it), steadyMs);
  };

  /** It may tell of a sandbox's link, which has a number of the host's: only the kernel knows how the host's own is. */
  const hearOf = async ({ index, carrier }: Link): Promise<void> => {
    if ((known.get(index)?.carrier ?? false) === carrier) return;
    // What the kernel cannot be asked about now is looked at with the next event.
    const link = await host.kernel.getLink(index).catch(() => undefined);
    if (link !== undefined) note(link);
  };

  const settle = async (index: number, it: Known): Promise<void> => {
    const link = await host.kernel.getLink(index).catch(() => undefined);
    if (link === undefined || closed) return;
    if (link.carrier !== it.carrier) return note(link);
    const networks = it.lost ?? (await networksOn(link).catch(() => []));
    if (it.carrier) delete it.lost;
    else if (networks.length > 0) it.lost = networks;
    for (const { name } of networks) {
      if (it.carrier) {
        events.tell('carrier back', { network: name, link: link.name });
        leases.lanBack(name);
      } else events.tell('carrier lost', { network: name, link: link.name });
    }
  };

  const forgetGone = async (index: number): Promise<void> => {
    const isThere = await host.kernel.getLink(index).then(
      (link) => link !== undefined,
      () => true,
    );
    if (isThere) return;
    clearTimeout(known.get(index)?.timer);
    known.delete(index);
  };

  const networksOn = async (link: Link): Promise<LanNetwork[]> => {
    if (parseMark(link.alias) !== undefined) return [];
    const isOn = await Promise.all(lansOf(world).map((it) => isGroundOf(it, link)));
    return lansOf(world).filter((_, at) => isOn[at]);
  };

  const isGroundOf = async ({ bridge, parent }: LanNetwork, link: Link): Promise<boolean> => {
    if (bridge === undefined) return parent?.link === link.name;
    return link.controller !== undefined && (await host.kernel.getLink(bridge))?.index === link.controller;
  };

  const lookAtAll = (): void => {
    host.kernel.listLinks().then(
      (links) => links.forEach(note),
      () => undefined,
    );
  };

  lookAtAll();
  return {
    hear: (event) => {
      if (event.kind === 'overrun') lookAtAll();
      if (event.kind !== 'link') return;
      if (event.change === 'new') void hearOf(event.link);
      else if (known.has(event.link.index)) void forgetGone(event.link.index);
    },
    close: () => {
      closed = true;
      for (const { timer } of known.values()) clearTimeout(timer);
    },
  };
}
