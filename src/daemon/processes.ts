/** Processes of this machine, as proc(5) shows them. */
import fs from 'node:fs';

/** When a process started (field 22 of proc_pid_stat(5)); undefined when there is none. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything: fields are counted behind its end.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
