/** What the services of an environment wrote: in their containers, and in those whose place these have taken. */
import fs from 'node:fs';
import type { LogLine, LogOptions } from '../index.ts';
import type { DockerClient } from './client.ts';
import { linesOf } from './logs.ts';
import type { Container } from './types.ts';

/** So many last lines of a container are kept when it goes. */
const mostFormerLines = 2000;

/** A line with its time as Docker writes it, always with nine digits behind the second: they compare as texts. */
interface StampedLine {
  readonly service: string;
  readonly stamp: string;
  readonly text: string;
}

function parseStamped(service: string, line: string): StampedLine {
  const [stamp = ''] = line.split(' ', 1);
  return { service, stamp, text: line.slice(stamp.length + 1) };
}

const stampNow = (): string => new Date().toISOString().replace('Z', '000000Z');

/** Waits until `listen` tells of something, or for `signal`. @param listen returns what ends it */
export const untilTold = (listen: (onTold: () => void) => () => void, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      stop();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const stop = listen(done);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });

/** Keeps what a container wrote, before it is removed: in a file of lines of former containers. */
export async function keepLog(docker: DockerClient, it: Container, file: string): Promise<void> {
  const lines: string[] = [];
  try {
    const ask = { timestamps: true, tail: mostFormerLines, tty: it.Config.Tty === true };
    for await (const { text } of linesOf(docker.containers.logs(it.Id, ask))) lines.push(text);
  } catch {
    // A log driver that cannot be read from: then there is nothing to keep.
    return;
  }
  writeFormer(file, [...readFormer(file), ...lines]);
}

/** What containers of another generation have left goes to the front of what is kept. */
export function takeOverLog(from: string, to: string): void {
  const lines = [...readFormer(from), ...readFormer(to)];
  if (lines.length > 0) writeFormer(to, lines);
}

function writeFormer(file: string, lines: readonly string[]): void {
  const kept = lines.slice(-mostFormerLines);
  fs.writeFileSync(file, kept.map((line) => `${line}\n`).join(''));
}

/** What {@link keepLog} kept. */
export function readFormer(file: string): readonly string[] {
  return fs.existsSync(file)
    ? fs
        .readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];
}

export interface LogSources {
  readonly docker: DockerClient;
  /** Lines that containers which are gone wrote, each with its time. */
  readonly former: (environment: string, service: string) => readonly string[];
  /** The containers of an environment's services, each with its service's name. */
  readonly containers: (environment: string) => Promise<readonly { readonly service: string; readonly container: Container }[]>;
  /** Resolves when a service was started, or the environment removed. */
  readonly changed: (signal: AbortSignal) => Promise<void>;
}

/** Up to when the lines of each container have been told. */
type Told = Map<string, string>;

export async function* readServiceLogs(sources: LogSources, environment: string, options: LogOptions): AsyncGenerator<LogLine> {
  const isWanted = (service: string): boolean => options.services.length === 0 || options.services.includes(service);
  const found = (await sources.containers(environment)).filter(({ service }) => isWanted(service));
  const told: Told = new Map();
  for (const service of new Set(found.map((it) => it.service))) {
    const containers = found.filter((it) => it.service === service).map((it) => it.container);
    yield* linesSoFar(sources, environment, service, containers, options, told);
  }
  if (options.follow) yield* followAll(sources, environment, options, isWanted, { told, known: found.map((it) => it.container) });
}

/** All or the last lines of one service, over its containers. */
async function* linesSoFar(
  { docker, former }: LogSources,
  environment: string,
  service: string,
  containers: readonly Container[],
  options: LogOptions,
  told: Told,
): AsyncGenerator<LogLine> {
  const { since = 0, tail } = options;
  const lines = former(environment, service).map((line) => parseStamped(service, line));
  for (const container of containers) {
    told.set(container.Id, stampNow());
    const ask = { timestamps: true, tty: container.Config.Tty === true, ...(tail === undefined ? {} : { tail }) };
    if (tail === 0) continue;
    for await (const { text } of linesOf(docker.containers.logs(container.Id, ask))) lines.push(parseStamped(service, text));
    const last = lines.at(-1)?.stamp;
    if (last !== undefined && last > (told.get(container.Id) ?? '')) told.set(container.Id, last);
  }
  const recent = lines.filter((it) => Date.parse(it.stamp) >= since);
  const wanted = tail === undefined ? recent : recent.slice(Math.max(0, recent.length - tail));
  for (const line of wanted) yield shown(line, options);
}

const shown = ({ service, stamp, text }: StampedLine, { times }: LogOptions): LogLine => ({
  service,
  text,
  ...(times === true ? { time: Date.parse(stamp) } : {}),
});

const startOf = (it: Container): string => `${it.Id} ${it.State.StartedAt}`;

/** Lines of every container as they come; of containers that come later too. */
async function* followAll(
  sources: LogSources,
  environment: string,
  options: LogOptions,
  isWanted: (service: string) => boolean,
  before: { readonly told: Told; readonly known: readonly Container[] },
): AsyncGenerator<LogLine> {
  const { signal } = options;
  const { told } = before;
  const queue: LogLine[] = [];
  const seen = new Set(before.known.filter((it) => !it.State.Running).map(startOf));
  let wake = (): void => undefined;
  const follow = async (service: string, { Id: id, Config }: Container): Promise<void> => {
    const since = Date.parse(told.get(id) ?? '');
    const ask = { follow: true, timestamps: true, tty: Config.Tty === true, signal, ...(since > 0 ? { since } : {}) };
    for await (const { text } of linesOf(sources.docker.containers.logs(id, ask))) {
      const line = parseStamped(service, text);
      if (line.stamp <= (told.get(id) ?? '')) continue;
      told.set(id, line.stamp);
      queue.push(shown(line, options));
      wake();
    }
  };
  while (!signal.aborted) {
    const changed = sources.changed(signal);
    const found = await sources.containers(environment);
    if (found.length === 0) break;
    for (const { service, container } of found) {
      if (!isWanted(service) || seen.has(startOf(container)) || !(Date.parse(container.State.StartedAt) > 0)) continue;
      seen.add(startOf(container));
      // What stands in its way is told by whoever looks at the service.
      follow(service, container).catch(() => undefined);
    }
    let isChanged = false;
    const end = changed.then(() => (isChanged = true));
    while (!isChanged && !signal.aborted) {
      while (queue.length > 0) yield queue.shift() as LogLine;
      const more = new Promise<void>((resolve) => (wake = resolve));
      if (queue.length === 0) await Promise.race([more, end]);
    }
  }
}
