/** What happens in an Engine. */
import type { Caller } from './caller.ts';
import { readJsonLines } from './read.ts';
import { dockerUnreachable } from './transport.ts';
import type { DockerEvent, Filters } from './types.ts';

export interface EventOptions {
  /** As of `docker events --filter`: `{ type: ['container'], event: ['start', 'die'] }`. */
  readonly filters?: Filters;
  /** Milliseconds since 1970; what the Engine remembers since then comes first. */
  readonly since?: number;
  /** Called once Docker listens: what happens from then on is told. */
  readonly onOpen?: () => void;
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

/** See {@link DockerClient}. */
export async function* streamEvents(caller: Caller, options: EventOptions): AsyncGenerator<DockerEvent> {
  const { filters, since, onOpen, signal } = options;
  const body = await caller.stream({
    method: 'GET',
    path: '/events',
    query: {
      filters: filters === undefined ? undefined : JSON.stringify(filters),
      since: since === undefined ? undefined : (since / 1000).toFixed(3),
    },
    doing: 'tell its events',
    ...(signal === undefined ? {} : { signal }),
  });
  onOpen?.();
  // A cast: the shape is the one that Docker documents.
  for await (const event of readJsonLines(body)) yield event as DockerEvent;
  if (signal?.aborted !== true) throw dockerUnreachable(caller.address, new Error('its events have ended'));
}
