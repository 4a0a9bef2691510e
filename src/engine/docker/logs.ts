/** What a container wrote. */
import type { Caller } from './caller.ts';
import { about, pathOf } from './container-calls.ts';
import { type Output, readFrames, readRaw } from './read.ts';

export interface LogAsk {
  readonly follow?: boolean;
  /** Milliseconds since 1970. */
  readonly since?: number;
  readonly until?: number;
  /** So many last lines; left out: all. */
  readonly tail?: number;
  /** Each line begins with its time, RFC 3339 with nanoseconds, and a space. */
  readonly timestamps?: boolean;
  /** Left out: both. */
  readonly only?: Output['stream'];
  /** Whether it has a terminal, where the caller knows; otherwise Docker is asked. */
  readonly tty?: boolean;
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

/** @throws LandlineError CONTAINER_UNKNOWN */
export async function* logsOf(caller: Caller, container: string, ask: LogAsk): AsyncGenerator<Output> {
  const tty = ask.tty ?? (await hasTerminal(caller, container));
  const body = await caller.stream({
    method: 'GET',
    path: `${pathOf(container)}/logs`,
    query: {
      stdout: ask.only !== 'stderr',
      stderr: ask.only !== 'stdout',
      follow: ask.follow === true,
      timestamps: ask.timestamps === true,
      tail: ask.tail,
      since: ask.since === undefined ? undefined : inSeconds(ask.since),
      until: ask.until === undefined ? undefined : inSeconds(ask.until),
    },
    ...about(container, 'read the log of'),
    ...(ask.signal === undefined ? {} : { signal: ask.signal }),
  });
  yield* tty ? readRaw(body) : readFrames(body);
}

/** Docker 20.10 does not say in its answer which of the two it sends. */
async function hasTerminal(caller: Caller, container: string): Promise<boolean> {
  const found = await caller.call({ method: 'GET', path: `${pathOf(container)}/json`, ...about(container, 'inspect') });
  return (found as { readonly Config: { readonly Tty?: boolean } }).Config.Tty === true;
}

const inSeconds = (ms: number): string => (ms / 1000).toFixed(3);

/** A line that a container wrote, whole, without its end. */
export interface ContainerLine {
  readonly stream: Output['stream'];
  readonly text: string;
}

/** Output taken apart into lines; those of stdout and of stderr do not mix, however they come. */
export async function* linesOf(output: AsyncIterable<Output>): AsyncGenerator<ContainerLine> {
  const parts = { stdout: { decoder: new TextDecoder(), rest: '' }, stderr: { decoder: new TextDecoder(), rest: '' } };
  for await (const { stream, bytes } of output) {
    const part = parts[stream];
    const [first = '', ...others] = part.decoder.decode(bytes, { stream: true }).split('\n');
    part.rest += first;
    for (const next of others) {
      yield { stream, text: part.rest.replace(/\r$/, '') };
      part.rest = next;
    }
  }
  for (const stream of ['stdout', 'stderr'] as const) if (parts[stream].rest !== '') yield { stream, text: parts[stream].rest };
}
