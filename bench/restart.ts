/** A daemon that is started anew while five hundred environments are in order. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { VersionView } from '../src/api/contract.ts';
import type { BenchLab } from './lab.ts';

export interface RestartTimings {
  readonly endpoints: number;
  /** Milliseconds from the start of the process until every environment was looked at and found in order. */
  readonly convergedMs: number;
  /** Until the API answered. */
  readonly answeredMs: number;
  /** Pings from the pc to some of them from before the end of the old daemon until after the last look of the new. */
  readonly sent: number;
  readonly lost: number;
}

/** Ends the daemon with kill -9 and starts it again, with a colleague who pings throughout. */
export async function measureRestart(lab: BenchLab, addresses: readonly string[]): Promise<RestartTimings> {
  const pings = addresses.slice(0, 3).map((address) => ping(lab, address));
  await sleep(500);
  await lab.read('host', ['sh', '-ec', endDaemon]);
  const begin = Date.now();
  await lab.read('host', ['sh', '-c', 'setsid landline daemon >>/var/log/landline.log 2>&1 </dev/null &']);
  const answeredMs = await answered(lab, begin);
  const convergedMs = (await settledAt(lab, begin)) - begin;
  await sleep(500);
  const counts = await Promise.all(pings.map((it) => it.end()));
  const sum = (of: (it: Counts) => number): number => counts.map(of).reduce((a, b) => a + b, 0);
  return { endpoints: addresses.length, convergedMs, answeredMs, sent: sum((it) => it.sent), lost: sum((it) => it.lost) };
}

/** And waits until it is gone: a socket that still takes connections is another daemon's to the next one. */
const endDaemon = `
pid=$(cat /run/landline/landline.pid)
kill -9 "$pid"
while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done`;

const patienceMs = 60_000;

async function answered(lab: BenchLab, begin: number): Promise<number> {
  while (Date.now() < begin + patienceMs) {
    const version = await lab.daemon.call<VersionView>('GET', '/v1/version').catch(() => undefined);
    if (version !== undefined) return Date.now() - begin;
    await sleep(10);
  }
  throw new Error(`no daemon answers: ${await lab.read('host', ['tail', '-n', '2', '/var/log/landline.log'])}`);
}

/** When the daemon that was started after `begin` said that all is in order, in milliseconds since 1970. */
async function settledAt(lab: BenchLab, begin: number): Promise<number> {
  while (Date.now() < begin + patienceMs) {
    const lines = (
      await lab.read('host', ['grep', '-a', 'environments looked at', '/var/log/landline.log']).catch(() => '')
    ).split('\n');
    const at = lines.map((it) => Date.parse(it.split(' ')[0] ?? '')).find((time) => time >= begin);
    if (at !== undefined) return at;
    await sleep(50);
  }
  throw new Error(`not all environments were looked at within ${patienceMs / 1000} s`);
}

interface Counts {
  readonly sent: number;
  readonly lost: number;
}

/** Fifty a second; `end` asks ping for its sums. */
function ping(lab: BenchLab, address: string): { end(): Promise<Counts> } {
  const child = lab.start('pc', ['ping', '-q', '-n', '-i', '0.02', address]);
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += String(text);
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    end: async () => {
      await lab.exec('pc', ['pkill', '-INT', '-f', `^ping .* ${address.replaceAll('.', '\\.')}$`]);
      await ended;
      const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(said) ?? [];
      if (sent === undefined) throw new Error(`ping ${address}: ${said}`);
      return { sent: Number(sent), lost: Number(sent) - Number(received) };
    },
  };
}
