/**
 * The one child process of the daemon that starts all services: a shell that reads a line for each (spawner.sh). A
 * fork of Node costs 17 ms of its main thread, a line costs nothing.
 *
 * It lives in a session of its own, so that no signal of the daemon's terminal reaches it, and ends with its stdin,
 * that is with the daemon, however that ended.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { LandlineError } from '../../errors.ts';
import { lookUp } from './command.ts';
import { escapeField } from './plan.ts';

const SCRIPT = fileURLToPath(new URL('spawner.sh', import.meta.url));
const INIT = fileURLToPath(new URL('init.sh', import.meta.url));
const PURPOSE = 'to start native services';

export interface SpawnerOptions {
  /** Folder that names of generations start from. */
  readonly directory: string;
  /** Folder of bound network namespaces that services must not keep alive. */
  readonly hiddenFolder: string;
  readonly searchPath: string;
  readonly onChecked: (generation: string, exitStatus: number) => void;
}

export interface Spawner {
  /** Whether it takes lines. */
  isOpen(): boolean;
  /** Starts a generation (its path below the directory) in the network namespace that is open under this number. */
  start(generation: string, netnsFd: number): void;
  /** Runs the check of a generation in the namespaces of its service; `onChecked` is told how it ended. */
  check(generation: string): void;
  /** Resolves when it has ended, with the last that it said. */
  readonly ended: Promise<string>;
  /** Lets it finish what it was told, and waits for its end. */
  close(): Promise<void>;
}

/** @throws LandlineError PROGRAM_MISSING. */
export async function openSpawner(options: SpawnerOptions): Promise<Spawner> {
  for (const program of ['sh', 'unshare', 'nsenter', 'setsid', 'env', 'mount', 'timeout']) {
    const { kind } = await lookUp(program, '/', options.searchPath);
    if (kind !== 'found') throw new LandlineError('PROGRAM_MISSING', { program, purpose: PURPOSE });
  }
  const hidden = await fs.realpath(options.hiddenFolder).catch(() => options.hiddenFolder);
  const child = spawn('unshare', spawnerArguments(options.directory, hidden), {
    cwd: '/',
    env: { PATH: options.searchPath },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  hearLines(child.stdout, (line) => {
    const [, generation, status] = /^(\S+) (\d+)$/.exec(line) ?? [];
    if (generation !== undefined) options.onChecked(generation, Number(status));
  });
  let open = true;
  const ended = lastWords(child).finally(() => {
    open = false;
  });
  // EPIPE: it ended, which `ended` tells.
  child.stdin?.on('error', () => undefined);
  return {
    isOpen: () => open,
    start: (generation, netnsFd) => void child.stdin?.write(`${generation} ${netnsFd}\n`),
    check: (generation) => void child.stdin?.write(`${generation} check\n`),
    ended,
    close: async () => {
      open = false;
      child.stdin?.end();
      await ended;
    },
  };
}

function hearLines(stream: Readable | null, onLine: (line: string) => void): void {
  let rest = '';
  stream?.setEncoding('latin1').on('data', (text) => {
    const lines = (rest + String(text)).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  });
}

function spawnerArguments(directory: string, hidden: string): string[] {
  // A slave: what the machine mounts or unmounts later, services see too.
  const namespace = ['--mount', '--propagation', 'slave'];
  return [...namespace, 'sh', SCRIPT, directory, String(process.pid), escapeField(hidden), INIT];
}

async function lastWords(child: ChildProcess): Promise<string> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    said = (said + String(text)).slice(-1000);
  });
  child.once('error', (error) => {
    said = error.message;
  });
  await once(child, 'close').catch(() => undefined);
  return said.trim();
}
