/** A RELEASE for an endpoint whose sandbox has gone: from its address and its MAC, on a link that is made for it alone. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Grant } from '../core/dhcp/model.ts';
import type { Network } from '../core/model.ts';
import { type Host, isKernelError, type Link } from '../host/index.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import { type Mac, macFromDigest } from '../net/mac.ts';
import { type Sending, sayOnce } from './dhcp-talk.ts';
import type { World } from './world.ts';

interface Gone {
  readonly network: Network;
  readonly client: { readonly mac: Mac };
}

/** From one try to the next where the kernel has no room for one more neighbour, in milliseconds: after 5 s it makes some. */
const fullMs = [250, 500, 1_000, 2_000, 2_000];

/** Tells the server; from the sandbox where that is there, else from a link that is made for it. @throws KernelError, Error */
export async function sayRelease(
  world: Pick<World, 'host' | 'netnsFolder'>,
  gone: Gone & { readonly netns: string },
  grant: Grant,
  saying: Sending & { readonly to: Ipv4 },
): Promise<void> {
  try {
    return await sayOnce(world.host, gone.netns, saying);
  } catch {
    // The sandbox has gone, or nothing leaves it any more.
  }
  for (const waitMs of fullMs) {
    try {
      return await releaseFromOutside(world, gone, grant, saying);
    } catch (error) {
      if (!isKernelError(error, 'ENOBUFS')) throw error;
      await sleep(waitMs);
    }
  }
  await releaseFromOutside(world, gone, grant, saying);
}

async function releaseFromOutside(
  { host, netnsFolder }: Pick<World, 'host' | 'netnsFolder'>,
  gone: Gone,
  grant: Grant,
  saying: Sending & { readonly to: Ipv4 },
): Promise<void> {
  const { bridge, parent } = gone.network;
  const ground = await host.kernel.getLink(bridge ?? parent?.link ?? '');
  if (ground === undefined) throw new Error(`network '${gone.network.name}' has no bridge or NIC now`);
  // Beside the sandboxes: one that a crash leaves behind is swept away like any that nobody wishes for.
  const netns = `${netnsFolder}/release_${randomBytes(4).toString('hex')}`;
  await host.addNetns(netns);
  try {
    const inside = await (bridge === undefined ? addChild : addVeth)(host, netns, gone.client.mac, ground);
    const address = { address: grant.address, length: grant.prefixLength ?? gone.network.subnet.length };
    const routes = grant.routes.map(({ to, via }) => ({ to, link: inside, ...(via === 0 ? {} : { via }) }));
    await host.within(netns, ({ kernel }) => kernel.configure(inside, { up: true, address, routes }));
    await sayOnce(host, netns, saying);
  } finally {
    await host.deleteNetns(netns);
  }
}

/** @returns the index of eth0, inside */
async function addVeth(host: Host, netns: string, mac: Mac, bridge: Link): Promise<number> {
  const name = `ll${randomBytes(5).toString('hex')}`;
  const { peer = 0 } = await host.kernel.addLink({
    kind: 'veth',
    name,
    mac: macFromDigest(randomBytes(5), 0xfe),
    mtu: bridge.mtu,
    controller: bridge.index,
    up: true,
    peer: { name: 'eth0', mac, netns },
  });
  host.sysctl(`ipv6/conf/${name}/disable_ipv6`, '1', { optional: true });
  return peer;
}

async function addChild({ kernel }: Host, netns: string, mac: Mac, parent: Link): Promise<number> {
  const { index } = await kernel.addLink({ kind: 'macvlan', name: 'eth0', parent: parent.index, mac, netns });
  return index;
}
