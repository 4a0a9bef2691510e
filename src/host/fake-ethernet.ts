/** Frames on the fake host: from a link to its other end, over bridges by what they have learned, to sockets and to kernels that answer ARP. */
import { broadcastMac } from '../net/mac.ts';
import { type Arp, decodeArp, encodeArp } from '../wire/arp/arp.ts';
import { portsOf } from './fake-kernel.ts';
import { childrenOf, type FakeLink, type FakeNetns, forwards, requireLink } from './fake-tables.ts';
import type { PacketSocket } from './index.ts';
import { KernelError } from './kernel-error.ts';

/** The LAN beyond a bridge: what its machines send when they hear this. */
export type Lan = (heard: Arp, bridge: string) => readonly Arp[];

export interface FakeEthernet {
  /** @throws KernelError ENODEV */
  open(netns: FakeNetns, link: number, onFrame?: (frame: Uint8Array) => void): PacketSocket;
}

export function fakeEthernet(lan: Lan): FakeEthernet {
  const sockets = new Map<FakeLink, Set<(frame: Uint8Array) => void>>();

  /** Out of a link, and into its other end. */
  const transmit = (link: FakeLink, frame: Uint8Array): void => {
    if (link.up && link.parent !== undefined) return leaveChild(link, link.parent, frame);
    if (link.up && link.peer?.up === true) receive(link.peer, frame);
  };

  /** To the other children of the NIC, never to the NIC's own host, and out of it. */
  const leaveChild = (link: FakeLink, parent: FakeLink, frame: Uint8Array): void => {
    const known = toChildren(parent, frame, link);
    if (known || !parent.up) return;
    transmit(parent, frame);
    for (const reply of lan(decodeArp(frame), parent.name)) toChildren(parent, encodeArp(reply));
  };

  /** @returns whether one of them is the one whom it is for */
  const toChildren = (parent: FakeLink, frame: Uint8Array, from?: FakeLink): boolean => {
    const { destination } = decodeArp(frame);
    const others = childrenOf(parent).filter((it) => it !== from && it.up);
    const found = others.filter((it) => destination === broadcastMac || it.mac === destination);
    for (const it of found) receive(it, frame);
    return destination !== broadcastMac && found.length > 0;
  };

  const receive = (link: FakeLink, frame: Uint8Array): void => {
    deliver(link, frame);
    if (toChildren(link, frame)) return;
    if (link.bridge === undefined) answer(link, frame, (reply) => transmit(link, reply));
    else if (forwards(link)) enterBridge(link.bridge, link, frame);
  };

  /** As from the event loop: never before the call that caused it has returned. */
  const deliver = (link: FakeLink, frame: Uint8Array): void => {
    for (const onFrame of sockets.get(link) ?? [])
      queueMicrotask(() => sockets.get(link)?.has(onFrame) === true && onFrame(frame));
  };

  /** `from` is the port that the frame came in by; undefined for the LAN's own. */
  const enterBridge = (bridge: FakeLink, from: FakeLink | undefined, frame: Uint8Array): void => {
    const { source, destination } = decodeArp(frame);
    if (from !== undefined) bridge.learned.set(source, from);
    const known = bridge.learned.get(destination);
    for (const port of known === undefined ? portsOf(bridge) : [known])
      if (port !== from && forwards(port)) transmit(port, frame);
    if (destination === broadcastMac || destination === bridge.mac) {
      deliver(bridge, frame);
      answer(bridge, frame, (reply) => enterBridge(bridge, undefined, reply));
    }
    if (from !== undefined && known === undefined) askLan(bridge, frame);
  };

  const askLan = (bridge: FakeLink, frame: Uint8Array): void => {
    for (const reply of lan(decodeArp(frame), bridge.name)) enterBridge(bridge, undefined, encodeArp(reply));
  };

  return {
    open: (netns, index, onFrame) => {
      const link = requireLink(netns, index, 'bind');
      const heard = (frame: Uint8Array): void => onFrame?.(frame);
      sockets.set(link, (sockets.get(link) ?? new Set()).add(heard));
      return {
        send: (frame) => {
          if (!link.up || !netns.links.has(index)) throw new KernelError('send', 'ENETDOWN');
          transmit(link, frame);
        },
        close: () => void sockets.get(link)?.delete(heard),
      };
    },
  };
}

/** What a kernel does with a request for one of its addresses (arp_ignore 0: on whichever of its links it has it). */
function answer(link: FakeLink, frame: Uint8Array, send: (reply: Uint8Array) => void): void {
  const heard = decodeArp(frame);
  const isOwn = link.netns.addresses.some((it) => it.address.address === heard.targetAddress);
  if (heard.operation !== 'request' || !isOwn || heard.senderAddress === heard.targetAddress) return;
  send(
    encodeArp({
      destination: heard.source,
      source: link.mac,
      operation: 'reply',
      senderMac: link.mac,
      senderAddress: heard.targetAddress,
      targetMac: heard.senderMac,
      targetAddress: heard.senderAddress,
    }),
  );
}
