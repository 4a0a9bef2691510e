/** One command at a time works on a lab: a lock that the kernel takes back when its process ends, however it ends. */
import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { labExists, labsFolder } from './record.ts';

const SQLITE_BUSY = 5;

/**
 * Runs `body` while no other command works on the lab; calls `onWait` once if another one does.
 * The lock is an exclusive transaction on the empty database NAME.lock, that is, a record lock of fcntl(2). The file
 * goes with the lab.
 */
export async function withLock<T>(name: string, onWait: () => void, body: () => Promise<T>): Promise<T> {
  fs.mkdirSync(labsFolder, { recursive: true, mode: 0o755 });
  const file = path.join(labsFolder, `${name}.lock`);
  let lock = tryLock(file);
  if (lock === undefined) onWait();
  while (lock === undefined) {
    await sleep(20);
    lock = tryLock(file);
  }
  try {
    return await body();
  } finally {
    if (!labExists(name)) fs.rmSync(file, { force: true });
    lock.close();
  }
}

function tryLock(file: string): DatabaseSync | undefined {
  createEmpty(file);
  const before = fs.statSync(file, { throwIfNoEntry: false });
  const lock = new DatabaseSync(file, { timeout: 0 });
  try {
    // A rollback journal on disk would be left over by kill -9.
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    // Whoever ended the lab meanwhile has removed the file: this lock is on nothing then, and the next one makes a new file.
    if (before !== undefined && fs.statSync(file, { throwIfNoEntry: false })?.ino === before.ino) return lock;
  } catch (error) {
    if (!isBusy(error)) throw error;
  }
  lock.close();
  return undefined;
}

/** One that is there is not even opened: closing it would free a lock that this process has on it (POSIX, fcntl). */
function createEmpty(file: string): void {
  try {
    fs.closeSync(fs.openSync(file, 'wx', 0o600));
  } catch (error) {
    // A cast, since Node's errors carry `code` without a type for it.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

const isBusy = (error: unknown): boolean => error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
