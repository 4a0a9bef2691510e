/** A NIC of the host that is given away whole: found again wherever it is, prepared in a sandbox, put right at home. */
import { setTimeout as sleep } from 'node:timers/promises';
import { formatNicMark } from '../core/mark.ts';
import { type Host, homeNetns, type Inside, isKernelError, type Kernel, type Link, type LinkChange } from '../host/index.ts';
import type { Mac } from '../net/mac.ts';
import type { NicRecord } from '../store/index.ts';
import type { Child } from './child.ts';

/** What an attach does to a NIC in place of making a link. */
export interface NicLoan {
  /** The NIC on the host, fit to be given away. @throws LandlineError NIC_* */
  find(): Promise<Link>;
  /** Moves it into the sandbox, and brings it up there. @throws LandlineError NIC_*, INTERFACE_TAKEN, TARGET_GONE, KERNEL_REFUSED */
  lend(): Promise<Child>;
  /** After a failure: it is the host's again. What fails on the way back is kept beside the first error. */
  takeBack(first: unknown): Promise<unknown>;
}

/** How long a NIC that has just come up is waited for until it has a carrier, and how often it is looked at, in milliseconds. */
const carrierMs = 5000;
const lookMs = 20;

/** By the MAC that is burnt into it, which nobody can change; by the alias that we gave it, where it has none or shares it. */
export function findNic(links: readonly Link[], record: NicRecord, installation: string): Link | undefined {
  const mark = formatNicMark({ installation, ...record });
  const { permanentMac } = record;
  const marked = (of: readonly Link[]): Link | undefined => of.find((it) => it.alias === mark);
  if (permanentMac === undefined) return marked(links);
  const hardware = links.filter((it) => it.kind === undefined && it.permanentMac === permanentMac);
  return marked(hardware) ?? hardware[0];
}

/** One that has just arrived: with its MAC, without IPv6, up. @returns its index, and how long its carrier was waited for */
export async function prepareNic(inside: Inside, { index, name, mac: found }: Link, mac: Mac): Promise<Child> {
  inside.sysctl(`ipv6/conf/${name}/disable_ipv6`, '1', { optional: true });
  if (found !== mac) await inside.kernel.setLink(index, { mac });
  await inside.kernel.setLink(index, { up: true });
  const begin = performance.now();
  // Without a cable it is as good as it gets.
  while ((await inside.kernel.getLink(index))?.carrier === false && performance.now() < begin + carrierMs) await sleep(lookMs);
  return { peer: index, queuedMs: performance.now() - begin };
}

/**
 * Out of a namespace, under its own name where that is free at home. One that is not in there is success, as is a namespace
 * that is gone: the kernel has given the NIC back then.
 */
export async function moveHome(host: Host, netns: string, record: NicRecord, installation: string): Promise<void> {
  try {
    await host.within(netns, async ({ kernel }) => {
      const link = findNic(await kernel.listLinks(), record, installation);
      if (link === undefined) return;
      await kernel.setLink(link.index, { up: false });
      await leave(kernel, link.index, record.name);
    });
  } catch (error) {
    if (!isKernelError(error, 'ENOENT') || !error.doing.startsWith('open ')) throw error;
  }
}

/** Under any free name, where somebody else has its own: what is at home can be put right there. */
async function leave(kernel: Kernel, index: number, name: string): Promise<void> {
  try {
    await kernel.setLink(index, { netns: homeNetns, name });
  } catch (error) {
    if (!isKernelError(error, 'EEXIST')) throw error;
    // Refused before it left, or once it was there: then it is not here any more.
    if ((await kernel.getLink(index)) !== undefined) await kernel.setLink(index, { netns: homeNetns, name: `llnic${index}` });
  }
}

/** How far a NIC is as it was. */
export interface Righted {
  /** Whether its name was free. */
  readonly isNamed: boolean;
  /** What could not be restored; with any of these, or without its name, it keeps our alias. */
  readonly refused: readonly unknown[];
}

/**
 * Everything of it as it was, the alias last: up to then it is found by it. What one setting is refused for, a VLAN's MTU
 * above that of its NIC by now, say, is in no other's way.
 */
export async function putRight({ kernel }: Host, link: Link, record: NicRecord): Promise<Righted> {
  const { index } = link;
  const { name, mac, mtu, alias = '', up } = record;
  const refused: unknown[] = [];
  const restore = (change: LinkChange): Promise<void> =>
    kernel.setLink(index, change).catch((error: unknown) => void refused.push(error));
  // Hardware takes another MAC, and any link before Linux 6.3 another name, only while it is down.
  if (link.mac !== mac || link.name !== name) await restore({ up: false });
  if (link.mac !== mac) await restore({ mac });
  if (link.mtu !== mtu) await restore({ mtu });
  let isNamed = true;
  if (link.name !== name)
    await kernel.setLink(index, { name }).catch((error: unknown) => {
      isNamed = false;
      // The name is somebody else's.
      if (!isKernelError(error, 'EEXIST')) refused.push(error);
    });
  await restore({ up });
  if (isNamed && refused.length === 0) await restore({ alias });
  return { isNamed, refused };
}
