/**
 * Keeps logs short, and notes when they grew. A service has its log open and only ever appends, so nothing is copied
 * or moved: the beginning of the file is given back to the disk as a hole (fallocate(2), FALLOC_FL_PUNCH_HOLE), in one
 * step of the file system. No offset changes: no line is lost or torn that is to stay, and who reads on reads on. The
 * file's length goes on growing, what it takes of the disk does not (`du` and `ls -s` tell).
 */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { promisify } from 'node:util';
import type { Folders } from './folders.ts';
import { formatSample, readSamples } from './log-times.ts';
import type { Running } from './running.ts';

/** From look to look, in milliseconds: the accuracy of times. */
const LOOK_MS = 1000;
/** A log that has not grown at so many looks is watched for its next growth (inotify(7)) instead of being looked at. */
const QUIET_LOOKS = 10;
/** Holes begin and end at blocks, in bytes. */
const BLOCK = 4096;
/** The next line begins within so many bytes, or there are no lines. */
const LONGEST = 1_048_576;

export interface LogLimits {
  /** A log that holds more bytes than this is shortened … */
  readonly most: number;
  /** … to this many. */
  readonly keep: number;
}

/** As of three files of 10 MB, of which the oldest goes. */
export const usualLimits: LogLimits = { most: 30_000_000, keep: 20_000_000 };

export interface LogKeeper {
  /** Looks at one log at once: its service has ended. */
  look(environment: string, service: string): void;
  close(): void;
}

export function keepLogs(
  folders: Folders,
  running: Running,
  limits: LogLimits,
  log: (line: string, fields: Record<string, unknown>) => void,
): LogKeeper {
  /** Lengths at the last look. */
  const lengths = new Map<string, number>();
  /** At how many looks in a row it had not grown; or what watches it. */
  const quiet = new Map<string, number | fs.FSWatcher>();
  /** Being shortened, or on a file system that cannot. */
  const busy = new Set<string>();

  const look = (environment: string, service: string): void => {
    const key = `${environment}/${service}`;
    const stat = fs.statSync(folders.log(environment, service), { throwIfNoEntry: false });
    if (stat === undefined) return void lengths.delete(key);
    const before = lengths.get(key) ?? readSamples(folders.logTimes(environment, service)).at(-1)?.length ?? 0;
    lengths.set(key, stat.size);
    if (stat.size === before) return;
    wake(key);
    note(environment, service, stat.size, before);
    if (stat.size - readStart(folders, environment, service) <= limits.most || busy.has(key)) return;
    busy.add(key);
    shorten(folders, environment, service, stat.size - limits.keep).then(
      () => busy.delete(key),
      (error: unknown) => log('log cannot be shortened', { environment, service, problem: String(error) }),
    );
  };

  /** A shorter one was emptied by somebody: what was known of it is of the past. */
  const note = (environment: string, service: string, length: number, before: number): void => {
    const times = folders.logTimes(environment, service);
    const sample = formatSample({ length, at: Date.now() });
    if (length > before) return fs.appendFileSync(times, sample);
    fs.writeFileSync(times, sample);
    fs.rmSync(folders.logStart(environment, service), { force: true });
  };

  /** The next look finds what has changed. */
  const wake = (key: string): void => {
    const watch = quiet.get(key);
    if (typeof watch === 'object') watch.close();
    quiet.delete(key);
  };

  const lookUnlessQuiet = (environment: string, service: string): void => {
    const key = `${environment}/${service}`;
    const looks = quiet.get(key) ?? 0;
    if (typeof looks === 'object') return;
    quiet.set(key, looks + 1);
    if (looks === QUIET_LOOKS) watchFor(key, folders.log(environment, service));
    // Last: what was written before the watch began wakes it.
    look(environment, service);
  };

  const watchFor = (key: string, file: string): void => {
    try {
      quiet.set(
        key,
        fs.watch(file, { persistent: false }, () => wake(key)).on('error', () => wake(key)),
      );
    } catch {
      // No file, or no more watches (inotify(7), max_user_watches): it is looked at as before.
      quiet.delete(key);
    }
  };

  const timer = setInterval(() => {
    for (const { generation } of running.list()) lookUnlessQuiet(generation.environment, generation.service);
  }, LOOK_MS);
  timer.unref();
  const close = (): void => {
    clearInterval(timer);
    for (const key of [...quiet.keys()]) wake(key);
  };
  return {
    look: (environment, service) => {
      wake(`${environment}/${service}`);
      look(environment, service);
    },
    close,
  };
}

/** Offset at which a log begins. */
export function readStart(folders: Folders, environment: string, service: string): number {
  try {
    return Number.parseInt(fs.readFileSync(folders.logStart(environment, service), 'latin1'), 10) || 0;
  } catch {
    return 0;
  }
}

/** Gives back what is before `offset`, in whole lines and blocks. Readers are told first where the log will begin. */
async function shorten(folders: Folders, environment: string, service: string, offset: number): Promise<void> {
  const file = folders.log(environment, service);
  const start = lineAfter(file, offset);
  const startFile = folders.logStart(environment, service);
  fs.writeFileSync(`${startFile}.new`, `${start}\n`);
  fs.renameSync(`${startFile}.new`, startFile);
  const length = Math.floor(start / BLOCK) * BLOCK;
  await promisify(execFile)('fallocate', ['--punch-hole', '--offset', '0', '--length', String(length), file]);
  const times = folders.logTimes(environment, service);
  const samples = readSamples(times);
  const kept = samples.slice(Math.max(0, samples.findIndex((it) => it.length >= start) - 1));
  fs.writeFileSync(`${times}.new`, kept.map(formatSample).join(''));
  fs.renameSync(`${times}.new`, times);
}

/** Where the first line begins that begins after an offset. */
function lineAfter(file: string, offset: number): number {
  const fd = fs.openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(LONGEST);
    const found = buffer.subarray(0, fs.readSync(fd, buffer, 0, LONGEST, offset)).indexOf('\n');
    return found === -1 ? offset : offset + found + 1;
  } finally {
    fs.closeSync(fd);
  }
}
