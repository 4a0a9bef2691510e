/** Opens the ledger's file: looked at before anything is written, private, durable, at the newest schema. */
import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { LandlineError } from '../errors.ts';
import { applicationId, migrate, migrations, schemaVersion } from './migrations.ts';

/** Other programs may look into the file; one that holds it up for longer than this makes a write fail. */
const patienceMs = 2_000;

/** @throws LandlineError STATE_BROKEN; and what SQLite and node:fs throw */
export function openDatabase(file: string): DatabaseSync {
  const isNew = isEmpty(file);
  if (isNew) closeSync(openSync(file, 'a', 0o600));
  else refuseForeign(file);
  const database = new DatabaseSync(file, { timeout: patienceMs });
  try {
    // FULL: every commit waits for its fsync (https://sqlite.org/pragma.html#pragma_synchronous).
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
    migrate(database);
    if (isNew) syncFolder(dirname(file));
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Makes the folder, and what is missing above it, for its owner alone; durable when this returns. */
export function createFolder(folder: string): void {
  const highest = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (highest === undefined) return;
  for (let made = folder; made.length >= highest.length; made = dirname(made)) syncFolder(dirname(made));
}

/** A file that is not there, or that a start cut off before its first commit left empty. */
function isEmpty(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0;
}

/** The names in a folder survive power loss only once the folder is synced (fsync(2)). */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Looks through a connection that cannot write, so that what is refused stays as it was. */
function refuseForeign(file: string): void {
  const database = new DatabaseSync(file, { readOnly: true, timeout: patienceMs });
  try {
    const reason = whyUnusable(database);
    if (reason !== undefined) throw new LandlineError('STATE_BROKEN', { file, reason });
  } finally {
    database.close();
  }
}

function whyUnusable(database: DatabaseSync): string | undefined {
  const version = schemaVersion(database);
  const application = Number(database.prepare('PRAGMA application_id').get()?.application_id);
  const objects = Number(database.prepare('SELECT count(*) AS objects FROM sqlite_schema').get()?.objects);
  const untouched = version === 0 && application === 0 && objects === 0;
  if (!untouched && application !== applicationId) return "it is another program's database";
  if (version > migrations.length) return `it has schema ${version}, and this version of Landline knows ${migrations.length}`;
  const check = database.prepare('PRAGMA quick_check(1)').get()?.quick_check;
  return check === 'ok' ? undefined : `it is damaged: ${String(check)}`;
}
