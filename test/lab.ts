/** Labs for tests: each test has its own, and it goes with the test whatever happens in it. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import path from 'node:path';
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { isLandlineError } from '../src/errors.ts';
import { commandInside, environmentInside } from '../src/lab/enter.ts';
import { findMachine } from '../src/lab/exec.ts';
import { type LabWish, labDown, labUp } from '../src/lab/index.ts';
import { identify, isRunning } from '../src/lab/process.ts';
import { listLabs } from '../src/lab/record.ts';

export interface Outcome {
  /** Exit status, 128+n for a signal. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface TestLab {
  readonly name: string;
  /** Runs a command in a machine to its end. */
  exec(host: string, command: readonly string[], options?: ExecOptions): Promise<Outcome>;
  /** The same, for a command that must succeed: its output. @throws Error with what it said when it does not. */
  read(host: string, command: readonly string[], options?: ExecOptions): Promise<string>;
  /** Starts a command in a machine; it ends with the lab. */
  start(host: string, command: readonly string[]): ChildProcessByStdio<null, Readable, null>;
  /** Process 1 of a machine, as seen from here. */
  pidOf(host: string): number;
}

/** Makes a lab, runs `body`, and takes the lab down again in any case, also when the test times out. */
export async function withLab(
  t: TestContext,
  options: Omit<LabWish, 'name'>,
  body: (lab: TestLab) => Promise<void>,
): Promise<void> {
  const name = nameLab();
  t.after(() => takeDown(name));
  await labUp({ ...options, name });
  try {
    await body(openLab(name));
  } finally {
    await takeDown(name);
  }
}

let count = 0;

/** Tells whose it is, so that `test/clean` knows when nobody is left who would take it down. */
export function nameLab(): string {
  count += 1;
  return `test-${process.pid}-${identify(process.pid)?.startTime}-${count}`;
}

/** A lab that is there. */
export function openLab(name: string): TestLab {
  const exec: TestLab['exec'] = (host, command, { stdin = '', env = {} } = {}) => {
    const { file, args } = commandInside(name, findMachine(name, host), command, process.cwd());
    return run(file, args, stdin, { ...environmentInside(withoutTestRunner()), ...env });
  };
  const read: TestLab['read'] = async (host, command, options) => {
    const { status, stdout, stderr } = await exec(host, command, options);
    if (status !== 0) throw new Error(`${host}: ${command.join(' ')}: status ${status}\n${stdout}${stderr}`);
    return stdout;
  };
  const start: TestLab['start'] = (host, command) => {
    const { file, args } = commandInside(name, findMachine(name, host), command, process.cwd());
    return spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'], env: environmentInside(withoutTestRunner()) });
  };
  return { name, exec, read, start, pidOf: (host) => findMachine(name, host).init.pid };
}

/** A Node started with the runner's variables would report to it instead of running. */
export function withoutTestRunner(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^NODE_(TEST_CONTEXT|OPTIONS|CHANNEL_FD)$/.test(name)),
  );
}

const labModule = path.join(import.meta.dirname, '../src/lab/index.ts');

/** Arguments of a Node of its own that calls the lab's functions. */
export const labScript = (body: string): readonly string[] => [
  '--input-type=module',
  '-e',
  `import { labDown, labExec, labUp } from ${JSON.stringify(labModule)};\n${body}`,
];

export function run(file: string, args: readonly string[], stdin = '', env = withoutTestRunner()): Promise<Outcome> {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text;
    });
  }
  // A command that ends without reading all of it is in order.
  child.stdin.on('error', () => {});
  child.stdin.end(stdin);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ status: code ?? -1, ...said }));
  });
}

async function takeDown(name: string): Promise<void> {
  try {
    await labDown({ name });
  } catch (error) {
    if (!isLandlineError(error, 'LAB_UNKNOWN')) throw error;
  }
}

/** Takes down the labs of test runs that have ended without doing it. Returns their names. */
export async function cleanLabs(): Promise<readonly string[]> {
  const forsaken = listLabs().filter((name) => {
    const [, pid, startTime] = /^test-(\d+)-(\d+)-\d+$/.exec(name) ?? [];
    return pid !== undefined && !isRunning({ pid: Number(pid), startTime: Number(startTime) });
  });
  for (const name of forsaken) await takeDown(name);
  return forsaken;
}
