/** What a daemon costs that has nothing to do. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchLab } from './lab.ts';

export interface IdleTimings {
  readonly seconds: number;
  /** Processor time, user and system, as a share of one core. */
  readonly share: number;
  /** Resident memory in MB (10^6 bytes). */
  readonly megabytes: number;
}

/** From proc_pid_stat(5): USER_HZ is 100 everywhere. */
const tickMs = 10;

/** A daemon that has just started compiles what it does often. */
const warmUpMs = 60_000;

/** Over a minute the daemon looks at everything once. */
export async function measureIdle(lab: BenchLab, seconds: number): Promise<IdleTimings> {
  await sleep(warmUpMs);
  const pid = (await lab.read('host', ['cat', '/run/landline/landline.pid'])).trim();
  const before = await processorMs(lab, pid);
  await sleep(seconds * 1000);
  const share = ((await processorMs(lab, pid)) - before) / (seconds * 1000);
  const status = await lab.read('host', ['cat', `/proc/${pid}/status`]);
  const kibibytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
  return { seconds, share, megabytes: (kibibytes * 1024) / 1e6 };
}

/** Of a process of the office's host, in milliseconds. */
export async function processorMs(lab: BenchLab, pid: string): Promise<number> {
  const stat = await lab.read('host', ['cat', `/proc/${pid}/stat`]);
  // Fields 14 and 15; the name, in parentheses, may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}
