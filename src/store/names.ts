/** The names that stand in DNS, or may; kept in memory as they were read, as the wishes are. */
import type { DatabaseSync } from 'node:sqlite';
import type { NameRecord, Store } from './index.ts';
import { allRows, firstRow } from './rows.ts';

type Names = Pick<Store, 'names' | 'putName' | 'deleteName' | 'zones' | 'putZones' | 'formerNames' | 'putFormerNames'> & {
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
  const zones = database.prepare("SELECT value FROM settings WHERE name = 'dns-zones'");
  const putZones = database.prepare("INSERT OR REPLACE INTO settings (name, value) VALUES ('dns-zones', ?)");
  const former = database.prepare("SELECT value FROM settings WHERE name = 'dns-former-names'");
  const putFormer = database.prepare("INSERT OR REPLACE INTO settings (name, value) VALUES ('dns-former-names', ?)");
  let knownFormer: ReturnType<Store['formerNames']> | undefined;
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
    // Only putZones writes it.
    zones: () => JSON.parse(firstRow<{ value: string }>(zones)?.value ?? '{}') as ReturnType<Store['zones']>,
    putZones: (it) => write(() => void putZones.run(JSON.stringify(it))),
    formerNames: () => {
      // Only putFormerNames writes it.
      knownFormer ??= JSON.parse(firstRow<{ value: string }>(former)?.value ?? '[]') as ReturnType<Store['formerNames']>;
      return knownFormer;
    },
    putFormerNames: (it) => {
      write(() => void putFormer.run(JSON.stringify(it)));
      knownFormer = undefined;
    },
    forgetNames: () => {
      known = undefined;
      knownFormer = undefined;
    },
  };
}
