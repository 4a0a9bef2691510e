/** An environment that is swapped, what the outside sees of it, and the daemon killed in the middle: for tests. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentView } from '../../src/api/contract.ts';
import { until } from '../office.ts';
import type { DockerOffice } from './office.ts';

const address = '192.168.11.101';
const box = { image: 'test/box:1', init: true };

/** Says its words to whoever connects, and is healthy once it does. */
export const web = (text: string) => ({
  ...box,
  command: ['nc', '-ll', '-p', '80', '-e', 'echo', text],
  healthcheck: { test: ['CMD-SHELL', 'nc -w 1 127.0.0.1 80 | grep -q .'], interval: '200ms', retries: 5 },
});

export const shop = (text: string) => ({
  name: 'shop',
  'x-landline': { network: 'office', address },
  services: {
    web: web(text),
    /** Takes its time to end. */
    db: {
      ...box,
      command: ['sh', '-c', "trap 'sleep 0.4; exit 0' TERM; while :; do sleep 0.05; done"],
      depends_on: { web: { condition: 'service_healthy' } },
    },
  },
});

export const pidsOf = (view: EnvironmentView): readonly (number | null)[] => view.services.map((it) => it.pid);

export const says = async (office: DockerOffice): Promise<string> =>
  (await office.exec('pc', ['busybox', 'nc', '-w', '2', address, '80'])).stdout.trim();

export const containers = async (office: DockerOffice): Promise<readonly string[]> =>
  (await office.dockerCommand('ps', '-a', '--format', '{{.Names}} {{.State}}')).trim().split('\n').sort();

const whole = ['landline.shop running', 'landline.shop.db running', 'landline.shop.web running'];

export interface Heard {
  readonly sent: number;
  readonly lost: number;
  /** What was said to each connection, without repetitions. */
  readonly words: readonly string[];
  /** Connections that nobody answered. */
  readonly refused: number;
  /** MACs that answered ARP, and answers beyond one for each question. */
  readonly macs: readonly string[];
  readonly surplus: number;
}

/** Who listens, and to whom. */
export interface Outside {
  readonly machine: string;
  readonly address: string;
}

const pc: Outside = { machine: 'pc', address };

/** What a machine hears while something is done: it pings every 5 ms, connects without a pause, and asks for the address by ARP. */
export async function outside(
  office: DockerOffice,
  work: () => Promise<unknown>,
  { machine, address }: Outside = pc,
): Promise<Heard> {
  // The machines of all labs have one /tmp.
  const fileOf = (name: string): string => `/tmp/${machine}-${name}-${process.pid}.pid`;
  const run = (name: string, script: string): { ended: Promise<unknown>; said: () => string } => {
    const child = office.start(machine, ['sh', '-c', `echo $$ >${fileOf(name)}; ${script}`]);
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    return { ended: new Promise((resolve) => child.on('close', resolve)), said: () => said };
  };
  const tape = run('tape', 'exec tcpdump -enl -i eth0 arp 2>&1');
  await until(() => tape.said().includes('listening on'), 'the wire is recorded');
  const ping = run('ping', `exec ping -i 0.005 ${address}`);
  const asking = run('asking', `while :; do arping -q -c 1 -w 1 -I eth0 ${address}; sleep 0.05; done`);
  const talk = run('talk', `while :; do timeout 1 busybox nc -w 1 ${address} 80 2>/dev/null || echo refused; done`);
  await until(() => ping.said().includes('icmp_seq=20') && talk.said().includes('\n'), 'it is pinged');
  await work();
  await sleep(300);
  const of = (name: string): string => `$(cat ${fileOf(name)}; rm ${fileOf(name)})`;
  const end = `kill ${of('asking')} ${of('talk')}; kill -INT ${of('ping')}; sleep 0.2; kill -INT ${of('tape')}`;
  await office.read(machine, ['sh', '-c', end]);
  await Promise.all([tape, ping, asking, talk].map((it) => it.ended));
  const [, sent = '0', received = '0'] = /(\d+) packets transmitted, (\d+) received/.exec(ping.said()) ?? [];
  const lines = talk.said().trim().split('\n');
  const escaped = address.replaceAll('.', '\\.');
  const asked = [...tape.said().matchAll(new RegExp(`who-has ${escaped}(?: \\(\\S+\\))? tell (?!${escaped})`, 'g'))].length;
  const answers = [...tape.said().matchAll(new RegExp(`> (?!ff:ff)\\S+ .*Reply ${escaped} is-at ([0-9a-f:]{17})`, 'g'))];
  return {
    sent: Number(sent),
    lost: Number(sent) - Number(received),
    words: [...new Set(lines)].filter((it) => it !== 'refused'),
    refused: lines.filter((it) => it === 'refused').length,
    macs: [...new Set(answers.map((it) => it[1] ?? ''))],
    surplus: Math.max(0, answers.length - asked),
  };
}

/** Kills the daemon, or dockerd, once something has been told, and starts the next one. */
async function killedAt(office: DockerOffice, victim: Victim, what: RegExp, begin: () => Promise<unknown>): Promise<void> {
  const before = (await office.daemon.log()).length;
  const begun = begin().catch(() => undefined);
  const isTold = async (): Promise<boolean> => (await office.daemon.log()).slice(before).match(what) !== null;
  for (const end = Date.now() + 20_000; !(await isTold()); ) {
    assert.ok(Date.now() < end, `${what} is told`);
    await sleep(2);
  }
  await office[victim].kill();
  await office[victim].start();
  await begun;
}

export type Victim = 'daemon' | 'dockerd';

export async function isWhole(office: DockerOffice): Promise<boolean> {
  const view = await office.ps('shop').catch(() => undefined);
  const links = (await office.links()).filter((it) => it.ifname.startsWith('ll'));
  return (
    view?.state === 'running' &&
    view.next === undefined &&
    view.problems.length === 0 &&
    JSON.stringify(await containers(office)) === JSON.stringify(whole) &&
    links.length === 1 &&
    links[0]?.master === 'br0'
  );
}

export const settled = (office: DockerOffice, what: string): Promise<void> =>
  until(() => isWhole(office), what, 20_000).catch(async (error: unknown) => {
    const links = (await office.links()).map((it) => `${it.ifname} ${it.master} ${it.ifalias}`).join('\n');
    throw new Error(
      `${String(error)}\n${(await containers(office)).join('\n')}\n${links}\n${(await office.daemon.log()).slice(-3000)}`,
    );
  });

/** When somebody is killed, by what the daemon has just told; `inShort`: whose death is in the short form of the story too. */
export const phases = [
  { title: 'while it is built', told: /service starting .*generation=next/, left: 'former', inShort: ['daemon', 'dockerd'] },
  { title: 'once it is healthy', told: /service started .*service=db generation=next/, left: 'either', inShort: [] },
  { title: 'at the swap', told: /ports exchanged/, left: 'second', inShort: ['daemon', 'dockerd'] },
  { title: 'while the former is ended', told: /environment up/, left: 'second', inShort: [] },
] as const satisfies readonly Phase[];

interface Phase {
  readonly title: string;
  readonly told: RegExp;
  /** Which generation the environment is afterwards. */
  readonly left: 'former' | 'second' | 'either';
  readonly inShort: readonly Victim[];
}

/** The environment `shop` is up. */
export async function killedIn(
  t: TestContext,
  office: DockerOffice,
  { title, told, left }: Phase,
  victim: Victim,
): Promise<void> {
  await t.test(`${victim} is killed ${title}: one generation is left, and never two holders`, async (s) => {
    const mac = (await office.ps('shop')).endpoints[0]?.mac;
    const [former, second] = [await says(office), `${victim} ${title}`];
    const heard = await outside(office, async () => {
      await killedAt(office, victim, told, () => office.up(shop(second), { swap: true }));
      await settled(office, title);
    });
    s.diagnostic(JSON.stringify(heard));
    assert.deepEqual([heard.macs, heard.surplus], [[mac], 0]);
    assert.ok((left === 'either' ? [former, second] : [left === 'former' ? former : second]).includes(await says(office)));
    // With dockerd go its containers; they come back with the next one.
    if (victim === 'daemon') assert.ok(heard.lost * 5 < 1000, `${heard.lost} of ${heard.sent} pings are lost`);
  });
}
