import type { SQLInputValue, StatementSync } from 'node:sqlite';

/** All rows of a SELECT whose columns are named and typed as the fields of `T`; NULL becomes a missing field. */
export function allRows<T extends object>(select: StatementSync, ...values: readonly SQLInputValue[]): T[] {
  return select.all(...values).map(asRow<T>);
}

/** The first row, or undefined. See {@link allRows}. */
export function firstRow<T extends object>(select: StatementSync, ...values: readonly SQLInputValue[]): T | undefined {
  const row = select.get(...values);
  return row === undefined ? undefined : asRow<T>(row);
}

function asRow<T extends object>(row: Record<string, unknown>): T {
  const present = Object.entries(row).filter(([, value]) => value !== null);
  // The tables are STRICT: SQLite itself keeps the columns to their types, and the SELECT names them as the fields.
  return Object.fromEntries(present) as T;
}
