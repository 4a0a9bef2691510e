/** What a DHCP client says and hears, from inside its sandbox. */
import type { DhcpEffect } from '../core/dhcp/model.ts';
import { type Host, type Inside, isKernelError, type NetnsRef, type Route, type UdpSender } from '../host/index.ts';
import { formatIpv4, type Ipv4, ipv4 } from '../net/ipv4.ts';
import { broadcastMac, type Mac } from '../net/mac.ts';
import { containsAddress } from '../net/prefix.ts';
import { WireError } from '../wire/bytes.ts';
import { clientPort, type DhcpMessage, decodeDhcp, encodeDhcp, serverPort } from '../wire/dhcp/dhcp.ts';
import { decodeUdpFrame, encodeUdpFrame } from '../wire/dhcp/frame.ts';

export type Sending = Extract<DhcpEffect, { do: 'send' }>;

/** Where an endpoint is. */
export interface DhcpPlace {
  readonly netns: NetnsRef;
  readonly interface: string;
  readonly mac: Mac;
}

export interface DhcpListener {
  readonly heard: (message: DhcpMessage) => void;
  /** Something that is no DHCP message came to the client's port. */
  readonly damaged: () => void;
}

/** Sockets in a sandbox; they keep it alive, so close it soon. */
export interface DhcpTalk {
  /** @throws KernelError when the message cannot leave */
  send(it: Sending): void;
  close(): void;
}

const everybody = ipv4('255.255.255.255');

/** @throws KernelError ENOENT, ENODEV when sandbox or link are not there */
export async function openDhcpTalk(host: Host, place: DhcpPlace, listener: DhcpListener): Promise<DhcpTalk> {
  const opened = Promise.withResolvers<DhcpTalk>();
  const closed = Promise.withResolvers<void>();
  host
    .within(place.netns, async (inside) => {
      opened.resolve({ ...(await talkIn(inside, place, listener)), close: closed.resolve });
      await closed.promise;
    })
    .catch(opened.reject);
  return opened.promise;
}

async function talkIn(inside: Inside, place: DhcpPlace, listener: DhcpListener): Promise<Omit<DhcpTalk, 'close'>> {
  const link = await inside.kernel.getLink(place.interface);
  if (link === undefined) throw new Error(`there is no link ${place.interface}`);
  const packets = inside.openDhcp(link.index, place.mac, (frame) => hear(frame, listener));
  let udp: UdpSender | undefined;
  return {
    send: ({ message, from, to }) => {
      const payload = encodeDhcp(message);
      if (to === undefined) packets.send(broadcastFrame(place.mac, from, payload));
      else {
        // It stays open: a reply to a port that nobody has would be answered by the kernel, with a complaint.
        udp ??= inside.openUdp(from, clientPort);
        udp.send(to, serverPort, payload);
      }
    },
  };
}

function broadcastFrame(mac: Mac, from: number, payload: Uint8Array): Uint8Array {
  const ports = { fromPort: clientPort, toPort: serverPort };
  return encodeUdpFrame({ destination: broadcastMac, source: mac, from, to: everybody, ...ports, payload });
}

function hear(frame: Uint8Array, { heard, damaged }: DhcpListener): void {
  let message: DhcpMessage;
  try {
    message = decodeDhcp(decodeUdpFrame(frame).payload);
  } catch (error) {
    if (error instanceof WireError) return damaged();
    throw error;
  }
  heard(message);
}

/** How long a message may wait for the MAC of its next hop, in milliseconds: the kernel asks twice in that time. */
const neighbourMs = 1_500;

/** Sends one message and returns once it has left. @throws KernelError, or Error when nobody tells the next hop's MAC */
export async function sayOnce(host: Host, netns: NetnsRef, it: Sending & { readonly to: number }): Promise<void> {
  await host.within(netns, async (inside) => {
    const udp = inside.openUdp(it.from, clientPort);
    udp.send(it.to, serverPort, encodeDhcp(it.message));
    const end = performance.now() + neighbourMs;
    const hops = await nextHopsTo(inside, it.to);
    let waiting = await waitingIn(inside, hops, new Set());
    while (waiting.size > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      waiting = await waitingIn(inside, hops, waiting);
    }
    if (waiting.size > 0) throw new Error(`nobody tells the MAC of ${[...waiting].map(formatIpv4).join(', ')}`);
  });
}

/** Who stands first on the way to an address, by each table: which one counts, the rules decide. */
async function nextHopsTo({ kernel }: Inside, to: Ipv4): Promise<ReadonlySet<Ipv4>> {
  const routes = (await kernel.listRoutes(undefined, 'all')).filter((it) => containsAddress(it.to, to));
  const isBest = ({ table, to: { length } }: Route): boolean =>
    !routes.some((other) => other.table === table && other.to.length > length);
  return new Set(routes.filter(isBest).map(({ via }) => via ?? to));
}

/** Those among them whose MAC is asked for; who was asked, and has not answered in time, stays. What else is asked for is not ours. */
async function waitingIn({ kernel }: Inside, hops: ReadonlySet<Ipv4>, before: ReadonlySet<Ipv4>): Promise<ReadonlySet<Ipv4>> {
  const neighbours = (await kernel.listNeighbours()).filter((it) => hops.has(it.address));
  const unknown = neighbours.filter((it) => it.mac === undefined && (it.state !== 'failed' || before.has(it.address)));
  return new Set(unknown.map((it) => it.address));
}

/** Whether a message could not leave for a reason that time or the next look mends. */
export function isLost(error: unknown): boolean {
  return isKernelError(error) || (error instanceof Error && error.message.startsWith('there is no link'));
}
