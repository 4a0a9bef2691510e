/** A colleague who pings an address ten times in a second, and notes what is not answered. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestLab } from '../lab.ts';

export interface Ticking {
  /** Ends it. @returns the numbers of the pings that were lost, and `none were sent` */
  lost(): Promise<readonly string[]>;
}

/** From the machine `pc`, whose neighbour cache stays as it is. */
export async function ticking(lab: TestLab, address: string): Promise<Ticking> {
  const child = lab.start('pc', ['ping', '-n', '-O', '-i', '0.1', '-W', '1', address]);
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await sleep(300);
  return {
    lost: async () => {
      child.kill('SIGINT');
      await sleep(300);
      const answered = new Set([...said.matchAll(/bytes from .* icmp_seq=(\d+) /g)].map((match) => Number(match[1])));
      const last = Math.max(0, ...answered);
      if (last < 10) return [`only ${last} were answered`];
      return Array.from({ length: last }, (_, at) => at + 1)
        .filter((it) => !answered.has(it))
        .map(String);
    },
  };
}
