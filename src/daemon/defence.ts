/**
 * Defending addresses that are in use (RFC 5227 section 2.4): the bridges of LAN networks are listened to, and whoever says
 * that an address of ours is his hears that it is not. The host's own environments are heard like anybody else.
 */
import type { Lease, Network } from '../core/model.ts';
import { homeNetns } from '../host/index.ts';
import { formatIpv4, type Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import { decodeArp } from '../wire/arp/arp.ts';
import { WireError } from '../wire/bytes.ts';
import { announceAgain } from './attach.ts';
import { sandboxPath } from './sandbox.ts';
import type { World } from './world.ts';

/** DEFEND_INTERVAL (section 1.1), in milliseconds. */
const defendIntervalMs = 10_000;

/** A bridge that comes, goes or is made anew is noticed within so many milliseconds. */
const followMs = 5_000;

/** Who has which address is asked of the ledger so often at most, in milliseconds: a LAN may have hundreds of frames in a second. */
const freshMs = 1_000;

export interface Defence {
  close(): void;
}

interface Listening {
  readonly index: number;
  close(): void;
}

export function openDefence(world: World): Defence {
  const listening = new Map<string, Listening>();
  /** When somebody last claimed an endpoint's address. */
  const claimedAt = new Map<string, number>();
  let known: { readonly at: number; readonly macs: ReadonlyMap<Ipv4, Mac> } | undefined;
  let closed = false;

  const macOf = (address: Ipv4): Mac | undefined => {
    const now = performance.now();
    if (known === undefined || now > known.at + freshMs)
      known = { at: now, macs: new Map(world.store.leases().map((it) => [it.address, it.mac])) };
    return known.macs.get(address);
  };

  const hear = (network: string, frame: Uint8Array): void => {
    const heard = readArp(frame);
    const own = heard === undefined ? undefined : macOf(heard.senderAddress);
    if (heard === undefined || own === undefined || own === heard.senderMac) return;
    // What was remembered may be a moment old.
    const lease = world.store.leases().find((it) => it.network === network && it.address === heard.senderAddress);
    if (lease !== undefined && lease.mac !== heard.senderMac) contest(lease, heard.senderMac);
  };

  /** Once it is defended. A lease that is claimed again soon is given up, any other address is ours by decree, and stays. */
  const contest = (lease: Lease, by: Mac): void => {
    const { environment, network, interface: link } = lease;
    const key = `${environment}/${link}`;
    const before = claimedAt.get(key) ?? Number.NEGATIVE_INFINITY;
    const now = performance.now();
    claimedAt.set(key, now);
    if (now < before + defendIntervalMs) {
      if (lease.source === 'dhcp') world.leases.conflict(lease, by);
      return;
    }
    world.events.tell('address contested', { environment, network, interface: link, address: formatIpv4(lease.address), by });
    defend(lease).catch((error: unknown) => world.events.tell('could not defend', { environment, problem: String(error) }));
  };

  const defend = async (lease: Lease): Promise<void> => {
    const spec = world.store.environment(lease.environment)?.spec;
    const netns = spec === undefined ? undefined : sandboxPath(world, spec);
    if (netns === undefined) return;
    await announceAgain(world.host, netns, {
      interface: lease.interface,
      mac: lease.mac,
      address: { address: lease.address, length: 32 },
    });
  };

  const follow = async ({ name, bridge }: Network): Promise<void> => {
    const link = bridge === undefined ? undefined : await world.host.kernel.getLink(bridge);
    const there = listening.get(name);
    if (there?.index === link?.index) return;
    there?.close();
    listening.delete(name);
    if (link !== undefined && !closed) listening.set(name, listen(name, link.index));
  };

  const listen = (network: string, index: number): Listening => {
    const ended = Promise.withResolvers<void>();
    world.host
      .within(homeNetns, async (inside) => {
        inside.openArp(index, (frame) => hear(network, frame));
        await ended.promise;
      })
      // The bridge went in this moment: the next look finds it, or not.
      .catch(() => listening.delete(network));
    return { index, close: ended.resolve };
  };

  const followAll = (): void => {
    const { networks } = world.configuration;
    for (const [name, it] of listening) {
      if (networks.some((network) => network.name === name)) continue;
      it.close();
      listening.delete(name);
    }
    for (const it of networks) follow(it).catch(() => undefined);
  };
  followAll();
  const timer = setInterval(followAll, followMs);
  return {
    close: () => {
      closed = true;
      clearInterval(timer);
      for (const it of listening.values()) it.close();
    },
  };
}

function readArp(frame: Uint8Array): ReturnType<typeof decodeArp> | undefined {
  try {
    return decodeArp(frame);
  } catch (error) {
    // What is not ARP for IPv4 claims nothing.
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
