import { randomBytes } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { LandlineError } from '../errors.ts';
import { openAddresses } from './addresses.ts';
import { openAddresses6 } from './addresses6.ts';
import { createFolder, openDatabase } from './database.ts';
import { openEnvironments } from './environments.ts';
import { pruneHistory, readHistory } from './history.ts';
import type { Store } from './index.ts';
import { lockState } from './lock.ts';
import { openNames } from './names.ts';
import { openNics } from './nics.ts';
import { openPages } from './pages.ts';
import { firstRow } from './rows.ts';
import { asStateError } from './sqlite-error.ts';
import { openGroup } from './together.ts';
import { transact } from './transact.ts';

/** Which ledger to open. */
export interface StoreOptions {
  /** Path of the file; it is made when missing (mode 0600), its folder too (mode 0700). */
  readonly file: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The installation's id where the configuration sets it: taken over, and kept from then on. */
  readonly id?: string;
}

/**
 * Opens the ledger for this process alone, at the newest schema; `close` lets go of it, as does the process's end.
 * What is refused is left as it was.
 * @throws LandlineError DAEMON_RUNNING, STATE_BROKEN, STATE_UNWRITABLE
 */
export function openStore({ file: path, now, id }: StoreOptions): Store {
  const file = resolve(path);
  const attempt = <T>(body: () => T): T => {
    try {
      return body();
    } catch (error) {
      throw asStateError(file, error);
    }
  };
  const unlock = attempt(() => {
    createFolder(dirname(file));
    return lockState(file);
  });
  try {
    return assemble(
      attempt(() => openDatabase(file)),
      { attempt, unlock, now, id },
    );
  } catch (error) {
    unlock();
    throw error;
  }
}

interface Parts {
  readonly attempt: <T>(body: () => T) => T;
  readonly unlock: () => void;
  readonly now: number;
  readonly id: string | undefined;
}

/** Takes the database over, and closes it when it cannot. */
function assemble(database: DatabaseSync, parts: Parts): Store {
  try {
    return assembleOpen(database, parts);
  } catch (error) {
    database.close();
    throw error;
  }
}

function assembleOpen(database: DatabaseSync, { attempt, unlock, now, id }: Parts): Store {
  const pages = openPages(database);
  const forget = [pages.forget];
  const write = <T>(body: () => T): T => {
    try {
      return attempt(() => transact(database, body));
    } catch (error) {
      for (const it of forget) it();
      throw error;
    }
  };
  const installation = write(() => {
    pruneHistory(database, now);
    for (const table of ['quarantine', 'quarantine6']) database.prepare(`DELETE FROM ${table} WHERE until <= ?`).run(now);
    return settleInstallation(database, id);
  });
  const { giveBack, ...addresses } = openAddresses(database, pages, write);
  const { giveBack6, ...addresses6 } = openAddresses6(database, write);
  const { deleteEnvironment, dropEnvironment, forgetEnvironments, ...environments } = openEnvironments(database, write);
  const { forgetNames, ...names } = openNames(database, write);
  const { forgetNics, ...nics } = openNics(database, write);
  forget.push(forgetEnvironments, forgetNames, forgetNics);
  const { together, flush } = openGroup(write, () => database.isTransaction);
  return {
    installation,
    ...environments,
    ...addresses,
    ...addresses6,
    ...names,
    ...nics,
    removeEnvironment: (it) => {
      write(() => {
        deleteEnvironment(it.name);
        giveBack(it);
        giveBack6(it);
      });
      dropEnvironment(it.name);
    },
    history: (filter) => readHistory(database, filter),
    together,
    close: () => {
      flush();
      if (database.isOpen) database.close();
      unlock();
    },
  };
}

/** The id given, or the one kept, or a new one of 128 random bits; the ledger keeps whichever it is. */
function settleInstallation(database: DatabaseSync, given: string | undefined): string {
  const select = database.prepare("SELECT value FROM settings WHERE name = 'installation'");
  const kept = firstRow<{ value: string }>(select)?.value;
  const id = given ?? kept ?? randomBytes(16).toString('hex');
  if (id !== kept) {
    if (kept !== undefined) refuseToRename(database, kept, id);
    database
      .prepare("INSERT INTO settings (name, value) VALUES ('installation', ?) ON CONFLICT DO UPDATE SET value = excluded.value")
      .run(id);
  }
  return id;
}

/** What was made under the former id would be a stranger's from now on, and answer for ever. @throws LandlineError INSTALLATION_IN_USE */
function refuseToRename(database: DatabaseSync, kept: string, given: string): void {
  const environments = database.prepare('SELECT count(*) AS count FROM environments');
  const count = firstRow<{ count: number }>(environments)?.count ?? 0;
  if (count > 0) throw new LandlineError('INSTALLATION_IN_USE', { kept, given, environments: count });
}
