/**
 * Processes started from a small shell that lives on. A start from Node would cost several milliseconds of Node's own,
 * which the programs that are measured are not to blame for.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Shell {
  /** Runs one line, silently. @returns milliseconds until it has ended. @throws Error when it fails */
  time(line: string): Promise<number>;
  close(): void;
}

const script = 'while read -r line; do eval "$line" >/dev/null; echo $?; done';

/** A shell in the namespaces of this process. */
export function openShell(): Shell {
  const child = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting: ((status: string) => void)[] = [];
  createInterface(child.stdout).on('line', (status) => waiting.shift()?.(status));
  return {
    time: async (line) => {
      const begin = performance.now();
      const ended = new Promise<string>((resolve) => waiting.push(resolve));
      child.stdin.write(`${line}\n`);
      const status = await ended;
      const took = performance.now() - begin;
      if (status !== '0') throw new Error(`status ${status}: ${line}`);
      return took;
    },
    close: () => child.stdin.end(),
  };
}

/** One word of the shell, whatever is in it. */
export const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
