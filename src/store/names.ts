/** The names that stand in DNS, or may; kept in memory as they were read, as the wishes are. */
import type { DatabaseSync } from 'node:sqlite';
import type { NameRecord, Store } from './index.ts';
import { allRows } from './rows.ts';

type Names = Pick<Store, 'names' | 'putName' | 'deleteName'> & {
  /** For after a transaction that was undone: all are read again. */
  forgetNames(): void;
};

interface Row extends Omit<NameRecord, 'data'> {
  readonly data: string;
}

/** @param write runs its argument in one transaction, all or nothing */
export function openNames(database: DatabaseSync, write: <T>(body: () => T) => T): Names {
  const all = database.prepare('SELECT name, zone, environment, data, state, since FROM names ORDER BY name');
  const remove = database.prepare('DELETE FROM names WHERE name = ?');
  const put = database.prepare(
    'INSERT OR REPLACE INTO names (name, zone, environment, data, state, since) VALUES (?, ?, ?, ?, ?, ?)',
  );
  let known: ReadonlyMap<string, NameRecord> | undefined;
  // Only putName writes the column.
  const recordOf = ({ data, ...it }: Row): NameRecord => ({ ...it, data: JSON.parse(data) as NameRecord['data'] });
  return {
    names: () => {
      known ??= new Map(allRows<Row>(all).map((row) => [row.name, recordOf(row)]));
      return known;
    },
    putName: ({ name, zone, environment, data, state, since }) => {
      write(() => put.run(name, zone, environment, JSON.stringify(data), state, since));
      known = undefined;
    },
    deleteName: (name) => {
      write(() => remove.run(name));
      known = undefined;
    },
    forgetNames: () => {
      known = undefined;
    },
  };
}
