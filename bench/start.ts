/** What it takes to start a command, ask the daemon and print its answer, beside starting Node alone. */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchLab } from './lab.ts';
import { interleave } from './measure.ts';
import { openShell, quote } from './shell.ts';

export interface StartTimings {
  /** `landline ps`, of a daemon with one endpoint. */
  readonly ps: readonly number[];
  /** `landline attach --pid`, of a process in a namespace of its own, to a network that does not probe. */
  readonly attach: readonly number[];
  /** `node -e 0`, the same Node. */
  readonly node: readonly number[];
}

const landline = path.join(import.meta.dirname, '../bin/landline');

/** @param lab whose network does not probe */
export async function measureStart(lab: BenchLab, rounds: number): Promise<StartTimings> {
  const shell = openShell();
  const command = `LANDLINE_SOCKET=${quote(lab.socket)} ${quote(landline)}`;
  const pids = await startProcesses(lab, rounds + 1);
  const attachNext = (): Promise<number> => shell.time(`${command} attach --network office --pid ${pids.pop()}`);
  try {
    const ps = { name: 'ps', run: () => shell.time(`${command} ps`) };
    const attach = { name: 'attach', run: attachNext };
    const node = { name: 'node', run: () => shell.time(`${quote(process.execPath)} -e 0`) };
    // The first ones compile.
    await ps.run();
    await attach.run();
    // One after the other: each that is attached is one more for `ps` to look at.
    const asked = await interleave([ps, node], rounds);
    const attached = await interleave([attach, node], rounds);
    const nodes = [asked, attached].flatMap((it) => it.get('node') ?? []);
    return { ps: asked.get('ps') ?? [], attach: attached.get('attach') ?? [], node: nodes };
  } finally {
    shell.close();
  }
}

/** Processes on the lab's host, each in a network namespace of its own. @returns their numbers as the daemon sees them */
async function startProcesses(lab: BenchLab, count: number): Promise<string[]> {
  const script = `for it in $(seq ${count}); do unshare --net sleep 1000000 >/dev/null 2>&1 & echo $!; done`;
  const pids = (await lab.read('host', ['sh', '-c', script])).trim().split('\n');
  // Until the last has left the host's.
  await sleep(500);
  return pids;
}
