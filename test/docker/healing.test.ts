import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentView } from '../../src/api/contract.ts';
import { until } from '../office.ts';
import { type DockerOffice, withDockerOffice } from './office.ts';

const box = { image: 'test/box:1', init: true };
const says = (port: number, text: string): { readonly command: readonly string[] } => ({
  command: ['nc', '-ll', '-p', String(port), '-e', 'echo', text],
});

/** `done` completes once: it is never to run again. */
const shop = (name: string, address: string) => ({
  name,
  'x-landline': { network: 'office', address },
  services: {
    done: { ...box, command: ['sh', '-c', 'echo once'] },
    db: { ...box, ...says(5432, 'apples=12'), restart: 'unless-stopped' },
    web: { ...box, ...says(80, name), depends_on: ['db'], restart: 'always' },
  },
});

const ask = async (office: DockerOffice, address: string, port = 80): Promise<string> =>
  (await office.exec('pc', ['busybox', 'nc', '-w', '2', address, String(port)])).stdout.trim();

/** Healing may take so long, in milliseconds. */
const limitMs = 20_000;

const addresses = { shop: '192.168.11.101', crm: '192.168.11.102', wiki: '192.168.11.103' } as const;
type Name = keyof typeof addresses;

/** Whole again: nothing stands in its way, everything runs, and it answers. @returns how long that took, in milliseconds */
async function heals(office: DockerOffice, names: readonly Name[], what: string, begin = performance.now()): Promise<number> {
  const isWhole = async (name: Name): Promise<boolean> => {
    const view = await office.ps(name).catch(() => undefined);
    return (
      view?.state === 'running' &&
      view.sandbox !== null &&
      view.problems.length === 0 &&
      (await ask(office, addresses[name])) === name
    );
  };
  for (const name of names) await until(() => isWhole(name), `${name} heals: ${what}`, limitMs - (performance.now() - begin));
  return performance.now() - begin;
}

const macOf = (view: EnvironmentView): string | undefined => view.endpoints[0]?.mac;
const pidOf = (view: EnvironmentView, name: string): number | null | undefined =>
  view.services.find((it) => it.name === name)?.pid;

/** Asks the pc for an address ten times a second while something is done. @returns every MAC that answered */
async function listening(office: DockerOffice, address: string, work: () => Promise<unknown>): Promise<readonly string[]> {
  const take = (name: string): string => `cat /tmp/${name}-${process.pid}; rm /tmp/${name}-${process.pid}`;
  const ask = `echo $$ >/tmp/ask-${process.pid}; while :; do arping -q -c 1 -w 1 -I eth0 ${address}; sleep 0.1; done`;
  const tape = office.start('pc', ['sh', '-c', `echo $$ >/tmp/tape-${process.pid}; exec tcpdump -enl -i eth0 arp 2>&1`]);
  let said = '';
  tape.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await until(() => said.includes('listening on'), 'the wire is recorded');
  const asking = office.start('pc', ['sh', '-c', ask]);
  const ended = Promise.all([tape, asking].map((it) => new Promise((resolve) => it.on('close', resolve))));
  const escaped = address.replaceAll('.', '\\.');
  const askedNow = (): number => [...said.matchAll(new RegExp(`who-has ${escaped}.* tell 192\\.168\\.10\\.20`, 'g'))].length;
  await work();
  // What heals at once is asked a few times more.
  await until(() => askedNow() > 5, 'the pc has asked more than five times', 10_000);
  await sleep(700);
  await office.read('pc', ['sh', '-c', `kill $(${take('ask')}); sleep 0.2; kill -INT $(${take('tape')})`]);
  await ended;
  const asked = askedNow();
  const answers = [...said.matchAll(new RegExp(`> (?!ff:ff)\\S+ .*Reply ${escaped} is-at ([0-9a-f:]{17})`, 'g'))];
  // Both holders would have the same MAC: two of them are two answers to one question.
  assert.ok(answers.length <= asked, `${answers.length} answers to ${asked} questions`);
  return [...new Set(answers.map((it) => it[1] ?? ''))];
}

/** What is left of a start in whose middle dockerd ended: containerd has the task, dockerd's file says that nothing runs. */
const forget =
  'sed -i s/\'"Running":true\'/\'"Running":false\'/ $(grep -l "\\"Name\\":\\"/$1\\"" /var/lib/docker/containers/*/config.v2.json)';

test('healing on Docker', { timeout: 170_000 }, async (t) => {
  await withDockerOffice(t, {}, async (office) => {
    await office.loadImage('test/box:1');
    const before = await office.up(shop('shop', addresses.shop));
    const mac = macOf(before);
    const onceRan = async (): Promise<number> =>
      (await office.landline('logs', 'shop/done')).stdout.split('\n').filter((it) => it.includes('once')).length;

    const story = (title: string, hurt: () => Promise<unknown>, names: readonly Name[] = ['shop']): Promise<void> =>
      t.test(title, async (s) => {
        const heard = await listening(office, addresses.shop, async () => {
          const begin = performance.now();
          await hurt();
          s.diagnostic(`whole after ${Math.round(await heals(office, names, title, begin))} ms`);
        });
        assert.deepEqual(heard, [mac], 'one holder, with one MAC');
        assert.equal(macOf(await office.ps('shop')), mac);
        assert.equal(await onceRan(), 1, 'what had completed is not run again');
      });

    const docker = (...args: readonly string[]): Promise<string> => office.dockerCommand(...args);

    await story('a service dies', () => docker('kill', 'landline.shop.web'));
    await story('a service is removed', () => docker('rm', '-f', 'landline.shop.web'));
    await story('the anchor is restarted', () => docker('restart', 'landline.shop'));
    await story('the anchor is killed', () => docker('kill', 'landline.shop'));
    await story('the anchor is removed', () => docker('rm', '-f', 'landline.shop'));
    await story('all is removed', async () => docker('rm', '-f', ...(await docker('ps', '-aq')).trim().split('\n')));

    await story('the daemon is away while the anchor is killed and a service ends', async () => {
      await office.daemon.kill();
      await docker('kill', 'landline.shop', 'landline.shop.db');
      await office.daemon.start();
    });

    await t.test('three environments', async () => {
      await office.up(shop('crm', addresses.crm));
      await office.up(shop('wiki', addresses.wiki));
    });
    const all = ['shop', 'crm', 'wiki'] as const;

    await story(
      'dockerd restarts, and ends all containers',
      async () => {
        await office.dockerd.stop();
        await office.dockerd.start();
      },
      all,
    );
    await story(
      'dockerd is killed',
      async () => {
        await office.dockerd.kill();
        await office.dockerd.start();
      },
      all,
    );

    await story('dockerd forgets that an anchor and a service run, and can start neither again', async () => {
      await office.dockerd.kill();
      for (const name of ['landline.shop', 'landline.shop.web']) await office.read('host', ['sh', '-c', forget, 'sh', name]);
      await office.dockerd.start();
    });

    await t.test('dockerd restarts and leaves containers running: nobody notices', async () => {
      await office.dockerd.configure({ 'live-restore': true });
      await office.dockerd.stop();
      await office.dockerd.start();
      await heals(office, all, 'after the change to live-restore');
      const running = await office.ps('shop');
      await office.dockerd.stop();
      await until(
        async () => (await office.ps('shop')).problems[0]?.code === 'DOCKER_UNREACHABLE',
        'it is told that Docker is away',
      );
      assert.equal(await ask(office, addresses.shop), 'shop');
      await office.dockerd.start();
      await heals(office, all, 'live-restore');
      await office.dockerd.kill();
      assert.equal(await ask(office, addresses.shop), 'shop');
      await office.dockerd.start();
      await heals(office, all, 'live-restore, dockerd killed');
      const after = await office.ps('shop');
      for (const name of ['db', 'web']) assert.equal(pidOf(after, name), pidOf(running, name));
    });

    await t.test('the machine starts, Docker after Landline', async () => {
      await office.daemon.kill();
      await office.dockerd.kill();
      // What a power loss does to containers.
      await office.read('host', ['sh', '-c', 'for it in $(cat /sys/fs/cgroup/pids/docker/*/cgroup.procs); do kill -9 $it; done']);
      await office.daemon.start();
      await sleep(500);
      assert.equal((await office.ps('shop')).problems[0]?.code, 'DOCKER_UNREACHABLE');
      await office.dockerd.start();
      await heals(office, all, 'boot');
    });
  });
});
