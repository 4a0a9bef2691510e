/** Listens to Docker for as long as it is there, and to the next one when it comes back. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DockerClient } from './client.ts';
import { filterOf } from './labels.ts';
import type { DockerEvent } from './types.ts';

export interface ListenOptions {
  readonly installation: string;
  readonly onEvent: (event: DockerEvent) => void;
  /** Docker listens, for the first time or again: what happened before is not told. */
  readonly onOpen: () => void;
  /** It is away; told once. */
  readonly onAway: (error: unknown) => void;
  /** Milliseconds to the next try. */
  readonly retryMs: () => number;
  readonly signal: AbortSignal;
}

/** Ends with the signal. */
export async function listenTo(docker: DockerClient, options: ListenOptions): Promise<void> {
  const { signal } = options;
  let isAway = false;
  while (!signal.aborted) {
    try {
      const filters = { type: ['container'], ...filterOf({ installation: options.installation }) };
      const onOpen = (): void => {
        isAway = false;
        options.onOpen();
      };
      for await (const event of docker.events({ filters, onOpen, signal })) options.onEvent(event);
    } catch (error) {
      if (signal.aborted) return;
      if (!isAway) options.onAway(error);
      isAway = true;
      await sleep(options.retryMs(), undefined, { signal }).catch(() => undefined);
    }
  }
}
