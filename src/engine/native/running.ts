/** The services that run, and are watched: one open descriptor each. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LandlineError } from '../../errors.ts';
import { openAlive, watchAlive } from './alive.ts';
import { alivePath, type Generation, noteStop, readIdentity, readStatus, untilGone, writeStatus } from './generation.ts';
import { type Identity, signalFirstChild, signalProcess } from './identity.ts';

/** What a shell says of a program that SIGKILL ended. */
const KILLED = 128 + 9;
/** How long the kernel may take to end processes after SIGKILL: one that waits for a device ends when that answers. */
const KILL_MS = 10_000;

export interface RunningService {
  readonly generation: Generation;
  readonly identity: Identity;
  /** Resolves when every process of it is gone. */
  readonly ended: Promise<void>;
  /** Ends it. @throws LandlineError SERVICE_FAILED when even SIGKILL did not. */
  stop(how: { readonly signal: number; readonly graceMs: number }): Promise<void>;
}

/** A generation that is being started. */
export interface Start {
  /** Resolves when the service runs; it is in the table then. */
  readonly running: Promise<void>;
  /** Resolves when nothing of it is left, or when it could not be started. */
  readonly over: Promise<void>;
  /** Stops watching, for whoever takes the generation away. */
  abandon(): void;
}

export interface Running {
  get(environment: string, service: string): RunningService | undefined;
  /** All, or those of one environment. */
  list(environment?: string): readonly RunningService[];
  /** A generation found alive, with the reading end of its pipe. */
  adopt(generation: Generation, identity: Identity, alive: number): void;
  /** Watches a generation come to life. */
  expect(generation: Generation): Start;
  /** Whether it is expected and does not run yet. */
  isExpected(generation: Generation): boolean;
  close(): void;
}

export function makeRunning(onExit: (environment: string, service: string) => void): Running {
  const services = new Map<string, RunningService>();
  const watches = new Set<() => void>();
  const expected = new Set<string>();
  const keyOf = (environment: string, service: string): string => `${environment}/${service}`;

  /** Watches a pipe; `onEnd` is told after the watch is forgotten. */
  const watch = (fd: number, onWord: (word: string) => void, onEnd: () => void): (() => void) => {
    const stop = watchAlive(fd, onWord, () => {
      watches.delete(stop);
      onEnd();
    });
    watches.add(stop);
    return stop;
  };

  /** Puts a service in the table; returns what to call when its pipe has ended. */
  const enter = (generation: Generation, identity: Identity): (() => void) => {
    const { environment, service } = generation;
    const end = Promise.withResolvers<void>();
    const state = { killed: false };
    const it: RunningService = { generation, identity, ended: end.promise, stop: (how) => stopService(it, state, how) };
    services.set(keyOf(environment, service), it);
    const leave = async (): Promise<void> => {
      await untilGone(identity);
      if (state.killed && readStatus(generation) === undefined) writeStatus(generation, KILLED);
      services.delete(keyOf(environment, service));
      end.resolve();
      onExit(environment, service);
    };
    // A failure here is a mistake of ours in writing the status or of the listener, and must be seen.
    return () => void leave();
  };

  return {
    get: (environment, service) => services.get(keyOf(environment, service)),
    list: (environment) =>
      [...services.values()].filter((it) => environment === undefined || it.generation.environment === environment),
    adopt: (generation, identity, alive) => {
      watch(alive, () => undefined, enter(generation, identity));
    },
    expect: (generation) => {
      const running = Promise.withResolvers<void>();
      const over = Promise.withResolvers<void>();
      let leave: (() => void) | undefined;
      const onWord = (word: string): void => {
        const identity = word === 'running' ? readIdentity(generation) : undefined;
        if (identity === undefined || leave !== undefined) return;
        expected.delete(generation.id);
        leave = enter(generation, identity);
        running.resolve();
      };
      const onEnd = (): void => {
        over.resolve();
        leave?.();
      };
      expected.add(generation.id);
      const unwatch = watch(openAlive(alivePath(generation)), onWord, onEnd);
      const abandon = (): void => {
        expected.delete(generation.id);
        watches.delete(unwatch);
        unwatch();
      };
      return { running: running.promise, over: over.promise, abandon };
    },
    isExpected: (generation) => expected.has(generation.id),
    close: () => {
      for (const stop of watches) stop();
      watches.clear();
      services.clear();
    },
  };
}

async function stopService(
  it: RunningService,
  state: { killed: boolean },
  how: { signal: number; graceMs: number },
): Promise<void> {
  noteStop(it.generation);
  signalFirstChild(it.identity, how.signal);
  if (await endsWithin(it, how.graceMs)) return;
  state.killed = true;
  signalProcess(it.identity, 'SIGKILL');
  if (await endsWithin(it, KILL_MS)) return;
  const { environment, service } = it.generation;
  const ended = `has not ended ${KILL_MS / 1000} s after SIGKILL: one of its processes waits in the kernel`;
  throw new LandlineError('SERVICE_FAILED', { environment, service, ended, log: [] });
}

async function endsWithin(it: RunningService, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(ms, false, { signal: timer.signal }).catch(() => false);
  const inTime = await Promise.race([it.ended.then(() => true), late]);
  timer.abort();
  return inTime;
}
