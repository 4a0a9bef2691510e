/** The wishes: what each environment was asked to be. */
import type { DatabaseSync } from 'node:sqlite';
import type { EnvironmentSpec } from '../core/model.ts';
import type { EnvironmentRecord, Store } from './index.ts';
import { allRows, firstRow } from './rows.ts';

type Environments = Pick<Store, 'environments' | 'environment' | 'putEnvironment'> & {
  /** For the inside of a transaction. */
  deleteEnvironment(name: string): void;
};

interface Row extends Omit<EnvironmentRecord, 'spec'> {
  readonly spec: string;
}

/** @param write runs its argument in one transaction, all or nothing */
export function openEnvironments(database: DatabaseSync, write: <T>(body: () => T) => T): Environments {
  const select = 'SELECT spec, phase, created_at AS createdAt FROM environments';
  const all = database.prepare(`${select} ORDER BY name`);
  const one = database.prepare(`${select} WHERE name = ?`);
  const remove = database.prepare('DELETE FROM environments WHERE name = ?');
  const put = database.prepare(`INSERT INTO environments (name, spec, phase, created_at) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET spec = excluded.spec, phase = excluded.phase`);
  return {
    environments: () => allRows<Row>(all).map(recordOf),
    environment: (name) => {
      const row = firstRow<Row>(one, name);
      return row === undefined ? undefined : recordOf(row);
    },
    putEnvironment: (spec, phase, now) => {
      write(() => put.run(spec.name, JSON.stringify(spec), phase, now));
    },
    deleteEnvironment: (name) => {
      remove.run(name);
    },
  };
}

function recordOf(row: Row): EnvironmentRecord {
  // Only putEnvironment writes this column.
  return { ...row, spec: JSON.parse(row.spec) as EnvironmentSpec };
}
