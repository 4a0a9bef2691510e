/**
 * Docker's events for as long as we live: connected again whenever Docker comes back. The stream replays nothing from
 * before Docker's own start, so whoever listens is told to look at everything at each connection.
 */
import { asLandlineError, type LandlineError } from '../../errors.ts';
import type { DockerClient } from './client.ts';
import { listenTo } from './listen.ts';
import type { DockerEvent } from './types.ts';

export interface DockerListener {
  /** Docker listens to us from now on: look at everything. What happens meanwhile is told beside it. */
  readonly onConnected?: () => void;
  readonly onEvent?: (event: DockerEvent) => void;
  /** Docker has gone, or is not there yet; told once for each reason. */
  readonly onLost?: (error: LandlineError) => void;
}

export interface DockerWatch {
  /** @returns the way to stop */
  listen(listener: DockerListener): () => void;
  /** Begins; before that nothing is asked of Docker. */
  start(): void;
  /** `idle` before the start; `lost` while Docker does not answer. */
  readonly state: 'idle' | 'connecting' | 'connected' | 'lost';
  /** Why it is lost. */
  readonly problem: LandlineError | undefined;
  close(): void;
}

/** From one try to the next, in milliseconds: doubled each time. */
const firstRetryMs = 100;
const lastRetryMs = 2000;

/** Of containers and Docker networks: what tells of starts, ends and names. Commands and copies in containers are not heard of. */
const actions = ['create', 'start', 'restart', 'die', 'destroy', 'rename', 'pause', 'unpause', 'update', 'health_status'];
const filters = { type: ['container', 'network'], event: [...actions, 'connect', 'disconnect'] };

export function watchDocker(docker: Pick<DockerClient, 'events'>): DockerWatch {
  const listeners = new Set<DockerListener>();
  const stop = new AbortController();
  let state: DockerWatch['state'] = 'idle';
  let problem: LandlineError | undefined;

  const lost = (error: unknown): void => {
    const it = asLandlineError(error);
    const isNews = state !== 'lost' || problem?.message !== it.message;
    state = 'lost';
    problem = it;
    if (isNews) for (const listener of listeners) listener.onLost?.(it);
  };

  const connected = (): void => {
    state = 'connected';
    problem = undefined;
    for (const listener of listeners) listener.onConnected?.();
  };

  const run = (): Promise<void> => {
    let retryMs = firstRetryMs;
    return listenTo(docker, {
      filters,
      signal: stop.signal,
      onOpen: () => {
        // The first connection after a long time is tried soon again when it breaks off.
        retryMs = firstRetryMs;
        connected();
      },
      onEvent: (event) => {
        for (const listener of listeners) listener.onEvent?.(event);
      },
      onLost: lost,
      retryMs: () => {
        const now = retryMs;
        retryMs = Math.min(lastRetryMs, retryMs * 2);
        return now;
      },
    });
  };

  return {
    listen: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    start: () => {
      if (state !== 'idle') return;
      state = 'connecting';
      run().catch((error: unknown) => lost(error));
    },
    get state() {
      return state;
    },
    get problem() {
      return problem;
    },
    close: () => stop.abort(),
  };
}
