/** A colleague's browser on the pc, for as many pages at once as one likes. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { commandInside, environmentInside } from '../src/lab/enter.ts';
import { findMachine } from '../src/lab/exec.ts';

const program = path.join(import.meta.dirname, 'colleague/main.ts');

export interface Colleague {
  /** Resolves once http://ADDRESS/ has answered. */
  open(address: string): Promise<void>;
  close(): void;
}

/** Starts a program of Node's on the pc, and listens to it. */
export function spawnOnPc(lab: string, ...words: readonly string[]): ChildProcessByStdio<Writable, Readable, null> {
  const { file, args } = commandInside(lab, findMachine(lab, 'pc'), [process.execPath, ...words], '/');
  return spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'], env: environmentInside(process.env) });
}

export async function openColleague(lab: string): Promise<Colleague> {
  const child = spawnOnPc(lab, program);
  const waiting = new Map<string, () => void>();
  const ready = new Promise<void>((resolve) => waiting.set('ready', resolve));
  createInterface(child.stdout).on('line', (line) => waiting.get(line)?.());
  const failed = new Promise<never>((_, reject) => {
    child.once('exit', (status) => reject(new Error(`the pc's browser ended with status ${status}`)));
  });
  failed.catch(() => undefined);
  await Promise.race([ready, failed]);
  return {
    open: async (address) => {
      const answered = new Promise<void>((resolve) => waiting.set(address, resolve));
      child.stdin.write(`${address}\n`);
      await Promise.race([answered, failed]);
    },
    close: () => child.stdin.end(),
  };
}
