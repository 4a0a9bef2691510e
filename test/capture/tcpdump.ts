/** What tcpdump sees while something is done, as its own reading and as bytes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Shown {
  readonly bytes: Uint8Array;
  /** How tcpdump reads it: all lines that are not hex. */
  readonly reading: string;
}

/** @param options which frames, and how much is told of them; @param begins how the first line of each begins */
export async function framesWhile(
  options: readonly string[],
  begins: RegExp,
  work: () => Promise<void> | void,
): Promise<readonly Shown[]> {
  const tcpdump = spawn('tcpdump', ['-n', '-t', '-xx', '--immediate-mode', ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = text(tcpdump.stdout);
  await once(tcpdump.stderr, 'data');
  await sleep(200);
  await work();
  await sleep(300);
  tcpdump.kill('SIGINT');
  // A reading may have hex of its own, which stands further in.
  return (await output).split(begins).flatMap((shown) => {
    const digits = [...shown.matchAll(/^\t0x[0-9a-f]+:(.*)$/gm)].map(([, line = '']) => line).join('');
    const bytes = new Uint8Array(Buffer.from(digits.replace(/\s/g, ''), 'hex'));
    const reading = shown.replaceAll(/^\t0x[0-9a-f]+:.*\n?/gm, '').trim();
    return bytes.length === 0 ? [] : [{ bytes, reading }];
  });
}
