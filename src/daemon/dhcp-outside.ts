/** A RELEASE for an endpoint whose sandbox has gone: from its address and its MAC, on a link that is made for it alone. */
import { randomBytes } from 'node:crypto';
import type { Grant } from '../core/dhcp/model.ts';
import type { Network } from '../core/model.ts';
import type { Host, Link } from '../host/index.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import { type Mac, macFromDigest } from '../net/mac.ts';
import { type Sending, sayOnce } from './dhcp-talk.ts';
import type { World } from './world.ts';

interface Gone {
  readonly network: Network;
  readonly client: { readonly mac: Mac };
}

/** @throws KernelError when there is no bridge or NIC, or the message cannot leave */
export async function releaseFromOutside(
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
