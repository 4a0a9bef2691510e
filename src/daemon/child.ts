/** Endpoints that are children of a NIC (macvlan, ipvlan): their link lives in the sandbox alone. */
import fs from 'node:fs';
import { formatMark, type Mark } from '../core/mark.ts';
import type { ParentLink } from '../core/model.ts';
import type { DesiredEndpoint } from '../core/plan/model.ts';
import { LandlineError } from '../errors.ts';
import { type Host, homeNetns, isKernelError, type Link } from '../host/index.ts';
import { refusal, unless } from './refusals.ts';

/** An endpoint of a network on a NIC. */
export type ChildEndpoint = DesiredEndpoint & { readonly parent: ParentLink };

export interface ChildWish {
  readonly endpoint: Pick<ChildEndpoint, 'network' | 'interface' | 'mac' | 'parent'>;
  readonly mark: Mark;
  readonly group: number;
  readonly netns: string;
  readonly target: string;
}

/** The NIC of a network, fit to have children. @throws LandlineError PARENT_MISSING, PARENT_DOWN, PARENT_IS_PORT, PARENT_WIRELESS */
export async function findParent(host: Host, network: string, { kind, link: name }: ParentLink): Promise<Link> {
  const parent = await host.kernel.getLink(name);
  const names = { network, parent: name };
  if (parent === undefined) throw new LandlineError('PARENT_MISSING', names);
  if (parent.controller !== undefined) {
    const bridge = (await host.kernel.getLink(parent.controller))?.name ?? 'a bridge';
    throw new LandlineError('PARENT_IS_PORT', { ...names, bridge });
  }
  if (!parent.up) throw new LandlineError('PARENT_DOWN', names);
  // An access point takes one MAC from each station (IEEE 802.11), and drops what comes under another.
  if (kind === 'macvlan' && fs.existsSync(`/sys/class/net/${name}/phy80211`)) throw new LandlineError('PARENT_WIRELESS', names);
  return parent;
}

/** A new link in the sandbox. */
export interface Child {
  /** Its index there. */
  readonly peer: number;
  /** How long it waited for its turn, in milliseconds. */
  readonly queuedMs: number;
}

/** Makes the link inside of the sandbox, ours by its group from the first moment. */
export async function addChild(host: Host, wish: ChildWish, parent: Link): Promise<Child> {
  const { endpoint, netns, group } = wish;
  const { kind } = endpoint.parent;
  if (kind === 'phys') throw new Error(`${endpoint.parent.link} is given away itself, and has no children`);
  const mac = kind === 'macvlan' ? { mac: endpoint.mac } : {};
  const place = { name: endpoint.interface, parent: parent.index, netns };
  try {
    const alias = formatMark(wish.mark);
    const added = await host.kernel.addLink({ kind, ...place, ...mac, mtu: parent.mtu, group, alias });
    return { peer: added.index, queuedMs: added.queuedMs };
  } catch (error) {
    throw await takeBackHalfMade(host, wish, childRefusal(error, wish));
  }
}

/** Why there is no child. */
function childRefusal(error: unknown, { endpoint, target }: ChildWish): unknown {
  if (!isKernelError(error)) return error;
  const { kind, link: parent } = endpoint.parent;
  const names = { network: endpoint.network, parent };
  if (error.errno === 'EEXIST')
    return new LandlineError('INTERFACE_TAKEN', { interface: endpoint.interface, target }, { cause: error });
  if (error.doing.startsWith('open ')) return new LandlineError('TARGET_GONE', { target }, { cause: error });
  if (error.errno === 'EBUSY') return new LandlineError('PARENT_BUSY', { ...names, kind }, { cause: error });
  if (error.errno === 'ENODEV') return new LandlineError('PARENT_MISSING', names, { cause: error });
  if (error.errno === 'EOPNOTSUPP')
    return new LandlineError('KIND_MISSING', { network: endpoint.network, kind }, { cause: error });
  return refusal(error);
}

/** A refusal may mean that the answer was lost, and the link is there: of our group, and perhaps without its alias. */
async function takeBackHalfMade(host: Host, wish: ChildWish, first: unknown): Promise<unknown> {
  const found = await lookFor(host, wish.netns, (it) => it.name === wish.endpoint.interface && it.group === wish.group);
  const alias = formatMark(wish.mark);
  const half = found.find((it) => it.alias === undefined || it.alias === alias);
  // Who finds the name taken has made nothing.
  if (half === undefined || (first instanceof LandlineError && first.code === 'INTERFACE_TAKEN')) return first;
  return undoChild(host, wish.netns, half.index, first);
}

/** Takes it away again. What fails on the way back is kept beside the first error, never instead of it. */
export async function undoChild(host: Host, netns: string, index: number, first: unknown): Promise<unknown> {
  try {
    await host.within(netns, ({ kernel }) => unless(kernel.deleteLink(index), 'ENODEV'));
    return refusal(first);
  } catch (second) {
    if (isKernelError(second, 'ENOENT', 'EINVAL')) return refusal(first);
    return new AggregateError([refusal(first), second], first instanceof Error ? first.message : String(first));
  }
}

async function lookFor(host: Host, netns: string, isIt: (link: Link) => boolean): Promise<readonly Link[]> {
  try {
    return await host.within(netns, async ({ kernel }) => (await kernel.listLinks()).filter(isIt));
  } catch {
    // It ended since, and its links with it.
    return [];
  }
}

/**
 * Deletes the same endpoint's link of an older generation, in whatever namespace it lives on: with it there, the kernel
 * lets no other come up under its MAC. Only asked for once that has been refused; a look at every process costs.
 */
export async function retireElsewhere(host: Host, { mark, netns }: ChildWish): Promise<void> {
  const alias = formatMark(mark);
  const own = host.netnsInode(netns);
  for (const path of namespacesInUse(host, own)) {
    const old = await lookFor(host, path, (it) => it.alias === alias && (it.kind === 'macvlan' || it.kind === 'ipvlan'));
    for (const { index } of old) await undoChild(host, path, index, undefined);
  }
}

/** A path for each namespace that a process lives in or that is bound where programs bind them, without ours and `own`. */
function namespacesInUse(host: Host, own: number | undefined): readonly string[] {
  const processes = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const bound = ['/run/netns', '/run/docker/netns'].flatMap((folder) =>
    fs.existsSync(folder) ? fs.readdirSync(folder).map((name) => `${folder}/${name}`) : [],
  );
  const found = new Map<number, string>();
  for (const path of [...processes.map((pid) => `/proc/${pid}/ns/net`), ...bound]) {
    const inode = inodeOf(host, path);
    if (inode !== undefined && !found.has(inode)) found.set(inode, path);
  }
  for (const inode of [own, host.netnsInode(homeNetns)]) if (inode !== undefined) found.delete(inode);
  return [...found.values()];
}

/** A process may end while it is looked at. */
function inodeOf(host: Host, path: string): number | undefined {
  try {
    return host.netnsInode(path);
  } catch {
    return undefined;
  }
}
