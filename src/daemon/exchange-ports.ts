/**
 * The ports of two generations exchanged: what is on the LAN goes off its bridge, and what was aside takes its place, in
 * one send. At no moment do two of them hold the address; both have the same MAC, so that no neighbour has to learn.
 */
import { formatMark, type Mark } from '../core/mark.ts';
import type { Host, Inside, KernelError } from '../host/index.ts';
import { announce, findBridge, type LanEndpoint } from './attach.ts';
import type { Forwarding } from './forwarding.ts';
import { setIpv6 } from './ipv6.ts';
import { refusal } from './refusals.ts';

export interface Exchange {
  /** Path of the namespace of the generation that was aside. */
  readonly netns: string;
  readonly endpoints: readonly { readonly endpoint: LanEndpoint; readonly mark: Mark }[];
  /** Indexes of the host's ends that are on the LAN as yet. */
  readonly former: readonly number[];
}

interface Port {
  readonly endpoint: LanEndpoint;
  readonly mark: Mark;
  /** The sandbox's end, and the host's. */
  readonly link: number;
  readonly hostEnd: number;
  readonly controller: number;
}

/**
 * Where the kernel refuses a new port, the former ones are put back.
 * @returns how long nobody held the address, in milliseconds: from the request to the kernel's answer
 * @throws LandlineError BRIDGE_MISSING, BRIDGE_DOWN, KERNEL_REFUSED
 */
export async function exchangePorts(host: Host, forwarding: Forwarding, wish: Exchange): Promise<number> {
  return host
    .within(wish.netns, async (inside) => {
      const ports = await findPorts(host, inside, wish);
      const before = await Promise.all(wish.former.map((index) => host.kernel.getLink(index)));
      const former = before.filter((it) => it !== undefined);
      const begin = performance.now();
      const refusals = await host.kernel.setLinks([
        ...former.map(({ index }) => ({ index, controller: 0 })),
        ...ports.map(({ hostEnd, controller, mark }) => ({ index: hostEnd, controller, alias: formatMark(mark) })),
      ]);
      const tookMs = performance.now() - begin;
      const refused = refusals.slice(former.length).find((it) => it !== undefined);
      if (refused !== undefined) throw await takeBack(host, ports, former, refused);
      for (const { endpoint, link, hostEnd } of ports) {
        await forwarding.wait(host, hostEnd);
        announce(inside, link, endpoint);
        await setIpv6(inside, link, endpoint, 'off');
      }
      return tookMs;
    })
    .catch((error: unknown) => {
      throw refusal(error);
    });
}

async function findPorts(host: Host, inside: Inside, { endpoints }: Exchange): Promise<readonly Port[]> {
  const links = await inside.kernel.listLinks();
  return Promise.all(
    endpoints.map(async ({ endpoint, mark }): Promise<Port> => {
      const link = links.find((it) => it.name === endpoint.interface);
      if (endpoint.parent !== undefined || link?.peer === undefined)
        throw new Error(`${endpoint.interface} is no port of a bridge`);
      const bridge = await findBridge(host, endpoint);
      return { endpoint, mark, link: link.index, hostEnd: link.peer, controller: bridge.index };
    }),
  );
}

/** New ones off, then the former ones on: in this order nobody answers twice on the way back either. */
async function takeBack(
  host: Host,
  ports: readonly Port[],
  former: readonly { readonly index: number; readonly controller?: number }[],
  first: KernelError,
): Promise<KernelError> {
  await host.kernel.setLinks([
    ...ports.map(({ hostEnd, mark }) => ({
      index: hostEnd,
      controller: 0,
      alias: formatMark({ ...mark, aside: true }),
    })),
    ...former.map(({ index, controller = 0 }) => ({ index, controller })),
  ]);
  return first;
}
