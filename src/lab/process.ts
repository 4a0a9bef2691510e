/** Processes by pid and start time, so that a pid that was used again is never taken for the one that was meant (proc(5)). */
import fs from 'node:fs';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** One process for good: `startTime` in clock ticks since boot. */
export interface ProcessId {
  readonly pid: number;
  readonly startTime: number;
}

interface Stat {
  readonly state: string;
  readonly parent: number;
  /** PF_* of linux/sched.h. */
  readonly flags: number;
  /** Signals under way to it, bit n-1 for signal n. */
  readonly pending: number;
  readonly startTime: number;
}

const PF_EXITING = 0x4;
const pendingKill = 1 << (os.constants.signals.SIGKILL - 1);

/** Fields of a `stat` file; undefined when the process is gone. The name may hold spaces and brackets: it ends at the last one. */
function readStat(pid: number, proc: string): Stat | undefined {
  const text = readText(`${proc}/${pid}/stat`);
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  if (fields === undefined) return undefined;
  const number = (index: number): number => Number(fields[index]);
  return { state: fields[0] ?? '', parent: number(1), flags: number(6), startTime: number(19), pending: number(28) };
}

function readText(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'latin1');
  } catch {
    return undefined;
  }
}

/** The process that has `pid` now; undefined when there is none. `proc` is the procfs to look in, another namespace's too. */
export function identify(pid: number, proc = '/proc'): ProcessId | undefined {
  const stat = readStat(pid, proc);
  return stat === undefined ? undefined : { pid, startTime: stat.startTime };
}

/** Whether it runs, and is not about to end. */
export function isRunning(process: ProcessId, proc = '/proc'): boolean {
  const stat = readStat(process.pid, proc);
  return stat !== undefined && !hasEnded(process, stat) && (stat.flags & PF_EXITING) === 0 && (stat.pending & pendingKill) === 0;
}

/** Whether nothing of it is left but, maybe, its status for its parent: what it had open or mounted is let go. */
export function isGone(process: ProcessId): boolean {
  const stat = readStat(process.pid, '/proc');
  return stat === undefined || hasEnded(process, stat);
}

const hasEnded = (process: ProcessId, stat: Stat): boolean => stat.startTime !== process.startTime || 'ZX'.includes(stat.state);

/** SIGKILL, if it is still the one. */
export function endProcess(it: ProcessId): void {
  if (isGone(it)) return;
  try {
    process.kill(it.pid, 'SIGKILL');
  } catch (error) {
    // A cast, since Node's errors carry `code` without a type for it.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function pidsHere(): readonly number[] {
  return fs.readdirSync('/proc').map(Number).filter(Number.isInteger);
}

/** Processes that have an argument that `matches`. */
export function findByArgument(matches: (argument: string) => boolean): readonly ProcessId[] {
  const found = pidsHere().filter((pid) => readText(`/proc/${pid}/cmdline`)?.split('\0').some(matches));
  return found.flatMap((pid) => identify(pid) ?? []).filter((it) => !isGone(it));
}

export function childrenOf(parent: number): readonly number[] {
  return pidsHere().filter((pid) => readStat(pid, '/proc')?.parent === parent);
}

/** Waits until `reached()`; false when it was not within `milliseconds`. */
export async function waitUntil(reached: () => boolean, milliseconds: number, pause = 5): Promise<boolean> {
  const end = performance.now() + milliseconds;
  while (!reached()) {
    if (performance.now() > end) return false;
    await sleep(pause);
  }
  return true;
}
