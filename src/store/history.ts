/** Who had what, when: the leases of the past, and those that are held. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { HistoryEntry, Store } from './index.ts';
import { allRows } from './rows.ts';

/** Lines older than 400 days are dropped, so that one can still look a year back, and whatever is beyond 100,000 lines. */
export const historyBounds = { days: 400, lines: 100_000 };

/** Newest first; the lines of either family in the order in which they were written. */
export function readHistory(database: DatabaseSync, filter: Parameters<Store['history']>[0]): readonly HistoryEntry[] {
  const rest = [...readTable(database, 'leases6', "'static' AS source", filter)];
  const merged = readTable(database, 'leases', 'source', filter).flatMap((it) => {
    const newer = rest.findIndex((other) => other.from < it.from);
    return [...rest.splice(0, newer < 0 ? rest.length : newer), it];
  });
  return [...merged, ...rest].slice(0, filter.most);
}

function readTable(
  database: DatabaseSync,
  table: 'leases' | 'leases6',
  source: string,
  filter: Parameters<Store['history']>[0],
): readonly HistoryEntry[] {
  const conditions: string[] = [];
  const values: SQLInputValue[] = [];
  const where = (condition: string, ...given: readonly (SQLInputValue | undefined)[]): void => {
    const bound = given.filter((value) => value !== undefined);
    if (bound.length < given.length) return;
    conditions.push(condition);
    values.push(...bound);
  };
  where('network = ?', filter.network);
  where('address = ?', filter.address);
  where('environment = ?', filter.environment);
  where('since <= ? AND (ended IS NULL OR ended > ?)', filter.at, filter.at);
  const select = database.prepare(`SELECT network, address, environment, interface, mac, ${source}, since AS "from", ended AS "to"
    FROM ${table} ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`} ORDER BY id DESC LIMIT ?`);
  return allRows<HistoryEntry>(select, ...values, filter.most);
}

/** Drops what is beyond the bounds; what is held stays, however long ago it began. */
export function pruneHistory(database: DatabaseSync, now: number, { days, lines } = historyBounds): void {
  for (const table of ['leases', 'leases6'])
    database
      .prepare(`DELETE FROM ${table} WHERE ended IS NOT NULL AND (ended < ? OR id <= (SELECT max(id) FROM ${table}) - ?)`)
      .run(now - days * 86_400_000, lines);
}
