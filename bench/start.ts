/** What it takes to start a command, ask the daemon and print its answer, beside starting Node alone. */
import path from 'node:path';
import { interleave } from './measure.ts';
import { openShell, quote } from './shell.ts';

export interface StartTimings {
  /** `landline ps`, of a daemon with no environment. */
  readonly ps: readonly number[];
  /** `node -e 0`, the same Node. */
  readonly node: readonly number[];
}

const landline = path.join(import.meta.dirname, '../bin/landline');

/** @param socket of a daemon */
export async function measureStart(socket: string, rounds: number): Promise<StartTimings> {
  const shell = openShell();
  const contender = (name: string, line: string) => ({ name, run: () => shell.time(line) });
  try {
    const ps = contender('ps', `LANDLINE_SOCKET=${quote(socket)} ${quote(landline)} ps`);
    const node = contender('node', `${quote(process.execPath)} -e 0`);
    // The first one compiles.
    await ps.run();
    const took = await interleave([ps, node], rounds);
    return { ps: took.get('ps') ?? [], node: took.get('node') ?? [] };
  } finally {
    shell.close();
  }
}
