/** One daemon per state: a lock that the kernel takes back when its process ends, however it ends. */
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { LandlineError } from '../errors.ts';
import { isSqliteError, SQLITE_BUSY } from './sqlite-error.ts';

/**
 * Two that start in the same instant can each find the other in the way; they try again for this many milliseconds,
 * so that one of them gets it.
 */
const patienceMs = 250;

/**
 * Locks the state in `file`, and returns how to let go of it. The lock is an exclusive transaction on the empty
 * database `FILE-lock`, that is, a record lock of fcntl(2): no child inherits it, and kill -9 frees it. The ledger's
 * own file stays readable for other programs.
 * Nothing in this process may open and close the lock file meanwhile: that would free the lock (POSIX, fcntl).
 * @throws LandlineError DAEMON_RUNNING
 */
export function lockState(file: string): () => void {
  const path = `${file}-lock`;
  createPrivate(path);
  const lock = new DatabaseSync(path, { timeout: patienceMs });
  try {
    // A rollback journal on disk would be left over by kill -9.
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!isSqliteError(error, SQLITE_BUSY)) throw error;
    const pid = lockHolder(path);
    throw new LandlineError('DAEMON_RUNNING', { what: file, ...(pid === undefined ? {} : { pid }) }, { cause: error });
  }
  return () => {
    if (lock.isOpen) lock.close();
  };
}

/** Makes an empty file that only its owner may read. One that is there is not even opened: see {@link lockState}. */
function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    // A cast, since Node's errors carry `code` without a type for it.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** The process that holds a lock on the file, from /proc/locks (proc_locks(5)); undefined when it does not say. */
function lockHolder(path: string): number | undefined {
  const { dev, ino } = statSync(path);
  const hex = (number: number): string => number.toString(16).padStart(2, '0');
  // makedev(3): glibc's split of st_dev.
  const device = `${hex((dev >>> 8) & 0xfff)}:${hex((dev & 0xff) | ((dev >>> 12) & 0xfff00))}`;
  const match = new RegExp(` WRITE +(\\d+) ${device}:${ino} `).exec(readFileSync('/proc/locks', 'utf8'));
  const pid = Number(match?.[1] ?? 0);
  return pid > 0 ? pid : undefined;
}
