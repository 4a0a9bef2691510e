/** Environments of containers on the host's plain NIC: macvlans in the anchor, and the host's own way to them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../office.ts';
import { type DockerOffice, withDockerOffice } from './office.ts';

const shop = (name: string, address: string): Parameters<DockerOffice['up']>[0] => ({
  name,
  'x-landline': { network: 'office', address },
  services: {
    web: { image: 'test/box:1', init: true, command: ['nc', '-ll', '-p', '80', '-e', 'echo', name], restart: 'always' },
  },
});

const ask = async (office: DockerOffice, from: string, address: string): Promise<string> =>
  (await office.exec(from, ['busybox', 'nc', '-w', '2', address, '80'])).stdout.trim();

test('macvlans on Docker: reached by the LAN and the host, healed, and gone with the last one', {
  timeout: 170_000,
}, async (t) => {
  await withDockerOffice(t, { plainNic: true }, async (office) => {
    await office.loadImage('test/box:1');
    await office.configure(`networks:
  office: { macvlan: ens33, subnet: 192.168.10.0/23, gateway: 192.168.11.1, pool: [192.168.11.100-192.168.11.250] }
`);
    const nic = await office.read('host', ['ip', '-4', 'address', 'show', 'ens33']);
    const routes = await office.read('host', ['ip', 'route']);
    /** Docker's own bridge apart. */
    const links = async (): Promise<string[]> => (await office.links()).map((it) => it.ifname).filter((it) => it !== 'docker0');
    const isWhole = async (): Promise<boolean> => {
      const view = await office.ps('shop').catch(() => undefined);
      const isReached = async (from: string): Promise<boolean> => (await ask(office, from, '192.168.11.101')) === 'shop';
      return view?.state === 'running' && view.problems.length === 0 && (await isReached('pc')) && (await isReached('host'));
    };
    const mac = (await office.up(shop('shop', '192.168.11.101'))).endpoints[0]?.mac;

    await t.test('the LAN, the branch and the host reach a container; its link is a macvlan of the NIC', async () => {
      for (const machine of ['pc', 'branch-pc', 'host'])
        await until(async () => (await ask(office, machine, '192.168.11.101')) === 'shop', `${machine} reaches it`);
      const link = await office.read('host', [
        'sh',
        '-c',
        'nsenter --net=/proc/$(docker inspect -f "{{.State.Pid}}" landline.shop)/ns/net ip -d link show eth0',
      ]);
      assert.match(link, /macvlan mode bridge/);
      assert.match((await links()).join(), /^lls[0-9a-f]{10}$/);
    });

    for (const [title, hurt] of [
      ['the anchor is killed', () => office.dockerCommand('kill', 'landline.shop')],
      [
        'the daemon is away while the anchor is removed',
        async () => {
          await office.daemon.kill();
          await office.dockerCommand('rm', '-f', 'landline.shop');
          await office.daemon.start();
        },
      ],
    ] as const)
      await t.test(`${title}: it heals, with the same address and MAC`, async () => {
        await hurt();
        await until(isWhole, 'it is whole again', 20_000);
        assert.equal((await office.ps('shop')).endpoints[0]?.mac, mac);
        await until(async () => (await office.holderOf('192.168.11.101')) === mac, 'one answers, with that MAC');
      });

    await t.test("the host's way stays for those that are left, and goes with the last one", async () => {
      await office.up(shop('crm', '192.168.11.102'));
      await until(async () => (await ask(office, 'host', '192.168.11.102')) === 'crm', 'the host reaches both');
      await office.down('crm');
      assert.equal(await ask(office, 'host', '192.168.11.101'), 'shop');
      await office.down('shop');
      await until(async () => (await links()).length === 0, 'no link is left');
      assert.equal(await office.read('host', ['ip', 'route']), routes);
      assert.equal(await office.read('host', ['ip', '-4', 'address', 'show', 'ens33']), nic);
      assert.equal((await office.dockerCommand('ps', '-aq')).trim(), '');
    });
  });
});
