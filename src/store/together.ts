/** Group commit: one transaction, and one wait for the disk, for all who write in the same turn of the event loop. */
import type { Store } from './index.ts';

interface Asked {
  /** Runs it as a part of the transaction. @returns what tells the asker, once the transaction is on disk */
  readonly run: () => () => void;
  readonly reject: (error: unknown) => void;
}

export interface Group {
  readonly together: Store['together'];
  /** Writes at once what has been asked for. */
  flush(): void;
}

/**
 * @param write runs its argument in one transaction, or as a part of one that is open
 * @param isOpen whether a transaction is open
 */
export function openGroup(write: <T>(body: () => T) => T, isOpen: () => boolean): Group {
  let asked: Asked[] = [];

  const flush = (): void => {
    const group = asked;
    asked = [];
    if (group.length === 0) return;
    try {
      const answers = write(() => group.map((it) => it.run()));
      for (const answer of answers) answer();
    } catch (error) {
      for (const it of group) it.reject(error);
    }
  };

  const attempt = <T>(body: () => T, resolve: (value: T) => void, reject: (error: unknown) => void): (() => void) => {
    try {
      const value = write(body);
      return () => resolve(value);
    } catch (error) {
      // With the transaction gone, nobody of the group has written anything.
      if (!isOpen()) throw error;
      return () => reject(error);
    }
  };

  return {
    flush,
    together: (body) =>
      new Promise((resolve, reject) => {
        asked.push({ run: () => attempt(body, resolve, reject), reject });
        if (asked.length === 1) setImmediate(flush);
      }),
  };
}
