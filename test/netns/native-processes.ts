/** What the tests see of processes: from /proc, and not by the engine's own code. */
import fs from 'node:fs';

/** Pids of processes with these words in their command line; a zombie has none. */
export function pidsOf(words: string): number[] {
  return fs
    .readdirSync('/proc')
    .filter(
      (name) =>
        /^\d+$/.test(name) && Number(name) !== process.pid && commandLine(Number(name)).replaceAll('\0', ' ').includes(words),
    )
    .map(Number);
}

/** Words of a command line, each ended by a NUL; nothing of a process that is gone. */
export const commandLine = (pid: number): string => read(`/proc/${pid}/cmdline`);

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

/** Of proc_pid_stat(5); nothing of a process that is gone. */
export function statOf(pid: number): {
  readonly state: string;
  readonly parent: number;
  readonly session: number;
  readonly terminal: number;
} {
  const text = read(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', parent: Number(fields[1]), session: Number(fields[3]), terminal: Number(fields[4]) };
}

/** Children of a process that are dead and not reaped. */
export function zombiesOf(pid: number): number[] {
  const text = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
  const children = text
    .split(' ')
    .filter((it) => it !== '')
    .map(Number);
  return children.filter((child) => statOf(child).state === 'Z');
}

/** Open descriptors of a process: number → what it is. */
export function descriptorsOf(pid: number | 'self'): Map<number, string> {
  const found = new Map<number, string>();
  for (const name of fs.readdirSync(`/proc/${pid}/fd`)) {
    try {
      found.set(Number(name), fs.readlinkSync(`/proc/${pid}/fd/${name}`));
    } catch {
      // The descriptor with which the folder was read.
    }
  }
  return found;
}

/** Whether a descriptor of ours goes to programs that we start: whoever started us may have left some open. */
export function isInherited(fd: number): boolean {
  const flags = /^flags:\s*(\d+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0';
  return (Number.parseInt(flags, 8) & 0o2000000) === 0;
}

/** Waits until `condition` holds. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  for (const end = performance.now() + ms; !(await condition()); ) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
