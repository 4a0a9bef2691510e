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

test('environments on Docker', async (t) => {
  await withDockerOffice(t, {}, async (office) => {
    await office.loadImage('test/box:1');
    // Docker drops what is forwarded, bridged frames too where br_netfilter says so.
    await office.read('host', ['iptables', '-I', 'DOCKER-USER', '-i', 'br0', '-o', 'br0', '-j', 'ACCEPT']);

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
