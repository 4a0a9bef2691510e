import type { DatabaseSync } from 'node:sqlite';

/**
 * Runs `body` in one transaction: what it wrote is on disk when this returns, and undone when this throws. Inside of
 * another transaction it is a part of that one, and is undone alone.
 */
export function transact<T>(database: DatabaseSync, body: () => T): T {
  const [begin, commit, rollback] = database.isTransaction ? inner : outer;
  database.exec(begin);
  try {
    const result = body();
    database.exec(commit);
    return result;
  } catch (error) {
    // SQLite has rolled back on its own after some errors (a full disk, for one), and all of it then.
    if (database.isTransaction) database.exec(rollback);
    throw error;
  }
}

const outer = ['BEGIN IMMEDIATE', 'COMMIT', 'ROLLBACK'] as const;
/** Savepoints of one name hide one another, as brackets do. */
const inner = ['SAVEPOINT part', 'RELEASE part', 'ROLLBACK TO part; RELEASE part'] as const;
