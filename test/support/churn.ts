/** Many environments of three services each, up, restarted and down again, round after round: nothing may gather. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentView } from '../../src/api/contract.ts';
import { type EnvironmentFile, type Office, until, withOffice } from '../office.ts';
import { growthPerRound } from './growth.ts';

/** Of a pool of 151 with 60 s of rest, many want more: each has a fixed address of its own. */
const file = (name: string, at: number): EnvironmentFile => ({
  name,
  'x-landline': { network: 'office', address: `192.168.10.${at + 21}` },
  services: {
    db: { command: ['sleep', 'infinity'] },
    api: { command: ['sleep', 'infinity'], depends_on: ['db'] },
    web: { command: ['sleep', 'infinity'], depends_on: ['api'] },
  },
});

interface Weight {
  /** Of the daemon, in MiB, after a collection: V8 collects when it likes, and keeps tens of MiB until then. */
  readonly memory: number;
  /** What its programs hold of that. */
  readonly heap: number;
  /** Of the daemon: what is open. */
  readonly descriptors: number;
  readonly processes: number;
  readonly links: number;
  readonly sandboxes: number;
  readonly mounts: number;
}

async function weigh(office: Office): Promise<Weight> {
  const pid = await office.daemon.pid();
  const count = async (script: string): Promise<number> => Number(await office.read('host', ['sh', '-c', script]));
  const heap = await collect(office, pid);
  return {
    heap,
    memory: Math.round((await count(`awk '/^VmRSS/ { print $2 }' /proc/${pid}/status`)) / 1024),
    descriptors: await count(`ls /proc/${pid}/fd | wc -l`),
    processes: await count('ls -d /proc/[0-9]* | wc -l'),
    links: (await office.links()).length,
    sandboxes: await count('ls /run/landline/netns/*/ | wc -l'),
    mounts: await count('wc -l </proc/mounts'),
  };
}

/** Run beside the daemon: asks its debugger to collect all garbage, and prints how many bytes are in use. */
const collector = `
const [{ webSocketDebuggerUrl: url }] = await (await fetch('http://127.0.0.1:9229/json')).json();
const socket = new WebSocket(url);
await new Promise((resolve) => socket.addEventListener('open', resolve));
const ask = (id, method) => new Promise((resolve) => {
  socket.addEventListener('message', ({ data }) => JSON.parse(data).id === id && resolve(JSON.parse(data).result));
  socket.send(JSON.stringify({ id, method }));
});
for (const id of [1, 2]) await ask(id, 'HeapProfiler.collectGarbage');
console.log((await ask(3, 'Runtime.getHeapUsage')).usedSize);
socket.close();
`;

/** @returns MiB of the daemon's heap in use */
async function collect(office: Office, pid: number): Promise<number> {
  // Node opens its debugger, in the host's own network.
  await office.daemon.signal('USR1');
  const opened = async (): Promise<boolean> => (await office.exec('host', ['sh', '-c', 'ss -ltn | grep -q :9229'])).status === 0;
  await until(opened, `the debugger of ${pid} is open`);
  const printed = await office.read('host', [process.execPath, '--input-type=module', '-e', collector]);
  return Math.round((10 * Number(printed)) / 1024 ** 2) / 10;
}

const pidsOf = (view: EnvironmentView): readonly (number | null)[] => view.services.map((it) => it.pid);

/** One round. @returns how long each third took, in milliseconds */
async function round(office: Office, names: readonly string[]): Promise<Readonly<Record<'up' | 'restart' | 'down', number>>> {
  const begin = performance.now();
  const views = await Promise.all(names.map((name, at) => office.up(file(name, at), { timeout: 300 })));
  const up = performance.now();
  const isWell = (it: EnvironmentView): boolean =>
    it.state === 'running' && it.problems.length === 0 && pidsOf(it).every((pid) => pid !== null);
  assert.deepEqual(
    views.filter((it) => !isWell(it)),
    [],
  );
  assert.equal((await office.links()).length, names.length);
  const whole = performance.now();
  const again = await Promise.all(
    names.map((name) =>
      office.api.call<EnvironmentView>('POST', `/v1/environments/${name}/restart`, { query: { timeout: 300 } }),
    ),
  );
  const restarted = performance.now();
  assert.deepEqual(
    again.filter((it) => !isWell(it)),
    [],
  );
  for (const [at, it] of again.entries()) {
    const former = new Set(pidsOf(views[at] as EnvironmentView));
    assert.ok(!pidsOf(it).some((pid) => former.has(pid)), `${it.name} has other processes`);
    assert.equal(it.sandbox?.inode, views[at]?.sandbox?.inode, `${it.name} has its sandbox still`);
  }
  assert.equal((await office.links()).length, names.length);
  const before = performance.now();
  await office.api.call('DELETE', '/v1/environments');
  return { up: up - begin, restart: restarted - whole, down: performance.now() - before };
}

/**
 * From round to round, in MiB. What is kept of an environment that is gone, a loop or a timer with its wish, is ten KiB and
 * more; what malloc keeps goes up and down by more than that.
 */
export const allowedGrowth = (environments: number): Readonly<Record<'heap' | 'memory', number>> => ({
  heap: 0.3 + environments / 256,
  memory: 4 + environments / 32,
});

export async function churn(
  t: TestContext,
  { environments, rounds }: { readonly environments: number; readonly rounds: number },
): Promise<void> {
  const names = Array.from({ length: environments }, (_, at) => `many-${at}`);
  await withOffice(t, {}, async (office) => {
    const weights: Weight[] = [];
    await office.up(file('warm-up', 230));
    await office.down('warm-up');
    await sleep(1000);
    const empty = await weigh(office);
    for (let count = 1; count <= rounds; count += 1) {
      const took = await round(office, names);
      assert.deepEqual(await office.addresses(), []);
      await until(async () => (await office.links()).length === 0, 'the links are gone', 10_000);
      await sleep(environments > 50 ? 3000 : 500);
      weights.push(await weigh(office));
      const times = Object.entries(took).map(([what, ms]) => `${what} ${Math.round(ms)} ms`);
      t.diagnostic(`round ${count}: ${times.join(', ')}, ${JSON.stringify(weights.at(-1))}`);
    }
    t.diagnostic(`empty: ${JSON.stringify(empty)}`);
    for (const it of weights) {
      const { memory: _grows, heap: _too, descriptors, processes, ...rest } = it;
      const { memory: _before, heap: _light, descriptors: before, processes: few, ...wanted } = empty;
      assert.deepEqual(rest, wanted);
      // One that looks, as this test does, may be counted.
      assert.ok(processes <= few + 1, `${processes} processes, and there were ${few}`);
      assert.ok(descriptors <= before + 4, `${descriptors} descriptors, and there were ${before}`);
    }
    const grows = { heap: growthPerRound(weights.map((it) => it.heap)), memory: growthPerRound(weights.map((it) => it.memory)) };
    t.diagnostic(`from round to round, in MiB: ${JSON.stringify(grows)}`);
    for (const [what, most] of Object.entries(allowedGrowth(environments)) as ['heap' | 'memory', number][])
      assert.ok((grows[what] ?? 0) < most, `${what} grows by ${grows[what]} MiB from round to round, and ${most} are allowed`);
  });
}
