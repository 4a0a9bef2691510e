import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EnvironmentView } from '../../src/api/contract.ts';
import { until } from '../office.ts';
import { type DockerOffice, withDockerOffice } from './office.ts';

const box = { image: 'test/box:1', init: true };

/** Says its words to whoever connects. */
const says = (port: number, text: string): readonly string[] => ['nc', '-ll', '-p', String(port), '-e', 'echo', text];

const shop = {
  name: 'shop',
  'x-landline': { network: 'office', address: '192.168.11.101' },
  services: {
    db: { ...box, command: says(5432, 'apples=12'), healthcheck: { test: ['CMD', 'true'], interval: '1s' } },
    api: { ...box, command: says(8080, 'api'), depends_on: { db: { condition: 'service_healthy' } } },
    web: { ...box, command: says(80, 'hello'), depends_on: ['api'] },
  },
} as const;

const ask = async (office: DockerOffice, address: string, port = 80): Promise<string> =>
  (await office.exec('pc', ['busybox', 'nc', '-w', '2', address, String(port)])).stdout.trim();

const pidsOf = (view: EnvironmentView): Record<string, number | null> =>
  Object.fromEntries(view.services.map((it) => [it.name, it.pid]));

const containers = async (office: DockerOffice): Promise<readonly string[]> =>
  (await office.dockerCommand('ps', '-a', '--format', '{{.Names}}')).trim().split('\n').sort();

/** What the pc hears of an address that it pings every 20 ms while something is done. */
async function pinging(
  office: DockerOffice,
  address: string,
  work: () => Promise<void>,
): Promise<{ sent: number; lost: number }> {
  const ping = office.start('pc', ['sh', '-c', `echo $$ >/tmp/ping-${process.pid}; exec ping -i 0.02 ${address}`]);
  let said = '';
  ping.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise((resolve) => ping.on('close', resolve));
  await until(() => said.includes('icmp_seq=5'), 'it is pinged');
  await work();
  await office.read('pc', ['sh', '-c', `kill -INT $(cat /tmp/ping-${process.pid}; rm /tmp/ping-${process.pid})`]);
  await ended;
  const [, sent = '0', received = '0'] = /(\d+) packets transmitted, (\d+) received/.exec(said) ?? [];
  assert.ok(Number(sent) > 10, said.slice(-300));
  return { sent: Number(sent), lost: Number(sent) - Number(received) };
}

test('environments on Docker', async (t) => {
  await withDockerOffice(t, {}, async (office) => {
    await office.loadImage('test/box:1');

    await t.test('services come up behind an anchor, in order, at the address that was asked for', async () => {
      const view = await office.up(shop);
      assert.equal(view.state, 'running');
      assert.equal(view.engine, 'docker');
      assert.deepEqual(
        view.endpoints.map((it) => it.addresses),
        [['192.168.11.101/23']],
      );
      assert.deepEqual(
        view.services.map((it) => [it.name, it.state, it.health, it.image]),
        [
          ['db', 'running', 'healthy', 'test/box:1'],
          ['api', 'running', null, 'test/box:1'],
          ['web', 'running', null, 'test/box:1'],
        ],
      );
      assert.equal(await ask(office, '192.168.11.101'), 'hello');
      assert.equal(await ask(office, '192.168.11.101', 5432), 'apples=12');
      const names = await office.dockerCommand('ps', '--format', '{{.Names}} {{.Networks}}');
      assert.deepEqual(names.trim().split('\n').sort(), [
        'landline.shop none',
        'landline.shop.api ',
        'landline.shop.db ',
        'landline.shop.web ',
      ]);
    });

    await t.test('up again touches no process', async () => {
      const before = pidsOf(await office.ps('shop'));
      await office.up(shop);
      assert.deepEqual(pidsOf(await office.ps('shop')), before);
    });

    await t.test('a service is replaced: no ping is lost, and the others run on', async () => {
      await office.loadImage('test/box:2', { Labels: { version: '2' } });
      const before = pidsOf(await office.ps('shop'));
      const { lost } = await pinging(office, '192.168.11.101', async () => {
        const { status, stdout, stderr } = await office.landline('replace', 'shop', 'web', '--image', 'test/box:2');
        assert.deepEqual([status, stdout], [0, 'shop/web is running\n'], stderr);
      });
      assert.equal(lost, 0);
      const view = await office.ps('shop');
      const { web, ...others } = pidsOf(view);
      const { web: formerWeb, ...formerOthers } = before;
      assert.deepEqual(others, formerOthers);
      assert.notEqual(web, formerWeb);
      assert.equal(view.services.find((it) => it.name === 'web')?.image, 'test/box:2');
      assert.equal(await ask(office, '192.168.11.101'), 'hello');
      assert.deepEqual(await containers(office), ['landline.shop', 'landline.shop.api', 'landline.shop.db', 'landline.shop.web']);
    });

    await t.test('a replacement that does not stand is taken back, and one whose image is nowhere changes nothing', async () => {
      await office.loadImage('test/box:broken', { Entrypoint: ['false'] });
      const broken = await office.landline('replace', 'shop', 'web', '--image', 'test/box:broken');
      assert.equal(broken.status, 1);
      assert.match(broken.stderr, /SERVICE_FAILED: service 'web' of environment 'shop' ended with status 1/);
      const view = await office.ps('shop');
      assert.deepEqual([view.state, view.services.find((it) => it.name === 'web')?.image], ['running', 'test/box:2']);
      assert.equal(await ask(office, '192.168.11.101'), 'hello');
      const missing = await office.landline('replace', 'shop', 'web', '--image', '127.0.0.1:1/none:1');
      assert.match(missing.stderr, /IMAGE_REFUSED/);
      assert.deepEqual(pidsOf(await office.ps('shop')), pidsOf(view));
      assert.deepEqual(await containers(office), ['landline.shop', 'landline.shop.api', 'landline.shop.db', 'landline.shop.web']);
    });

    await t.test('exec runs in the container and passes the status on; logs tell what was written', async () => {
      const exec = await office.landline('exec', 'shop/web', '--', 'sh', '-c', 'cat /etc/hosts; exit 7');
      assert.equal(exec.status, 7, exec.stderr);
      assert.match(exec.stdout, /127\.0\.0\.1 db\n/);
      assert.match(exec.stdout, /192\.168\.11\.101 shop\.test\.office\.example shop\n/);
      assert.equal(
        (await office.landline('exec', '--sandbox', 'shop', '--', 'ip', '-br', 'link')).stdout.match(/eth0@/g)?.length,
        1,
      );
    });

    await t.test('stop, start and restart are of the container, which stays', async () => {
      const id = async (): Promise<string> =>
        (await office.dockerCommand('inspect', '-f', '{{.Id}}', 'landline.shop.api')).trim();
      const before = await id();
      await office.dockerCommand('exec', 'landline.shop.api', 'touch', '/written');
      assert.equal((await office.landline('stop', 'shop/api')).stdout, 'shop/api is stopped\n');
      assert.equal((await office.landline('start', 'shop/api')).stdout, 'shop/api is running\n');
      assert.equal((await office.landline('restart', 'shop/api')).stdout, 'shop/api is running\n');
      assert.equal(await id(), before);
      await office.dockerCommand('exec', 'landline.shop.api', 'test', '-e', '/written');
    });

    await t.test('down leaves nothing behind', async () => {
      await office.down('shop');
      assert.equal((await office.dockerCommand('ps', '-a', '--format', '{{.Names}}')).trim(), '');
      assert.deepEqual(
        (await office.links()).map((it) => it.ifname),
        ['docker0'],
      );
      await until(async () => (await office.holderOf('192.168.11.101')) === undefined, 'nobody answers');
    });
  });
});
