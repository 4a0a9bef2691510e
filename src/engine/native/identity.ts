/** Who a process is: its pid, and when it started, so that another one with the same pid is not mistaken for it. */
import fs from 'node:fs';

export interface Identity {
  readonly pid: number;
  /** Clock ticks from the machine's boot to the start of the process (field 22 of proc_pid_stat(5)). */
  readonly started: string;
}

/** `PID STARTED`, as init.sh writes it; undefined for anything else (a write that was cut off). */
export function parseIdentity(text: string): Identity | undefined {
  const parts = /^(\d+) (\d+)\n$/.exec(text);
  const [, pid, started] = parts ?? [];
  return pid === undefined || started === undefined ? undefined : { pid: Number(pid), started };
}

/**
 * Whether this very process is there. A zombie is not: process 1 of a pid namespace becomes one only when the kernel
 * has ended every other process of it.
 */
export function isThere(identity: Identity): boolean {
  const stat = readProc(identity.pid, 'stat');
  if (stat === undefined) return false;
  // The command's name is in parentheses, and may hold some itself; fields 3 (state) and 22 follow.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[19] === identity.started && fields[0] !== 'Z' && fields[0] !== 'X';
}

/** Its first child that still lives: the service, as init.sh starts it before it can be left any other. */
export function firstChild(identity: Identity): number | undefined {
  const children = readProc(identity.pid, `task/${identity.pid}/children`);
  const first = /^\d+/.exec(children ?? '');
  return first === null ? undefined : Number(first[0]);
}

/** Sends a signal to process 1 of a service. Gone already is success. */
export function signalProcess(identity: Identity, signal: NodeJS.Signals): void {
  if (isThere(identity)) sendSignal(identity.pid, signal);
}

/** Sends a signal (by number, see signal.ts) to the service itself. Gone already is success. */
export function signalFirstChild(identity: Identity, signal: number): void {
  const child = isThere(identity) ? firstChild(identity) : undefined;
  if (child !== undefined) sendSignal(child, signal);
}

function sendSignal(pid: number, signal: NodeJS.Signals | number): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Node's errors of system calls carry `code`.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return fs.readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    // ENOENT, or ESRCH when it went between open and read.
    return undefined;
  }
}
