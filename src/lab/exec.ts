/** `landline lab exec`: a command inside a machine, as if its terminal were there. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { LandlineError } from '../errors.ts';
import { commandInside, environmentInside } from './enter.ts';
import { childrenOf } from './process.ts';
import { isWhole, labExists, listLabs, type MachineRecord, readRecord, stateOf } from './record.ts';

/** The machine of a lab. @throws LandlineError LAB_UNKNOWN, LAB_HOST_UNKNOWN, LAB_FAILED when it has ended. */
export function findMachine(name: string, machine: string): MachineRecord {
  if (!labExists(name)) throw new LandlineError('LAB_UNKNOWN', { name, labs: listLabs() });
  const record = readRecord(name);
  const failed = (reason: string): LandlineError =>
    new LandlineError('LAB_FAILED', { doing: `run a command in ${machine} of '${name}'`, reason });
  if (record !== undefined && stateOf(record) === 'starting') throw failed(`process ${record.builder.pid} is still making it`);
  if (record?.phase !== 'running') throw failed('the lab was not made to the end');
  const found = record.machines.find((it) => it.name === machine);
  if (found === undefined)
    throw new LandlineError('LAB_HOST_UNKNOWN', { host: machine, hosts: record.machines.map((it) => it.name) });
  if (!isWhole(found)) throw failed('its first process has ended');
  return found;
}

/** Runs the command with our own stdin, stdout and stderr. Resolves to its exit status, 128+n for a signal. */
export async function runInside(name: string, machine: MachineRecord, command: readonly string[]): Promise<number> {
  const { file, args } = commandInside(name, machine, command, process.cwd());
  // Before the command is there, so that it has no moment in which a signal to us ends us alone.
  const forwarding = forwardSignals();
  try {
    const child = spawn(file, args, { stdio: 'inherit', env: environmentInside(process.env) });
    forwarding.to(child);
    return await exitStatus(child, file);
  } finally {
    forwarding.stop();
  }
}

function exitStatus(child: ChildProcess, file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : os.constants.signals[signal])));
    child.on('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'ENOENT' ? new LandlineError('PROGRAM_MISSING', { program: file, purpose: 'for the lab' }) : error);
    });
  });
}

const forwarded = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
/** The keys of a terminal send these to all of its foreground, the command included. */
const fromKeys: readonly string[] = ['SIGINT', 'SIGQUIT'];

/** What is sent to us is meant for the command. */
function forwardSignals(): { to(child: ChildProcess): void; stop(): void } {
  let receiver: ChildProcess | undefined;
  const forward = (signal: NodeJS.Signals): void => {
    if (receiver !== undefined && !(fromKeys.includes(signal) && isForeground())) deliver(signal, receiver);
  };
  for (const signal of forwarded) process.on(signal, forward);
  return {
    to: (child) => {
      receiver = child;
    },
    stop: () => {
      for (const signal of forwarded) process.off(signal, forward);
    },
  };
}

/** The command is the only child of the shell that stands between; it may be a moment away yet. */
function deliver(signal: NodeJS.Signals, shell: ChildProcess): void {
  if (shell.pid === undefined || shell.exitCode !== null || shell.signalCode !== null) return;
  const commands = childrenOf(shell.pid);
  if (commands.length === 0) setTimeout(deliver, 10, signal, shell);
  for (const pid of commands) sendSignal(pid, signal);
}

/** Whether our process group is the one that our terminal's keys reach: fields pgrp and tpgid of proc(5). */
function isForeground(): boolean {
  const stat = fs.readFileSync('/proc/self/stat', 'latin1');
  const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return group === foreground;
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
