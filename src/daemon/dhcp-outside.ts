/** A RELEASE for an endpoint whose sandbox has gone: from its address and its MAC, on a link that is made for it alone. */
import { randomBytes } from 'node:crypto';
import type { Grant } from '../core/dhcp/model.ts';
import type { Network } from '../core/model.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import { type Mac, macFromDigest } from '../net/mac.ts';
import { type Sending, sayOnce } from './dhcp-talk.ts';
import type { World } from './world.ts';

interface Gone {
  readonly network: Network;
  readonly client: { readonly mac: Mac };
}

/** @throws KernelError when there is no bridge, or the message cannot leave */
export async function releaseFromOutside(
  { host, netnsFolder }: Pick<World, 'host' | 'netnsFolder'>,
  gone: Gone,
  grant: Grant,
  saying: Sending & { readonly to: Ipv4 },
): Promise<void> {
  const bridge = gone.network.bridge === undefined ? undefined : await host.kernel.getLink(gone.network.bridge);
  if (bridge === undefined) throw new Error(`network '${gone.network.name}' has no bridge now`);
  // Beside the sandboxes: one that a crash leaves behind is swept away like any that nobody wishes for.
  const netns = `${netnsFolder}/release_${randomBytes(4).toString('hex')}`;
  await host.addNetns(netns);
  try {
    const name = `ll${randomBytes(5).toString('hex')}`;
    const peer = { name: 'eth0', mac: gone.client.mac, netns };
    const { peer: inside = 0 } = await host.kernel.addLink({
      kind: 'veth',
      name,
      mac: macFromDigest(randomBytes(5), 0xfe),
      mtu: bridge.mtu,
      controller: bridge.index,
      up: true,
      peer,
    });
    host.sysctl(`ipv6/conf/${name}/disable_ipv6`, '1', { optional: true });
    const address = { address: grant.address, length: grant.prefixLength ?? gone.network.subnet.length };
    const routes = grant.routes.map(({ to, via }) => ({ to, link: inside, ...(via === 0 ? {} : { via }) }));
    await host.within(netns, ({ kernel }) => kernel.configure(inside, { up: true, address, routes }));
    await sayOnce(host, netns, saying);
  } finally {
    await host.deleteNetns(netns);
  }
}
