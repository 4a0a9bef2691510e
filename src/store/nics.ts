/** NICs of this host that were given away; kept in memory as they were read, as the wishes are. */
import type { DatabaseSync } from 'node:sqlite';
import type { NicRecord, Store } from './index.ts';
import { allRows } from './rows.ts';

type Nics = Pick<Store, 'nics' | 'putNic' | 'deleteNic'> & {
  /** For after a transaction that was undone: all are read again. */
  forgetNics(): void;
};

interface Row extends Omit<NicRecord, 'up'> {
  readonly up: number;
}

/** @param write runs its argument in one transaction, all or nothing */
export function openNics(database: DatabaseSync, write: <T>(body: () => T) => T): Nics {
  const all = database.prepare(
    'SELECT name, environment, interface, mac, permanent_mac AS permanentMac, mtu, up, alias FROM nics ORDER BY name',
  );
  const remove = database.prepare('DELETE FROM nics WHERE name = ?');
  const put = database.prepare('INSERT OR REPLACE INTO nics VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  let known: readonly NicRecord[] | undefined;
  return {
    nics: () => {
      known ??= allRows<Row>(all).map(({ up, ...it }) => ({ ...it, up: up === 1 }));
      return known;
    },
    putNic: ({ name, environment, interface: link, mac, permanentMac, mtu, up, alias }) => {
      write(() => put.run(name, environment, link, mac, permanentMac ?? null, mtu, up ? 1 : 0, alias ?? null));
      known = undefined;
    },
    deleteNic: (name) => {
      write(() => remove.run(name));
      known = undefined;
    },
    forgetNics: () => {
      known = undefined;
    },
  };
}
