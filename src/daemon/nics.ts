/**
 * Keeps account of the NICs of the host that are in sandboxes. The ledger says of each what it was here, from before it is
 * touched until it is that again.
 *
 * A namespace that ends gives hardware back under whatever name it has by then, or `devN`, and ends what is virtual. So each
 * one with a NIC in it is held by a descriptor, and lives until the NIC has been moved out by us. What came back while no
 * daemon was there to hold it is found by its mark, or by the MAC that is burnt into it, and put right.
 */
import { formatNicMark, type Mark } from '../core/mark.ts';
import { asLandlineError, LandlineError } from '../errors.ts';
import { type HeldNetns, isKernelError, type Link } from '../host/index.ts';
import type { Mac } from '../net/mac.ts';
import type { NicRecord } from '../store/index.ts';
import type { Child } from './child.ts';
import { exclusively } from './exclusively.ts';
import { findNic, moveHome, type NicLoan, prepareNic, putRight } from './nic.ts';
import { requireFree } from './nic-free.ts';
import { refusal } from './refusals.ts';
import type { World } from './world.ts';

export interface LoanWish {
  /** Its name on the host. */
  readonly nic: string;
  /** Its MAC in the sandbox. */
  readonly mac: Mac;
  readonly mark: Mark;
  readonly netns: string;
  /** For messages: the sandbox as the user knows it. */
  readonly target: string;
}

export interface Nics {
  /** The MAC that a NIC has at home, and may be given away with. @throws LandlineError NIC_* */
  macFor(nic: string, mark: Pick<Mark, 'environment'> & Partial<Mark>): Promise<Mac>;
  loanOf(wish: LoanWish): NicLoan;
  /** Takes the link of that name out of a sandbox, where it is a NIC of the host. @returns whether it is one */
  takeBack(environment: string, netns: string, name: string): Promise<boolean>;
  /** Brings home what is in a sandbox of the environment that has ended, or is another by now. What fails is told. */
  settle(environment: string, netns: string | undefined): Promise<void>;
  /** Environments whose sandbox is not the one any more that a NIC of theirs is in. @param pathOf the sandbox as it is now */
  strayed(pathOf: (environment: string) => string | undefined): readonly string[];
  /** The same for environments that are gone: for NICs that were nowhere to be seen when they went. */
  settleOrphans(): Promise<void>;
  /** Lets go of the namespaces; the NICs stay where they are. */
  close(): void;
}

type NicWorld = Pick<World, 'host' | 'store' | 'events' | 'configuration' | 'linkNetworks'>;

/** @param worldNow the world, once it is whole */
export function openNics(worldNow: () => NicWorld): Nics {
  const held = new Map<string, HeldNetns>();
  const inTurn = exclusively();
  /** Those that are home under another name, which has been told. */
  const misnamed = new Set<string>();
  /** What each that is not as it was is told to suffer from: once, however often it is tried. */
  const troubles = new Map<string, string>();

  const recordOf = (nic: string): NicRecord | undefined =>
    worldNow()
      .store.nics()
      .find((it) => it.name === nic);

  const letGo = (nic: string): void => {
    held.get(nic)?.close();
    held.delete(nic);
  };

  /** Out of wherever it is, and as it was. One that is nowhere stays in the ledger. */
  const bringHome = async (record: NicRecord, netns?: string): Promise<void> => {
    const { host, store } = worldNow();
    const from = held.get(record.name)?.path ?? netns;
    if (from !== undefined) await moveHome(host, from, record, store.installation);
    letGo(record.name);
    await welcome(record);
  };

  const welcome = async (record: NicRecord): Promise<void> => {
    const { host, store, events } = worldNow();
    const { name: nic, environment, mac } = record;
    const links = await host.kernel.listLinks();
    // Without a mark, and forgotten by nobody yet: the last daemon was cut off between the two.
    const isDone = (it: Link): boolean => it.name === nic && it.mac === mac && it.alias === record.alias;
    const link = findNic(links, record, store.installation) ?? links.find(isDone);
    if (link === undefined) return;
    const { isNamed, refused } = await putRight(host, link, record);
    if (isNamed && refused.length === 0) {
      store.deleteNic(nic);
      misnamed.delete(nic);
      troubles.delete(nic);
      return events.tell('NIC back', { nic, environment, was: link.name });
    }
    if (refused.length > 0) tellTrouble(nic, refused);
    if (isNamed) return;
    if (!misnamed.has(nic)) events.tell('NIC back under another name', { nic, environment, link: link.name });
    misnamed.add(nic);
  };

  const tellTrouble = (nic: string, errors: readonly unknown[]): void => {
    const problem = errors.map((it) => asLandlineError(refusal(it)).message).join('; ');
    if (troubles.get(nic) !== problem) worldNow().events.tell('NIC in trouble', { nic, problem });
    troubles.set(nic, problem);
  };

  const isInside = async (record: NicRecord, netns: string): Promise<boolean> => {
    const { host, store } = worldNow();
    try {
      return await host.within(
        netns,
        async ({ kernel }) => findNic(await kernel.listLinks(), record, store.installation) !== undefined,
      );
    } catch (error) {
      if (isKernelError(error, 'ENOENT', 'EINVAL')) return false;
      throw error;
    }
  };

  const settleOne = async (record: NicRecord, netns: string | undefined): Promise<void> => {
    const { host } = worldNow();
    const inode = netns === undefined ? undefined : host.netnsInode(netns);
    const hold = held.get(record.name);
    if (hold !== undefined && hold.inode === inode) return;
    if (hold === undefined && netns !== undefined && inode !== undefined && (await isInside(record, netns)))
      return void held.set(record.name, host.holdNetns(netns));
    await bringHome(record);
  };

  /** What is left of a former loan is settled first. @throws LandlineError NIC_MOVED, and those of requireFree */
  const findFree = async (nic: string, environment: string, netns?: string): Promise<Link> => {
    const { host, store } = worldNow();
    const former = recordOf(nic);
    if (former !== undefined)
      await (former.environment === environment ? bringHome(former, netns) : held.has(nic) || welcome(former));
    const record = recordOf(nic);
    if (record === undefined) return requireFree(worldNow(), nic);
    if (record.environment !== environment) throw movedTo(record);
    const link = findNic(await host.kernel.listLinks(), record, store.installation);
    if (link === undefined) return requireFree(worldNow(), nic);
    if (link.name === nic) {
      const use = `it is not what it was before it was given away (${troubles.get(nic) ?? 'it is being put right'})`;
      throw new LandlineError('NIC_IN_USE', { nic, use, instead: 'end what stands in the way: it is tried again and again' });
    }
    const instead = `rename or remove the other one, and ${link.name} becomes ${nic} again`;
    throw new LandlineError('NIC_IN_USE', { nic, use: `it is ${link.name} by now, since another link has its name`, instead });
  };

  const lend = async (wish: LoanWish): Promise<Child> => {
    const { nic, netns, target, mark } = wish;
    const { host, store, events } = worldNow();
    const former = recordOf(nic);
    if (former !== undefined && former.environment !== mark.environment) throw movedTo(former);
    const link = await host.kernel.getLink(nic);
    if (link === undefined) throw new LandlineError('NIC_MISSING', { nic });
    await requireNameFree(worldNow(), wish);
    const record = recordFor(link, mark);
    store.putNic(record);
    try {
      const hold = host.holdNetns(netns);
      held.set(nic, hold);
      await host.kernel.setLink(link.index, { alias: formatNicMark(mark) });
      await host.kernel.setLink(link.index, { netns: hold.path, name: mark.interface });
      const child = await host.within(hold.path, async (inside) => {
        const arrived = findNic(await inside.kernel.listLinks(), record, store.installation);
        if (arrived === undefined) throw new LandlineError('TARGET_GONE', { target });
        return prepareNic(inside, arrived, wish.mac);
      });
      events.tell('NIC given away', { nic, environment: mark.environment, interface: mark.interface });
      return child;
    } catch (error) {
      throw await undo(record, lendRefusal(error, wish));
    }
  };

  const undo = async (record: NicRecord, first: unknown): Promise<unknown> => {
    try {
      await bringHome(record);
      return refusal(first);
    } catch (second) {
      return new AggregateError([refusal(first), second], first instanceof Error ? first.message : String(first));
    }
  };

  return {
    macFor: (nic, { environment, interface: name }) =>
      inTurn(nic, async () => {
        const record = recordOf(nic);
        const isOwn = record?.environment === environment && (name ?? record.interface) === record.interface;
        if (record !== undefined && isOwn) return record.mac;
        if (record?.environment === environment) throw movedTo(record);
        return (await findFree(nic, environment)).mac;
      }),
    loanOf: (wish) => ({
      find: () => inTurn(wish.nic, () => findFree(wish.nic, wish.mark.environment, wish.netns)),
      lend: () => inTurn(wish.nic, () => lend(wish)),
      takeBack: (first) =>
        inTurn(wish.nic, async () => {
          const record = recordOf(wish.nic);
          return record === undefined ? refusal(first) : undo(record, first);
        }),
    }),
    takeBack: async (environment, netns, name) => {
      const { host, store } = worldNow();
      const its = store.nics().filter((it) => it.environment === environment);
      if (its.length === 0 || host.netnsInode(netns) === undefined) return false;
      const links = await host.within(netns, ({ kernel }) => kernel.listLinks());
      const record = its.find((it) => findNic(links, it, store.installation)?.name === name);
      if (record === undefined) return false;
      await inTurn(record.name, () => bringHome(record, netns));
      return true;
    },
    settle: async (environment, netns) => {
      const its = worldNow()
        .store.nics()
        .filter((it) => it.environment === environment);
      for (const record of its) {
        // The rest of the environment does not wait for it.
        await inTurn(record.name, () => settleOne(record, netns)).catch((error: unknown) => tellTrouble(record.name, [error]));
      }
    },
    strayed: (pathOf) => {
      const { host, store } = worldNow();
      const isIn = (path: string | undefined, inode: number): boolean => path !== undefined && host.netnsInode(path) === inode;
      return store.nics().flatMap(({ name, environment }) => {
        const hold = held.get(name);
        return hold === undefined || isIn(pathOf(environment), hold.inode) ? [] : [environment];
      });
    },
    settleOrphans: async () => {
      const { store } = worldNow();
      for (const record of store.nics().filter((it) => store.environment(it.environment) === undefined))
        await inTurn(record.name, () => bringHome(record)).catch((error: unknown) => tellTrouble(record.name, [error]));
    },
    close: () => {
      for (const nic of [...held.keys()]) letGo(nic);
    },
  };
}

const movedTo = ({ name: nic, environment, interface: link }: NicRecord): LandlineError =>
  new LandlineError('NIC_MOVED', { nic, environment, interface: link });

function recordFor({ name, mac, permanentMac, kind, mtu, up, alias }: Link, { environment, interface: link }: Mark): NicRecord {
  return {
    ...{ name, environment, interface: link, mac, mtu, up },
    ...(permanentMac === undefined || kind !== undefined ? {} : { permanentMac }),
    ...(alias === undefined ? {} : { alias }),
  };
}

/** @throws LandlineError INTERFACE_TAKEN, TARGET_GONE */
async function requireNameFree({ host }: NicWorld, { netns, mark, target }: LoanWish): Promise<void> {
  const name = mark.interface;
  try {
    const found = await host.within(netns, ({ kernel }) => kernel.getLink(name));
    if (found !== undefined) throw new LandlineError('INTERFACE_TAKEN', { interface: name, target });
  } catch (error) {
    if (isKernelError(error, 'ENOENT', 'EINVAL')) throw new LandlineError('TARGET_GONE', { target }, { cause: error });
    throw error;
  }
}

function lendRefusal(error: unknown, { nic, mark, target }: LoanWish): unknown {
  if (isKernelError(error, 'EEXIST'))
    return new LandlineError('INTERFACE_TAKEN', { interface: mark.interface, target }, { cause: error });
  if (isKernelError(error, 'ENOENT') && error.doing.startsWith('open '))
    return new LandlineError('TARGET_GONE', { target }, { cause: error });
  if (isKernelError(error, 'EINVAL') && error.doing.includes('netns')) {
    const because = `the kernel keeps it there (netns-local)`;
    return new LandlineError('NIC_IMMOVABLE', { nic, because, instead: 'use another NIC' }, { cause: error });
  }
  return error;
}
