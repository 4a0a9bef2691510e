/** What happens, told to whoever listens: API clients and the log. */

/** One thing that happened, with its nouns as fields. */
export interface LandlineEvent {
  /** ISO 8601, UTC. */
  readonly time: string;
  /** `address bound`, `endpoint mended`, `service ended`, … */
  readonly what: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

export interface Events {
  tell(what: string, fields: LandlineEvent['fields']): void;
  /** @returns the way to stop listening */
  listen(listener: (event: LandlineEvent) => void): () => void;
}

export function openEvents(): Events {
  const listeners = new Set<(event: LandlineEvent) => void>();
  return {
    tell: (what, fields) => {
      const event = { time: new Date().toISOString(), what, fields };
      for (const listener of listeners) listener(event);
    },
    listen: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** `2026-01-31T14:05:00.000Z lease renewed environment=web address=192.0.2.30`; values with spaces are quoted. */
export function formatEvent(event: LandlineEvent): string {
  const fields = Object.entries(event.fields).map(([name, value]) => `${name}=${quoteIfNeeded(String(value))}`);
  return [event.time, event.what, ...fields].join(' ');
}

function quoteIfNeeded(text: string): string {
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}
