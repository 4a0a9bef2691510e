/** What SQLite refuses, as an error of the catalogue where a user can do something about it. */
import { LandlineError } from '../errors.ts';

/** Primary result codes of https://sqlite.org/rescode.html */
export const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

interface SqliteError extends Error {
  readonly code: 'ERR_SQLITE_ERROR';
  /** The extended result code; its low byte is the primary one. */
  readonly errcode: number;
}

export function isSqliteError(error: unknown, ...codes: readonly number[]): error is SqliteError {
  return (
    error instanceof Error &&
    'code' in error &&
    error.code === 'ERR_SQLITE_ERROR' &&
    'errcode' in error &&
    typeof error.errcode === 'number' &&
    (codes.length === 0 || codes.includes(error.errcode & 0xff))
  );
}

/** The same error, or the one of the catalogue that says what is wrong with the state in `file`. */
export function asStateError(file: string, error: unknown): unknown {
  if (isSqliteError(error, SQLITE_CORRUPT, SQLITE_NOTADB)) {
    return new LandlineError('STATE_BROKEN', { file, reason: error.message }, { cause: error });
  }
  const unwritable =
    isSqliteError(error, SQLITE_BUSY, SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN) || isSystemError(error);
  if (unwritable) return new LandlineError('STATE_UNWRITABLE', { file, reason: error.message }, { cause: error });
  return error;
}

/** An error of the system, such as EACCES or ENOSPC, from node:fs. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'errno' in error;
}
