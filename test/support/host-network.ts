/** The network of a machine of a lab as `ip` shows it, for comparing it before and after; and what a colleague notices. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestLab } from '../lab.ts';

const commands = [
  'ip -j -d link show',
  'ip -j -d address show',
  'ip -j -d -4 route show table all',
  'ip -j -d -6 route show table all',
  'ip -j -d -4 rule show',
  'ip -j -d -6 rule show',
  'ip -j -4 neighbour show nud permanent',
  'ip -j -6 neighbour show nud permanent',
  'ip -j neighbour show proxy',
  'cat /proc/sys/net/ipv6/conf/*/disable_ipv6 /proc/sys/net/ipv6/conf/*/accept_dad',
];

/** What runs on by itself: times that pass, and numbers that count. */
const passing = new Set([
  'valid_life_time',
  'preferred_life_time',
  'expires',
  'cache_info',
  'age',
  'used',
  'stats',
  'stats64',
  'carrier_changes',
]);

/** Everything that `ip -d` tells, attribute by attribute, without times that pass. */
export async function networkOf(lab: TestLab, machine: string): Promise<unknown> {
  const seen: unknown[] = [];
  for (const command of commands) {
    const text = await lab.read(machine, ['sh', '-c', command]);
    seen.push(command.includes('-j') ? [command, withoutTimes(JSON.parse(text === '' ? '[]' : text))] : [command, text]);
  }
  return seen;
}

function withoutTimes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTimes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, it]) => (passing.has(key) && it !== 4294967295 ? [] : [[key, withoutTimes(it)]])),
  );
}

/** Waits until an address is no longer tentative, and the network stands still. */
export async function settled(lab: TestLab, machine: string): Promise<void> {
  for (let tries = 0; tries < 40; tries += 1) {
    const { stdout } = await lab.exec(machine, ['ip', '-6', 'address', 'show', 'tentative']);
    if (stdout === '') return;
    await sleep(100);
  }
}

export interface Notices {
  /** The longest time without an answer to a ping, in milliseconds, and how many were answered. */
  readonly pings: { readonly gap: number; readonly answered: number };
  /** The same of lines that one TCP connection echoed; `lived` where it was the same to the end. */
  readonly session: { readonly gap: number; readonly echoed: number; readonly lived: boolean };
}

const port = 7007;

/** A colleague on the pc pings every 10 ms and holds a TCP session through it, while `body` runs. */
export async function watched(lab: TestLab, address: string, body: () => Promise<void>): Promise<Notices> {
  lab.start('host', ['busybox', 'nc', '-ll', '-p', String(port), '-e', 'cat']);
  await sleep(150);
  const ping = lab.start('pc', ['ping', '-D', '-n', '-i', '0.01', address]);
  const session = lab.start('pc', [process.execPath, '-e', talk, address, String(port), 'landline-talk']);
  const [pinged, talked] = [ping, session].map((child) => textOf(child.stdout));
  await sleep(400);
  await body();
  await sleep(400);
  await lab.exec('pc', ['pkill', '-INT', '-x', 'ping']);
  await lab.exec('pc', ['pkill', '-INT', '-f', 'landline-talk']);
  const times = [...((await pinged) ?? '').matchAll(/^\[(\d+\.\d+)\] \d+ bytes from/gm)].map((it) => 1000 * Number(it[1]));
  // What the script below prints at its end.
  const said = JSON.parse((await talked) ?? '{}') as Notices['session'];
  return { pings: { gap: longestGap(times), answered: times.length }, session: said };
}

const longestGap = (times: readonly number[]): number =>
  times.reduce((most, time, at) => Math.max(most, at === 0 ? 0 : time - (times[at - 1] ?? time)), 0);

/** Sends a line every 10 ms, and prints at SIGINT how long it had to wait at most. */
const talk = `
const socket = require('node:net').connect({ host: process.argv[1], port: Number(process.argv[2]) });
let gap = 0, echoed = 0, lived = true, last = performance.now();
socket.on('data', () => { const now = performance.now(); gap = Math.max(gap, now - last); last = now; echoed += 1; });
for (const event of ['error', 'close']) socket.on(event, () => { lived = false; });
const timer = setInterval(() => { if (lived) socket.write('line\\n'); }, 10);
process.on('SIGINT', () => { clearInterval(timer); console.log(JSON.stringify({ gap, echoed, lived })); process.exit(); });
`;

async function textOf(stream: AsyncIterable<Buffer | string>): Promise<string> {
  let text = '';
  for await (const part of stream) text += String(part);
  return text;
}
