/** The tables `landline` in the kernel: made, changed by as little as possible, and made anew when others changed them. */
import { hasElements, outlineOf } from '../core/firewall/listing.ts';
import { removeTables, tableName } from '../core/firewall/ruleset.ts';
import { isSameSkeleton, replaceTables, transaction } from '../core/firewall/transaction.ts';
import type { PrivateWish } from '../core/firewall/wish.ts';
import { isLandlineError } from '../errors.ts';
import type { Nft } from '../host/nft.ts';

export interface FirewallTables {
  /** What is in force as far as we know; `unknown` at the start, and after others changed something. */
  readonly now: PrivateWish | undefined | 'unknown';
  /** Looks whether they are still as they were made. @returns whether somebody has changed them */
  look(): Promise<boolean>;
  /** @returns how many transactions it took: none or one. @throws LandlineError FIREWALL_REFUSED, PROGRAM_MISSING */
  change(to: PrivateWish | undefined): Promise<number>;
}

export function firewallTables(nft: Nft): FirewallTables {
  let now: FirewallTables['now'] = 'unknown';
  /** As nft listed them when they had been made: what it prints differs from version to version. */
  let outline: string | undefined;

  const list = async (): Promise<unknown[]> =>
    (await Promise.all([nft.list('table', 'ip', tableName), nft.list('table', 'bridge', tableName)])).filter(
      (it) => it !== undefined,
    );

  const make = async (to: PrivateWish): Promise<number> => {
    now = 'unknown';
    const before = nft.generation();
    await nft.run('make the tables of the private network', replaceTables(to));
    outline = outlineOf(await list());
    // More than one transaction: somebody changed something before we had looked, and that may not be what was made.
    if (nft.generation() === before + 1) now = to;
    return 1;
  };

  const remove = async (): Promise<number> => {
    const isThere = now !== 'unknown' || (await list()).length > 0;
    if (isThere) await nft.run('remove the tables of the private network', removeTables);
    now = undefined;
    return isThere ? 1 : 0;
  };

  const changeElements = async (from: PrivateWish, to: PrivateWish): Promise<number> => {
    const commands = transaction(from, to);
    if (commands.length > 0) await nft.run('change published ports', commands);
    now = to;
    return commands.length > 0 ? 1 : 0;
  };

  return {
    get now() {
      return now;
    },
    look: async () => {
      if (now === undefined || now === 'unknown') return false;
      const tables = await list();
      if (outlineOf(tables) === outline && hasElements(tables, now)) return false;
      now = 'unknown';
      return true;
    },
    change: async (to) => {
      if (to === undefined) return now === undefined ? 0 : remove();
      if (now === undefined || now === 'unknown' || !isSameSkeleton(now, to)) return make(to);
      try {
        return await changeElements(now, to);
      } catch (error) {
        // They are not as we left them: anew.
        if (!isLandlineError(error, 'FIREWALL_REFUSED')) throw error;
        return make(to);
      }
    },
  };
}
