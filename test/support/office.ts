/** An office and its host's commands, for stories that are told at the terminal. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentView } from '../../src/api/contract.ts';
import type { Outcome, TestLab } from '../lab.ts';

export interface Link {
  readonly ifname: string;
  readonly ifalias?: string;
  readonly address: string;
  readonly mtu: number;
  readonly master?: string;
  readonly linkinfo?: { readonly info_kind?: string };
}

/** `landline` on the office's host; it has to succeed. @returns its output */
export function landline(lab: TestLab, ...words: readonly string[]): Promise<string> {
  return lab.read('host', ['landline', ...words]);
}

/** The same, for one that may fail. */
export function tryLandline(lab: TestLab, ...words: readonly string[]): Promise<Outcome> {
  return lab.exec('host', ['landline', ...words]);
}

export async function ps(lab: TestLab): Promise<readonly EnvironmentView[]> {
  // What the command prints is the API's own answer.
  return JSON.parse(await landline(lab, 'ps', '--json')) as readonly EnvironmentView[];
}

export async function view(lab: TestLab, name: string): Promise<EnvironmentView> {
  const found = (await ps(lab)).find((it) => it.name === name);
  assert.ok(found !== undefined, `there is no environment ${name}`);
  return found;
}

/** Links of the host, as iproute2 sees them. */
async function links(lab: TestLab): Promise<readonly Link[]> {
  return JSON.parse(await lab.read('host', ['ip', '-details', '-json', 'link', 'show'])) as readonly Link[];
}

/** What the host has of Landline's making: marked links, bound namespaces, services' processes. */
export async function traces(lab: TestLab): Promise<readonly string[]> {
  const marked = (await links(lab)).filter((it) => it.ifalias?.startsWith('landline:') === true || it.ifname.startsWith('ll'));
  const bound = await lab.read('host', ['sh', '-c', 'find /run/landline/netns -mindepth 2 2>/dev/null || true']);
  const inits = await lab.read('host', ['sh', '-c', "ps -e -o args | grep '^sh .*[n]ative/init.sh /var' || true"]);
  return [...marked.map((it) => `link ${it.ifname} ${it.ifalias}`), ...lines(bound), ...lines(inits)];
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** A page as a machine of the office sees it; undefined when there is none within a second. */
export async function open(lab: TestLab, machine: string, url: string): Promise<string | undefined> {
  const { status, stdout } = await lab.exec(machine, ['curl', '-sS', '--max-time', '1', url]);
  return status === 0 ? stdout : undefined;
}

/** Tries until it holds. @throws the last failure after so many seconds */
export async function eventually(seconds: number, check: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(100);
    }
  }
}

/** Kills the daemon as hard as it goes, and starts another; returns when that one answers. */
export async function killAndStart(lab: TestLab): Promise<void> {
  await lab.exec('host', ['sh', '-c', 'kill -9 "$(cat /run/landline/landline.pid)" 2>/dev/null']);
  await startDaemon(lab);
}

async function startDaemon(lab: TestLab): Promise<void> {
  await lab.read('host', ['sh', '-c', 'setsid landline daemon >>/var/log/landline.log 2>&1 </dev/null &']);
  await eventually(15, async () => void (await landline(lab, 'ps')));
}
