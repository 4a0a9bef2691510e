/** Bridges of networks that nobody configured: made with their first endpoint, and gone with the last. */
import { createHash } from 'node:crypto';
import { hasOwnBridge } from '../core/link-network.ts';
import { formatShimMark } from '../core/mark.ts';
import type { DesiredEndpoint } from '../core/plan/model.ts';
import { isKernelError } from '../host/index.ts';
import { macFromDigest } from '../net/mac.ts';
import { deleteLinkIfThere } from './attach.ts';
import { refusal } from './refusals.ts';
import type { World } from './world.ts';

type BridgeWorld = Pick<World, 'host' | 'store' | 'events'>;

/** As with the host's ways to macvlans, an alias says whose it is. */
const markOf = ({ store }: BridgeWorld): string => formatShimMark(store.installation, 'own-bridge');

/** Makes the bridge of such a network, where there is none; somebody else's is used as it is. @throws LandlineError KERNEL_REFUSED */
export async function ensureOwnBridge(
  world: BridgeWorld,
  { network, bridge: name }: Pick<DesiredEndpoint, 'network' | 'bridge'>,
): Promise<void> {
  const { kernel } = world.host;
  if (name === undefined || !hasOwnBridge(network) || (await kernel.getLink(name)) !== undefined) return;
  const mac = macFromDigest(createHash('sha256').update([world.store.installation, name].join('\0')).digest(), 0x02);
  try {
    await kernel.addLink({ kind: 'bridge', name, mac, alias: markOf(world), up: true });
    world.events.tell('bridge made', { bridge: name });
  } catch (error) {
    // Of two at once one has made it.
    if (!isKernelError(error, 'EEXIST')) throw refusal(error);
  }
}

/** Takes away those of ours that have no port any more, and that nobody has a lease on. */
export async function removeOwnBridges(world: BridgeWorld): Promise<void> {
  const mark = markOf(world);
  const links = await world.host.kernel.listLinks();
  const wanted = world.store.leases().map((it) => it.network);
  for (const link of links) {
    const isWanted = wanted.some((network) => network.startsWith(`bridge:${link.name}:`));
    const hasPort = links.some((it) => it.controller === link.index);
    if (link.alias !== mark || link.kind !== 'bridge' || isWanted || hasPort) continue;
    await deleteLinkIfThere(world.host, link.index);
    world.events.tell('bridge removed', { bridge: link.name });
  }
}
