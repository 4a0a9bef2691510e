/** One machine: process 1 in network, mount, uts and pid namespaces of its own, and the folder with what it writes. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { LandlineError } from '../errors.ts';
import { type Machine, ownFolders } from './describe.ts';
import { identify } from './process.ts';
import { type MachineRecord, markOf } from './record.ts';

/** A machine that lives only as long as this process, until it is told to stay. */
export interface StartedMachine {
  readonly record: MachineRecord;
  /** From now on it outlives this process. */
  stay(): Promise<void>;
  /** Ends it and all that runs in it. */
  end(): void;
}

const script = path.join(import.meta.dirname, 'init.sh');
const patienceMs = 30_000;

/** @throws LandlineError LAB_FAILED, PROGRAM_MISSING */
export async function startMachine(lab: string, machine: Machine, folder: string): Promise<StartedMachine> {
  const mark = markOf(lab, machine.name);
  layOut(machine, folder);
  const namespaces = ['--net', '--mount', '--propagation', 'slave', '--uts', '--pid', '--fork', '--kill-child'];
  const init = ['sh', script, mark, folder, machine.name, ...ownFolders];
  // A session of its own, so that no Ctrl-C in a terminal reaches it; cwd, so that it keeps no other folder in use.
  const child = spawn('unshare', [...namespaces, ...init], { stdio: ['pipe', 'pipe', 'pipe'], detached: true, cwd: '/' });
  child.unref();
  const end = (): void => {
    child.kill('SIGKILL');
    letGo(child);
  };
  try {
    const record = { name: machine.name, ...(await hearReady(child, machine.name)), programs: [] };
    return { record, end, stay: () => tellToStay(child) };
  } catch (error) {
    end();
    throw error;
  }
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Folders for init.sh: the upper layers of /etc and /var/lib, and the own folders. Modes are set whatever the umask is. */
function layOut(machine: Machine, folder: string): void {
  const makeFolder = (name: string): void => {
    fs.mkdirSync(path.join(folder, name), { recursive: true });
    fs.chmodSync(path.join(folder, name), 0o755);
  };
  for (const name of ['', 'etc', 'etc.work', 'lib', 'lib.work', ...ownFolders.map((it) => `own${it}`)]) makeFolder(name);
  const write = (files: Readonly<Record<string, string>>, mode: number): void => {
    for (const [file, text] of Object.entries(files)) {
      const inOwn = ownFolders.some((own) => file.startsWith(`${own}/`));
      const target = path.join(folder, inOwn ? `own${file}` : file);
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.writeFileSync(target, text, { mode });
      fs.chmodSync(target, mode);
    }
  };
  write(machine.files, 0o644);
  write(machine.secrets, 0o600);
}

async function hearReady(child: Child, machine: string): Promise<Pick<MachineRecord, 'init' | 'holder'>> {
  const pid = await hearPid(child, machine);
  const init = identify(pid);
  const holder = child.pid === undefined ? undefined : identify(child.pid);
  if (init === undefined || holder === undefined) throw failed(machine, 'it ended at once');
  return { init, holder };
}

const failed = (machine: string, reason: string): LandlineError =>
  new LandlineError('LAB_FAILED', { doing: `start the machine ${machine}`, reason });

function hearPid(child: Child, machine: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = '';
    let complained = '';
    const timer = setTimeout(() => reject(failed(machine, `it is not ready after ${patienceMs / 1000} s`)), patienceMs);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const pid = /^ready (\d+)\n/m.exec(said)?.[1];
      if (pid === undefined) return;
      clearTimeout(timer);
      resolve(Number(pid));
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complained += text;
    });
    // The machine may end at any time from here on; a pipe without a reader is no mistake of ours.
    child.stdin.on('error', () => {});
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      const missing = new LandlineError('PROGRAM_MISSING', { program: 'unshare', purpose: 'for the lab' });
      reject(error.code === 'ENOENT' ? missing : failed(machine, error.message));
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      reject(failed(machine, complained.trim() || `its first process ended with status ${code}`));
    });
  });
}

async function tellToStay(child: Child): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.stdin.write('stay\n', (error) => (error ? reject(error) : resolve()));
  });
  letGo(child);
}

/** Nothing of the child keeps this process from ending. */
function letGo(child: Child): void {
  child.stdin.destroy();
  child.stdout.destroy();
  child.stderr.destroy();
}
