/** dockerd is restarted and killed again and again under many environments: each time all of it comes back whole, in time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentView } from '../../src/api/contract.ts';
import { isDockerInstalled } from '../../src/lab/index.ts';
import { type DockerOffice, withDockerOffice } from '../docker/office.ts';

const rounds = Number(process.env['LANDLINE_ROUNDS'] ?? 20);
const count = 10;
/** Healing may take so long, in milliseconds. */
const limitMs = 20_000;

const skip = isDockerInstalled() ? {} : { skip: 'dockerd is not installed (`scripts/packages` installs it)' };

const says = (port: number, text: string): object => ({
  image: 'test/box:1',
  init: true,
  command: ['nc', '-ll', '-p', String(port), '-e', 'echo', text],
});

const environments = Array.from({ length: count }, (_, index) => ({
  name: `env-${index}`,
  address: `192.168.11.${101 + index}`,
}));
type Environment = (typeof environments)[number];

async function upAll(office: DockerOffice): Promise<void> {
  await office.loadImage('test/box:1');
  for (const { name, address } of environments) {
    const services = { db: says(5432, 'db'), api: says(8080, 'api'), web: says(80, name) };
    await office.up({ name, 'x-landline': { network: 'office', address }, services } as Parameters<typeof office.up>[0]);
  }
}

async function isWhole(office: DockerOffice, { name, address }: Environment): Promise<boolean> {
  const away: Pick<EnvironmentView, 'state' | 'problems'> = { state: 'failed', problems: [] };
  const view = await office.ps(name).catch(() => away);
  if (view.state !== 'running' || view.problems.length > 0) return false;
  return (await office.exec('pc', ['busybox', 'nc', '-w', '2', address, '80'])).stdout.trim() === name;
}

/** Ends dockerd once by SIGTERM and once by SIGKILL, in turns. @returns seconds until all were whole */
async function endAndStart(office: DockerOffice, round: number): Promise<number> {
  await (round % 2 === 0 ? office.dockerd.kill() : office.dockerd.stop());
  await office.dockerd.start();
  const begin = performance.now();
  for (const environment of environments) {
    while (!(await isWhole(office, environment))) {
      assert.ok(performance.now() - begin < limitMs, `round ${round}: ${environment.name} is not whole in time`);
      await sleep(100);
    }
  }
  return (performance.now() - begin) / 1000;
}

test(`${rounds} ends of dockerd under ${count} environments of three services each`, skip, async (t) => {
  await withDockerOffice(t, {}, async (office) => {
    await upAll(office);
    for (let round = 1; round <= rounds; round += 1) {
      const seconds = await endAndStart(office, round);
      t.diagnostic(`round ${round}: whole ${seconds.toFixed(1)} s after dockerd answers`);
    }
  });
});

test(`${rounds} ends of dockerd with live-restore: every process stays, and no ping is lost`, skip, async (t) => {
  await withDockerOffice(t, {}, async (office) => {
    await office.dockerd.configure({ 'live-restore': true });
    await office.dockerd.stop();
    await office.dockerd.start();
    await upAll(office);
    const pids = async (): Promise<readonly string[]> => {
      const views = await office.api.call<EnvironmentView[]>('GET', '/v1/environments');
      return views.flatMap(({ name, services }) => services.map((it) => `${name}/${it.name} ${it.pid}`)).sort();
    };
    const before = await pids();
    const lostOf = (what: string): number =>
      Number(/(\d+) packets transmitted/.exec(what)?.[1]) - Number(/(\d+) received/.exec(what)?.[1]);
    const [first] = environments;
    const ping = office.start('pc', ['sh', '-c', `echo $$ >/tmp/ping.pid; exec ping -q -i 0.1 ${first?.address}`]);
    let said = '';
    ping.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    const ended = new Promise((resolve) => ping.on('close', resolve));
    for (let round = 1; round <= rounds; round += 1) {
      const seconds = await endAndStart(office, round);
      t.diagnostic(`round ${round}: all told as whole ${seconds.toFixed(1)} s after dockerd answers`);
      assert.deepEqual(await pids(), before, `round ${round}`);
    }
    await office.read('pc', ['sh', '-c', 'kill -INT $(cat /tmp/ping.pid)']);
    await ended;
    assert.equal(lostOf(said), 0, said);
  });
});
