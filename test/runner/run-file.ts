/**
 * Runs one program to its end, in a process group of its own that does not outlive it. Its output goes to a file, not a
 * pipe: a pipe would stay open for as long as any process that it left behind.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ending, judge, type Outcome, readReports } from './tally.ts';

/** Groups that run now, and their folders: both go when the runner is ended. */
const groups = new Set<number>();
const folders = new Set<string>();

const endGroup = (leader: number): void => {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // Nobody is left in it: as it should be.
  }
};

const removeFolder = (folder: string): void => {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
};

export function endAll(): void {
  for (const leader of groups) endGroup(leader);
  for (const folder of folders) removeFolder(folder);
}

export interface Run {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Seconds. */
  readonly limit: number;
  /** File descriptor for stdout and stderr. */
  readonly output: number;
}

export function runProgram(it: Run): Promise<Ending> {
  return new Promise((resolve, reject) => {
    const child = spawn(it.command, it.args, {
      cwd: it.cwd,
      env: it.environment,
      detached: true,
      stdio: ['ignore', it.output, it.output],
    });
    const leader = child.pid;
    let overrun = false;
    if (leader !== undefined) groups.add(leader);
    const timer = setTimeout(() => {
      overrun = true;
      if (leader !== undefined) endGroup(leader);
    }, it.limit * 1000);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('exit', (status, signal) => {
      clearTimeout(timer);
      if (leader !== undefined) {
        endGroup(leader);
        groups.delete(leader);
      }
      if (overrun) resolve({ kind: 'overrun', seconds: it.limit });
      else if (signal !== null) resolve({ kind: 'signal', signal });
      else resolve({ kind: 'exit', status: status ?? 1 });
    });
  });
}

export interface FileResult {
  readonly outcome: Outcome;
  readonly ending: Ending;
  /** What the file wrote to stdout and stderr. */
  readonly output: string;
  readonly seconds: number;
}

const reporter = new URL('reporter.ts', import.meta.url).href;

const readIfThere = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

/** Runs one test file of `root`. `limit` in seconds. */
export async function runFile(root: string, file: string, limit: number, environment: NodeJS.ProcessEnv): Promise<FileResult> {
  const folder = mkdtempSync(join(tmpdir(), 'landline-test-'));
  folders.add(folder);
  const reports = join(folder, 'reports');
  const output = openSync(join(folder, 'output'), 'w');
  const began = performance.now();
  try {
    const args = [`--test-reporter=${reporter}`, `--test-reporter-destination=${reports}`, file];
    const ending = await runProgram({ command: process.execPath, args, cwd: root, environment, limit, output });
    return {
      outcome: judge(readReports(readIfThere(reports)), ending),
      ending,
      output: readIfThere(join(folder, 'output')),
      seconds: (performance.now() - began) / 1000,
    };
  } finally {
    closeSync(output);
    removeFolder(folder);
  }
}
