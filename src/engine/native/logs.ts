/** The logs of an environment's services, one after another, or as they are written. */
import fs from 'node:fs';
import type { LogLine, LogOptions } from '../index.ts';
import { type Folders, listFolders } from './folders.ts';
import { type FileLine, type LogFile, openLogFile } from './log-file.ts';
import { readStart } from './log-keeper.ts';
import { type LogTimes, readSamples, timesOf } from './log-times.ts';

/** Wakes one sleeper when anything it watches has changed, also if that was before it went to sleep. */
interface Bell {
  ring(): void;
  /** Resolves at the next ring, or at once when there was one since the last wait. */
  wait(): Promise<void>;
}

function makeBell(): Bell {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring: () => {
      rung = true;
      wake?.();
    },
    wait: async () => {
      if (!rung) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      rung = false;
      wake = undefined;
    },
  };
}

/**
 * Lines of the chosen services. With `follow` it goes on with what they write, and with services that are started
 * later, until the signal or the end of the environment.
 */
export async function* readLogs(folders: Folders, environment: string, options: LogOptions): AsyncGenerator<LogLine> {
  const open = new Map<string, LogFile>();
  const bell = makeBell();
  const watches = new Map<string, fs.FSWatcher>();
  const watch = (file: string): void => {
    if (!options.follow || watches.has(file) || !fs.existsSync(file)) return;
    // A watch that fails belongs to something that is gone: a look will tell.
    watches.set(file, fs.watch(file, bell.ring).on('error', bell.ring));
  };
  const wanted = (service: string): boolean => options.services.length === 0 || options.services.includes(service);
  const openNew = async (only: Pick<LogOptions, 'tail' | 'since'>): Promise<void> => {
    watch(folders.services(environment));
    for (const service of (await listFolders(folders.services(environment))).filter(wanted)) {
      if (open.has(service)) continue;
      // The folder of a service is there before its log is.
      watch(folders.service(environment, service));
      watch(folders.log(environment, service));
      const { tail, since } = only;
      const file = await openLogFile(folders.log(environment, service), {
        start: () => readStart(folders, environment, service),
        ...(tail === undefined ? {} : { tail }),
        ...(since === undefined ? {} : { from: timesIn(folders, environment, service).offsetAt(since) }),
      }).catch(ignoreMissing);
      if (file !== undefined) open.set(service, file);
    }
  };

  options.signal.addEventListener('abort', bell.ring);
  try {
    await openNew(options);
    while (!options.signal.aborted) {
      const lines = withTimes(folders, environment, options, await readAll(open, 'read'));
      yield* lines;
      if (lines.length > 0) continue;
      if (!options.follow || !fs.existsSync(folders.services(environment))) break;
      await bell.wait();
      await openNew({});
    }
    if (!options.signal.aborted) yield* withTimes(folders, environment, options, await readAll(open, 'rest'));
  } finally {
    options.signal.removeEventListener('abort', bell.ring);
    for (const watcher of watches.values()) watcher.close();
    for (const file of open.values()) await file.close();
  }
}

type Read = FileLine & { readonly service: string };

async function readAll(open: ReadonlyMap<string, LogFile>, how: 'read' | 'rest'): Promise<Read[]> {
  const lines: Read[] = [];
  for (const [service, file] of open) {
    for (const line of await file[how]()) lines.push({ service, ...line });
  }
  return lines;
}

const timesIn = (folders: Folders, environment: string, service: string): LogTimes =>
  timesOf(readSamples(folders.logTimes(environment, service)));

/** With the time of each line where that is wished; what nobody has looked at yet was written just now. */
function withTimes(folders: Folders, environment: string, { times: wished }: LogOptions, lines: readonly Read[]): LogLine[] {
  const known = new Map<string, LogTimes>();
  const timeOf = ({ service, end }: Read): number => {
    const times = known.get(service) ?? timesIn(folders, environment, service);
    known.set(service, times);
    return times.timeOf(end) ?? Date.now();
  };
  return lines.map((it) => ({ service: it.service, text: it.text, ...(wished === true ? { time: timeOf(it) } : {}) }));
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
