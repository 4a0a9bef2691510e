/** The machines of a capture. */
import { execFileSync } from 'node:child_process';

/** Runs each line of a script, whose words are parted by spaces; the first that fails ends it. */
export function prepare(script: string): void {
  for (const line of script.trim().split('\n')) {
    const [program = '', ...rest] = line.split(' ');
    execFileSync(program, rest, { stdio: 'inherit' });
  }
}
