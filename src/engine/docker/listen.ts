/** Listens to Docker for as long as it is there, and to the next one when it comes back. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DockerClient } from './client.ts';
import type { DockerEvent, Filters } from './types.ts';

export interface ListenOptions {
  readonly filters: Filters;
  readonly onEvent: (event: DockerEvent) => void;
  /** Docker listens, for the first time or again: what happened before is not told. */
  readonly onOpen: () => void;
  /** A try has failed, or the connection is over. */
  readonly onLost: (error: unknown) => void;
  /** Milliseconds to the next try; asked after `onLost`. */
  readonly retryMs: () => number;
  readonly signal: AbortSignal;
}

/** Ends with the signal. */
export async function listenTo(docker: Pick<DockerClient, 'events'>, options: ListenOptions): Promise<void> {
  const { filters, onOpen, signal } = options;
  while (!signal.aborted) {
    try {
      for await (const event of docker.events({ filters, onOpen, signal })) options.onEvent(event);
    } catch (error) {
      if (signal.aborted) return;
      options.onLost(error);
      await sleep(options.retryMs(), undefined, { ref: false, signal }).catch(() => undefined);
    }
  }
}
