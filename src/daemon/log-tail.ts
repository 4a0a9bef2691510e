/** What a service said last. */
import type { World } from './world.ts';

/** The last lines of a service's log, for the error that names it. */
export function logTail(world: Pick<World, 'engine'>, environment: string): (service: string) => Promise<string[]> {
  return async (service) => {
    const lines: string[] = [];
    const options = { services: [service], tail: 3, follow: false, signal: new AbortController().signal };
    for await (const line of world.engine.logs(environment, options)) lines.push(line.text);
    return lines;
  };
}
