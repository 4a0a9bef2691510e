/** A daemon that does as it is told: it notes what it is asked, and answers from a script. For the tests of this room. */
import type { Daemon } from './daemon.ts';

/** What the methods return; one that is a function is called, and may throw. */
export type Script = Readonly<Record<string, unknown>>;

export interface ScriptedDaemon {
  readonly daemon: Daemon;
  /** Each call: the method, and its arguments without signals. */
  readonly calls: readonly (readonly unknown[])[];
}

export function scriptedDaemon(script: Script = {}): ScriptedDaemon {
  const calls: unknown[][] = [];
  const method =
    (name: string) =>
    (...given: readonly unknown[]): unknown => {
      calls.push([name, ...given.filter((it) => !(it instanceof AbortSignal))]);
      const answer = script[name];
      return typeof answer === 'function' ? answer(...given) : answer;
    };
  // Whatever method is asked for is there: the routes call those of Daemon alone.
  const daemon = new Proxy({}, { get: (_target, name) => method(String(name)) }) as Daemon;
  return { daemon, calls };
}
