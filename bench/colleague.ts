/** A colleague's browser on the pc, for as many pages at once as one likes. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { commandInside, environmentInside } from '../src/lab/enter.ts';
import { findMachine } from '../src/lab/exec.ts';

const program = path.join(import.meta.dirname, 'colleague/main.ts');

export interface Colleague {
  /** Resolves once http://ADDRESS/ has answered. */
  open(address: string): Promise<void>;
  close(): void;
}

export async function openColleague(lab: string): Promise<Colleague> {
  const { file, args } = commandInside(lab, findMachine(lab, 'pc'), [process.execPath, program], '/');
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'], env: environmentInside(process.env) });
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
