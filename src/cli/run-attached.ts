/** A child with our own terminal: what it prints is printed, and its end is ours. */
import { spawn } from 'node:child_process';
import os from 'node:os';
import { LandlineError } from '../errors.ts';

/** @returns its exit status, 128 + the signal's number when a signal ended it. @throws LandlineError PROGRAM_MISSING */
export function runAttached(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  purpose = 'to join namespaces',
): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit', env });
  // The terminal sends Ctrl-C to the child too: it decides, and we wait for what it says.
  const ignore = (): void => undefined;
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGINT', ignore);
  process.on('SIGTERM', pass);
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'ENOENT' ? new LandlineError('PROGRAM_MISSING', { program, purpose }) : error);
    });
    child.once('exit', (code, signal) => {
      process.off('SIGINT', ignore);
      process.off('SIGTERM', pass);
      resolve(code ?? 128 + (os.constants.signals[signal ?? 'SIGKILL'] ?? 0));
    });
  });
}
