import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EnvironmentFile, type Office, until, withOffice } from '../office.ts';

const rounds = 5;
const names = Array.from({ length: 200 }, (_, at) => `many-${at}`);

/** Of a pool of 151 with 60 s of rest, 200 want more: each has a fixed address of its own. */
const file = (name: string, at: number): EnvironmentFile => ({
  name,
  'x-landline': { network: 'office', address: `192.168.10.${at + 21}` },
  services: { main: { command: ['sleep', 'infinity'] } },
});

interface Weight {
  /** Of the daemon, in MiB. */
  readonly memory: number;
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
  return {
    memory: Math.round((await count(`awk '/^VmRSS/ { print $2 }' /proc/${pid}/status`)) / 1024),
    descriptors: await count(`ls /proc/${pid}/fd | wc -l`),
    processes: await count('ls -d /proc/[0-9]* | wc -l'),
    links: (await office.links()).length,
    sandboxes: await count('ls /run/landline/netns/*/ | wc -l'),
    mounts: await count('wc -l </proc/mounts'),
  };
}

test('two hundred environments up and down, five times: nothing gathers', async (t) => {
  await withOffice(t, {}, async (office) => {
    const weights: Weight[] = [];
    await office.up(file('warm-up', 230));
    await office.down('warm-up');
    const empty = await weigh(office);
    for (let round = 1; round <= rounds; round += 1) {
      const begin = performance.now();
      const views = await Promise.all(names.map((name, at) => office.up(file(name, at))));
      const up = performance.now();
      assert.ok(views.every((it) => it.state === 'running' && it.problems.length === 0));
      assert.equal((await office.links()).length, names.length);
      const whole = performance.now();
      await office.api.call('DELETE', '/v1/environments');
      const down = performance.now();
      assert.deepEqual(await office.addresses(), []);
      await until(async () => (await office.links()).length === 0, 'the links are gone', 10_000);
      await sleep(3000);
      weights.push(await weigh(office));
      t.diagnostic(
        `round ${round}: up ${Math.round(up - begin)} ms, down ${Math.round(down - whole)} ms, ${JSON.stringify(weights.at(-1))}`,
      );
    }
    t.diagnostic(`empty: ${JSON.stringify(empty)}`);
    const [first, ...others] = weights as [Weight, ...Weight[]];
    for (const it of weights) {
      const { memory: _grows, descriptors, ...rest } = it;
      const { memory: _before, descriptors: before, ...wanted } = empty;
      assert.deepEqual(rest, wanted);
      assert.ok(descriptors <= before + 4, `${descriptors} descriptors, and there were ${before}`);
    }
    // V8 collects when it likes; 100 MiB in 800 environments are 128 KiB for each.
    const grown = (others.at(-1)?.memory ?? 0) - first.memory;
    assert.ok(grown < 100, `${grown} MiB more after the last round than after the first`);
  });
});
