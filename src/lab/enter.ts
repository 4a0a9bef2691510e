/** Running a command inside a machine: nsenter(1) into its network, mount, uts and pid namespaces. */
import path from 'node:path';
import { type MachineRecord, markOf } from './record.ts';

export interface CommandLine {
  readonly file: string;
  readonly args: readonly string[];
}

const enter = (machine: MachineRecord): readonly string[] => [
  `--target=${machine.init.pid}`,
  '--net',
  '--mount',
  '--uts',
  '--pid',
];

/**
 * The command as a child that passes its exit status on (128+n for a signal). The shell stays outside of the pid
 * namespace, parent of the command alone: nsenter itself would end at Ctrl-C while the command lives on. Signals that
 * it catches are back to their defaults in the command. It starts in `cwd`, or in / where the machine has no such folder.
 */
export function commandInside(lab: string, machine: MachineRecord, command: readonly string[], cwd: string): CommandLine {
  const script = `trap : INT QUIT TERM HUP
exec 3>&2 2>/dev/null
(cd "$1" || cd /; shift; exec 2>&3 3>&-; exec "$@")
exit $?`;
  const shell = ['sh', '-c', script, markOf(lab, machine.name), cwd, ...command];
  return { file: 'nsenter', args: [...enter(machine), '--no-fork', '--', ...shell] };
}

/** The command as a child of the machine's process 1, which prints its pid there and goes on without us. */
export function programInside(machine: MachineRecord, command: readonly string[], log: string): CommandLine {
  const script = 'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!';
  return { file: 'nsenter', args: [...enter(machine), '--', 'sh', '-c', script, 'sh', log, ...command] };
}

const binFolder = path.join(import.meta.dirname, '../../bin');
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Where a program of a machine finds others. */
export const foldersOfPrograms: readonly string[] = defaultPath.split(':');

/** What a command in a machine finds: this Landline first in the PATH, and nothing that leads to a daemon or a caller outside. */
export function environmentInside(outside: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(outside).filter(([name]) => !/^(LANDLINE|SSH)_/.test(name));
  return { ...Object.fromEntries(kept), PATH: `${binFolder}:${outside.PATH || defaultPath}`, HOME: '/root' };
}

/** What a program finds that belongs to the machine and not to whoever made the lab. */
export const environmentOfPrograms = (): NodeJS.ProcessEnv => environmentInside({ PATH: defaultPath });
