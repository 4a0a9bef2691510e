/** dockerd is restarted and killed again and again under many environments: each time all of it comes back whole, in time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentView } from '../../src/api/contract.ts';
import { isDockerInstalled } from '../../src/lab/index.ts';
import { withDockerOffice } from '../docker/office.ts';

const rounds = Number(process.env['LANDLINE_ROUNDS'] ?? 20);
const count = 10;
/** Healing may take so long, in milliseconds. */
const limitMs = 20_000;

const skip = isDockerInstalled() ? {} : { skip: 'dockerd is not installed (`scripts/packages` installs it)' };

test(`${rounds} ends of dockerd under ${count} environments of three services each`, skip, async (t) => {
  await withDockerOffice(t, {}, async (office) => {
    await office.loadImage('test/box:1');
    const says = (port: number, text: string): object => ({
      image: 'test/box:1',
      init: true,
      command: ['nc', '-ll', '-p', String(port), '-e', 'echo', text],
    });
    const environments = Array.from({ length: count }, (_, index) => ({
      name: `env-${index}`,
      address: `192.168.11.${101 + index}`,
    }));
    for (const { name, address } of environments) {
      const services = { db: says(5432, 'db'), api: says(8080, 'api'), web: says(80, name) };
      await office.up({ name, 'x-landline': { network: 'office', address }, services } as Parameters<typeof office.up>[0]);
    }
    const isWhole = async ({ name, address }: (typeof environments)[number]): Promise<boolean> => {
      const view = await office
        .ps(name)
        .catch((): Pick<EnvironmentView, 'state' | 'problems'> => ({ state: 'failed', problems: [] }));
      if (view.state !== 'running' || view.problems.length > 0) return false;
      return (await office.exec('pc', ['busybox', 'nc', '-w', '2', address, '80'])).stdout.trim() === name;
    };
    for (let round = 1; round <= rounds; round += 1) {
      await (round % 2 === 0 ? office.dockerd.kill() : office.dockerd.stop());
      await office.dockerd.start();
      const begin = performance.now();
      for (const environment of environments) {
        while (!(await isWhole(environment))) {
          assert.ok(performance.now() - begin < limitMs, `round ${round}: ${environment.name} is not whole in time`);
          await sleep(100);
        }
      }
      t.diagnostic(`round ${round}: whole ${((performance.now() - begin) / 1000).toFixed(1)} s after dockerd answers`);
    }
  });
});
