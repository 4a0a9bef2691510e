/**
 * The wishes: what each environment was asked to be. They are kept in memory as they were read, since each kernel event
 * asks for them; the file is the truth, and nobody else writes to it.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { EnvironmentSpec } from '../core/model.ts';
import type { EnvironmentRecord, Restarts, Store } from './index.ts';
import { allRows } from './rows.ts';

type Environments = Pick<Store, 'environments' | 'environment' | 'putEnvironment' | 'restartsOf' | 'putRestarts'> & {
  /** For the inside of a transaction. */
  deleteEnvironment(name: string): void;
  /** For after it: it is gone from memory too. */
  dropEnvironment(name: string): void;
  /** For after a transaction that was undone: all are read again. */
  forgetEnvironments(): void;
};

interface Row extends Omit<EnvironmentRecord, 'spec'> {
  readonly name: string;
  readonly spec: string;
}

/** @param write runs its argument in one transaction, all or nothing */
export function openEnvironments(database: DatabaseSync, write: <T>(body: () => T) => T): Environments {
  const all = database.prepare('SELECT name, spec, phase, created_at AS createdAt FROM environments');
  const remove = database.prepare('DELETE FROM environments WHERE name = ?');
  const put = database.prepare(`INSERT INTO environments (name, spec, phase, created_at) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET spec = excluded.spec, phase = excluded.phase`);
  const counts = database.prepare('SELECT service, restarts, retries FROM restarts WHERE environment = ?');
  const forgetCounts = database.prepare('DELETE FROM restarts WHERE environment = ?');
  const putCounts = database.prepare(`INSERT INTO restarts (environment, service, restarts, retries)
    SELECT name, ?, ?, ? FROM environments WHERE name = ?
    ON CONFLICT DO UPDATE SET restarts = excluded.restarts, retries = excluded.retries`);
  let known: Map<string, EnvironmentRecord> | undefined;
  /** The same by name. */
  let sorted: readonly EnvironmentRecord[] | undefined;

  const records = (): Map<string, EnvironmentRecord> => {
    known ??= new Map(allRows<Row>(all).map((row) => [row.name, recordOf(row)]));
    return known;
  };

  return {
    environments: () => {
      sorted ??= [...records().values()].sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1));
      return sorted;
    },
    environment: (name) => records().get(name),
    putEnvironment: (spec, phase, now) => {
      const text = JSON.stringify(spec);
      const { name } = spec;
      write(() => put.run(name, text, phase, now));
      const createdAt = records().get(name)?.createdAt ?? now;
      records().set(name, recordOf({ name, spec: text, phase, createdAt }));
      sorted = undefined;
    },
    restartsOf: (environment) =>
      new Map(allRows<Restarts & { readonly service: string }>(counts, environment).map(({ service, ...it }) => [service, it])),
    putRestarts: ({ environment, service, restarts, retries }) => {
      write(() => putCounts.run(service, restarts, retries, environment));
    },
    deleteEnvironment: (name) => {
      remove.run(name);
      forgetCounts.run(name);
    },
    dropEnvironment: (name) => {
      records().delete(name);
      sorted = undefined;
    },
    forgetEnvironments: () => {
      known = undefined;
      sorted = undefined;
    },
  };
}

function recordOf({ phase, createdAt, spec }: Row): EnvironmentRecord {
  // Only putEnvironment writes this column.
  return { phase, createdAt, spec: JSON.parse(spec) as EnvironmentSpec };
}
