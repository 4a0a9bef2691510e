/** Shows on stderr how far a request is while it is under way: a picture on a terminal, lines elsewhere. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentView, EventView } from '../api/contract.ts';
import { client } from './context.ts';
import {
  advance,
  beginProgress,
  frame,
  openLines,
  type Progress,
  progressLine,
  redraw,
  seen,
  type Terminal,
  turnMs,
} from './render/progress.ts';

/** Elsewhere than on a terminal, what takes less than this, in milliseconds, goes without a word. */
const silentMs = 2000;

/** What is still on its way when a request has failed comes within so many milliseconds. */
const lastEventsMs = 30;

export interface Shown {
  readonly environment: string;
  /** In the order of their rows; those of an environment that is there need not be named. */
  readonly services: readonly string[];
  /** With `--json`: nothing is shown. */
  readonly json: true | undefined;
}

/** Does `work`, a request that answers how the environment stands then, and shows its way. */
export async function withProgress<T extends EnvironmentView>(shown: Shown, work: () => Promise<T>): Promise<T> {
  if (shown.json) return work();
  const screen = process.stderr.isTTY && process.env['TERM'] !== 'dumb' ? picture(shown) : plainLines(shown);
  const stop = new AbortController();
  try {
    await follow(shown.environment, screen, stop.signal);
    const view = await work();
    screen.change((it) => seen(it, view));
    return view;
  } catch (error) {
    await sleep(lastEventsMs);
    throw error;
  } finally {
    stop.abort();
    screen.end();
  }
}

interface Screen {
  change(next: (it: Progress, now: number) => Progress): void;
  /** A line that stays, at once where no picture is in its way. */
  note(line: string): void;
  end(): void;
}

/** Returns once nothing can be missed. That it cannot follow is no reason to fail: `work` says what is wrong. */
async function follow(environment: string, screen: Screen, signal: AbortSignal): Promise<void> {
  const opened = Promise.withResolvers<void>();
  const gather = async (): Promise<void> => {
    const ask = { query: { environment }, signal, onOpen: opened.resolve };
    for await (const event of client().stream<EventView>('/v1/events', ask)) {
      if (event.what === 'ports clash') screen.note(`landline: note: ${event.fields['note']}`);
      else screen.change((it, now) => advance(it, event, now));
    }
  };
  gather().then(opened.resolve, () => opened.resolve());
  await opened.promise;
  // There is none yet, or no daemon.
  const view = await client()
    .call<EnvironmentView>('GET', `/v1/environments/${encodeURIComponent(environment)}`)
    .catch(() => undefined);
  if (view !== undefined) screen.change((it) => seen(it, view));
}

const begin = ({ environment, services }: Shown): Progress => beginProgress(environment, services, performance.now());

/** Drawn anew whenever something moves, from the first event on: what is in order already needs no picture. */
function picture(shown: Shown): Screen {
  let progress = begin(shown);
  let drawn: readonly string[] = [];
  const notes: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  const draw = (): void => {
    const terminal = terminalNow();
    const lines = frame(progress, performance.now(), terminal);
    process.stderr.write(redraw(drawn, lines, terminal.columns));
    drawn = lines;
  };
  const end = (): void => {
    process.off('SIGINT', interrupt);
    clearInterval(timer);
    if (drawn.length > 0) draw();
    write(notes.splice(0));
  };
  const interrupt = (): void => {
    end();
    const { environment } = shown;
    process.stderr.write(
      `\nlandline: ${environment}: the daemon goes on; \`landline ps ${environment}\` shows where it stands\n`,
    );
    process.kill(process.pid, 'SIGINT');
  };
  process.on('SIGINT', interrupt);
  return {
    change: (next) => {
      const before = progress;
      progress = next(progress, performance.now());
      const hasMoved = [...progress.endpoints.values(), ...progress.services.values()].some((it) => it.since !== undefined);
      if (progress === before || !(hasMoved || progress.trouble !== undefined)) return;
      timer ??= setInterval(draw, turnMs);
      draw();
    },
    note: (line) => {
      if (drawn.length === 0) write([line]);
      else notes.push(line);
    },
    end,
  };
}

function terminalNow(): Terminal {
  const { columns, rows } = process.stderr;
  const { NO_COLOR, LC_ALL, LC_CTYPE, LANG } = process.env;
  return {
    // A terminal that does not know its size says 0.
    columns: columns || 80,
    rows: rows || 24,
    colour: NO_COLOR === undefined || NO_COLOR === '',
    unicode: /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || ''),
  };
}

function plainLines(shown: Shown): Screen {
  let progress = begin(shown);
  let speaks = false;
  const timer = setTimeout(() => {
    speaks = true;
    write(openLines(progress));
  }, silentMs);
  return {
    change: (next) => {
      const before = progress;
      progress = next(progress, performance.now());
      const line = progressLine(before, progress);
      if (speaks && line !== undefined) write([line]);
    },
    note: (line) => write([line]),
    end: () => clearTimeout(timer),
  };
}

function write(lines: readonly string[]): void {
  process.stderr.write(lines.map((it) => `${it}\n`).join(''));
}
