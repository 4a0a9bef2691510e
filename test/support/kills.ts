/**
 * Ups and downs of several environments while the daemon is killed at random moments; after each kill another is
 * started, and what it makes of it is held against what was acknowledged.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Outcome, type TestLab, withLab } from '../lab.ts';
import { eventually, landline, links, ps, startDaemon, traces, tryLandline } from './office.ts';

const names = ['crm', 'erp', 'shop', 'wiki'];

/** What is known of an environment: what the last command that ended said, or that one was cut off. */
type Known = 'up' | 'down' | 'unknown';

/** A small generator of its own, so that a seed tells the whole story (mulberry32). */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** @param kills how often the daemon is killed */
export async function killAtRandom(t: TestContext, kills: number, seed: number): Promise<void> {
  t.diagnostic(`seed ${seed}`);
  const next = random(seed);
  const known = new Map<string, Known>(names.map((name) => [name, 'down']));
  await withLab(t, {}, async (lab) => {
    await lab.read('host', [
      'sh',
      '-c',
      'ip link add foreign type veth peer name theirs && ip link set foreign master br0 up && ip netns add red',
    ]);
    for (let kill = 0; kill < kills; kill += 1) {
      const under = names.filter(() => next() < 0.7).map((name) => act(lab, name, next() < 0.6 ? 'up' : 'down', known));
      await sleep(next() * 700);
      await lab.exec('host', ['sh', '-c', 'kill -9 "$(cat /run/landline/landline.pid)" 2>/dev/null']);
      await Promise.all(under);
      await startDaemon(lab);
      await eventually(15, () => compare(lab, known, `seed ${seed}, kill ${kill}`));
    }
    await landline(lab, 'down', '--all');
    assert.deepEqual(await traces(lab), []);
    assert.ok((await links(lab)).some((it) => it.ifname === 'foreign' && it.master === 'br0'));
    assert.match(await lab.read('host', ['ip', 'netns', 'list']), /red/);
  });
}

async function act(lab: TestLab, name: string, what: 'up' | 'down', known: Map<string, Known>): Promise<void> {
  const before = known.get(name);
  known.set(name, 'unknown');
  const run = ['run', '--name', name, '--network', 'office', '--', 'sleep', '3600'];
  const outcome: Outcome = await tryLandline(lab, ...(what === 'up' ? run : ['down', name]));
  if (outcome.status === 0) known.set(name, what);
  else if (/ENVIRONMENT_UNKNOWN/.test(outcome.stderr) && before === 'down') known.set(name, 'down');
}

/** The ledger, the kernel and the processes say the same, and nothing that was acknowledged is forgotten. */
async function compare(lab: TestLab, known: Map<string, Known>, when: string): Promise<void> {
  const list = await ps(lab);
  for (const [name, state] of known) {
    const there = list.some((it) => it.name === name);
    if (state !== 'unknown') assert.equal(there, state === 'up', `${when}: ${name} was said to be ${state}`);
  }
  for (const it of list) {
    assert.deepEqual({ state: it.state, problems: it.problems }, { state: 'running', problems: [] }, `${when}: ${it.name}`);
    assert.equal(it.services[0]?.state, 'running', `${when}: ${it.name}`);
  }
  const addresses = list.map((it) => it.endpoints[0]?.addresses[0]);
  assert.equal(new Set(addresses).size, addresses.length, `${when}: an address twice: ${addresses.join(' ')}`);
  const found = await traces(lab);
  const of = (kind: RegExp): string[] => found.filter((line) => kind.test(line));
  // One link, one namespace and one process 1 for each, and no more.
  assert.equal(of(/^link /).length, list.length, `${when}: ${found.join('\n')}`);
  assert.equal(of(/netns\//).length, list.length, `${when}: ${found.join('\n')}`);
  assert.equal(of(/init\.sh/).length, list.length, `${when}: ${found.join('\n')}`);
  for (const it of list) {
    const answer = await lab.exec('pc', [
      'arping',
      '-c',
      '2',
      '-w',
      '1',
      '-I',
      'eth0',
      (it.endpoints[0]?.addresses[0] ?? '').replace(/\/\d+$/, ''),
    ]);
    const macs = new Set(answer.stdout.toLowerCase().match(/\[?([0-9a-f]{2}:){5}[0-9a-f]{2}\]?/g));
    assert.equal(macs.size, 1, `${when}: ${it.name} answers from ${[...macs].join(' ')}\n${answer.stdout}`);
  }
}
