import type { DatabaseSync } from 'node:sqlite';

/** Runs `body` in one transaction: what it wrote is on disk when this returns, and undone when this throws. */
export function transact<T>(database: DatabaseSync, body: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = body();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // SQLite has rolled back on its own after some errors (a full disk, for one).
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
