/** Networks with `backend: docker-network`: Docker makes the link to br0, and all else is as on any other network. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentView } from '../../src/api/contract.ts';
import { refusalOf, until } from '../office.ts';
import { type DockerOffice, withDockerOffice } from './office.ts';

const box = { image: 'test/box:1', init: true };
const says = (port: number, text: string): { readonly command: readonly string[] } => ({
  command: ['nc', '-ll', '-p', String(port), '-e', 'echo', text],
});
const shop = (address = '192.168.11.101') => ({
  name: 'shop',
  'x-landline': { network: 'office', address },
  services: { db: { ...box, ...says(5432, 'apples=12') }, web: { ...box, ...says(80, 'shop'), depends_on: ['db'] } },
});

const configuration = `networks:
  office:
    bridge: br0
    backend: docker-network
    subnet: 192.168.10.0/23
    gateway: 192.168.11.1
    pool: [192.168.10.20-192.168.10.21]
    resolvers: [192.168.11.2]
    domain: test.office.example
`;

const ask = async (office: DockerOffice, from: string, address: string, port = 80): Promise<string> =>
  (await office.exec(from, ['busybox', 'nc', '-w', '2', address, String(port)])).stdout.trim();

const shownAddress = async (office: DockerOffice, name: string): Promise<string> => {
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.MacAddress}}{{end}}';
  return (await office.dockerCommand('inspect', '-f', format, name)).trim();
};

const networks = async (office: DockerOffice): Promise<string> =>
  (await office.dockerCommand('network', 'ls', '--format', '{{.Name}}')).trim().split('\n').sort().join(' ');

/** All that the host's bridge is. */
const bridge = async (office: DockerOffice): Promise<string> =>
  (
    await office.read('host', [
      'sh',
      '-c',
      'ip -br -4 address show br0; ip route; cd /sys/class/net/br0; cat address mtu bridge/stp_state',
    ])
  ).trim();

const rules = async (office: DockerOffice): Promise<string> =>
  office.read('host', ['sh', '-c', 'iptables-save | grep -v "^[#:]"; nft list tables']);

test('backend: docker-network', { timeout: 170_000 }, async (t) => {
  await withDockerOffice(t, {}, async (office) => {
    await office.loadImage('test/box:1');
    await office.configure(configuration);
    await office.docker.containers.create(
      {
        Image: 'test/box:1',
        Cmd: [...says(80, 'plain').command],
        HostConfig: { Init: true, PortBindings: { '80/tcp': [{ HostPort: '8080' }] } },
        ExposedPorts: { '80/tcp': {} },
      },
      { name: 'plain' },
    );
    await office.dockerCommand('start', 'plain');
    const before = { bridge: await bridge(office), networks: await networks(office), rules: await rules(office) };
    const isWhole = async (): Promise<boolean> => {
      const view = await office.ps('shop').catch(() => undefined);
      return (
        view?.state === 'running' &&
        view.problems.length === 0 &&
        view.sandbox !== null &&
        (await ask(office, 'pc', '192.168.11.101')) === 'shop'
      );
    };
    let mac = '';

    await t.test('the address stands in docker inspect, and answers with the derived MAC', async () => {
      const view = await office.up(shop());
      const [endpoint] = view.endpoints;
      mac = endpoint?.mac ?? '';
      assert.deepEqual(endpoint?.addresses, ['192.168.11.101/23']);
      assert.equal(await shownAddress(office, 'landline.shop'), `192.168.11.101 ${mac}`);
      assert.equal(await ask(office, 'pc', '192.168.11.101'), 'shop');
      assert.equal(await office.holderOf('192.168.11.101'), mac);
      await office.read('branch-pc', ['ping', '-c', '1', '-W', '2', '192.168.11.101']);
      assert.equal((await office.landline('exec', 'shop/web', '--', 'nc', 'db', '5432')).stdout.trim(), 'apples=12');
      assert.match((await office.landline('network', 'ls')).stdout, /^office +br0 \(by Docker\) /m);
      assert.match(String(view.attachMs), /^[1-9]|^0\./);
    });

    await t.test("the host's bridge, and containers on Docker's own network, are as before", async () => {
      assert.equal(await bridge(office), before.bridge);
      await until(async () => (await ask(office, 'pc', '192.168.11.20', 8080)) === 'plain', 'a published port answers');
      await office.dockerCommand('exec', 'plain', 'ping', '-c', '1', '-W', '2', '192.168.10.20');
      // Nor does the LAN reach more of them than before.
      await office.read('pc', ['ip', 'route', 'add', '172.17.0.0/16', 'via', '192.168.11.20']);
      assert.equal((await office.exec('pc', ['ping', '-c', '1', '-W', '1', '172.17.0.2'])).status, 1);
      // Whoever joins without an address would get one that may be somebody's.
      assert.match(
        (await office.exec('host', ['docker', 'run', '--rm', '--network', 'landline.office', 'test/box:1', 'true'])).stderr,
        /no available IPv4 addresses/,
      );
    });

    await t.test('a squatted address is refused, and passed over where it comes from the pool', async () => {
      const fixed = { ...shop('192.168.10.20'), name: 'crm' };
      assert.equal((await refusalOf(office.up(fixed))).code, 'ADDRESS_TAKEN');
      const view = await office.up({
        name: 'crm',
        'x-landline': { network: 'office' },
        services: { web: { ...box, ...says(80, 'crm') } },
      });
      assert.deepEqual(view.endpoints[0]?.addresses, ['192.168.10.21/23']);
      assert.equal(await ask(office, 'pc', '192.168.10.21'), 'crm');
      await office.down('crm');
    });

    await t.test('what Docker cannot do is refused with the reason', async () => {
      const wishes: readonly [Parameters<DockerOffice['up']>[0], RegExp][] = [
        [{ name: 'crm', 'x-landline': { network: 'office' }, services: { web: { command: 'sleep 60' } } }, /native engine/],
        [{ ...shop('dhcp'), name: 'crm' }, /leases none/],
        [{ ...shop(), name: 'crm', 'x-landline': { network: 'office', interface: 'lan0' } }, /eth0, not lan0/],
        [{ ...shop(), name: 'crm', 'x-landline': { network: 'office', gateway: 'none' } }, /the default route/],
        [
          { ...shop(), name: 'crm', 'x-landline': { networks: [{ network: 'bridge' }, { network: 'office' }] } },
          /the first endpoint/,
        ],
      ];
      for (const [wish, why] of wishes) {
        const { code, message } = await refusalOf(office.up(wish));
        assert.deepEqual([code, why.test(message)], ['BACKEND_REFUSED', true], message);
      }
      assert.match(
        (await office.landline('attach', 'plain', '--network', 'office')).stderr,
        /BACKEND_REFUSED.*made by somebody else/,
      );
    });

    const host = (script: string): Promise<string> => office.read('host', ['sh', '-c', script]);
    const heal = (title: string, hurt: () => Promise<unknown>): Promise<void> =>
      t.test(`${title}: it heals, with the same address and MAC`, async (s) => {
        const begin = performance.now();
        await hurt();
        await until(isWhole, 'it is whole again', 20_000);
        s.diagnostic(`whole after ${Math.round(performance.now() - begin)} ms`);
        assert.equal(await office.holderOf('192.168.11.101'), mac);
        assert.equal(await shownAddress(office, 'landline.shop'), `192.168.11.101 ${mac}`);
        await until(async () => (await ask(office, 'pc', '192.168.11.20', 8080)) === 'plain', 'a published port answers');
        assert.equal(await bridge(office), before.bridge);
      });

    await heal('the anchor is killed', () => office.dockerCommand('kill', 'landline.shop'));
    await heal('Docker takes its link', () =>
      office.dockerCommand('network', 'disconnect', '-f', 'landline.office', 'landline.shop'),
    );
    if (process.env['LANDLINE_SOAK'] === '1') {
      await heal('the network goes while the daemon is away', async () => {
        await office.daemon.kill();
        await office.dockerCommand('kill', 'landline.shop');
        await office.dockerCommand('network', 'rm', 'landline.office');
        await office.daemon.start();
      });
      await t.test(
        'environments come and go at once, and the daemon is killed in the middle: all or nothing is left',
        async () => {
          await office.down('shop');
          await office.configure(configuration.replace(/pool:.*/, 'pool: [192.168.11.120-192.168.11.150]'));
          const one = (name: string) => ({
            name,
            'x-landline': { network: 'office' },
            services: { web: { ...box, ...says(80, name) } },
          });
          const isGone = async (): Promise<boolean> => (await networks(office)) === before.networks;
          for (const round of [0, 1, 2]) {
            const names = ['a', 'b', 'c', 'd'].map((it) => `${it}${round}`);
            await Promise.all(names.map((it) => office.up(one(it))));
            await Promise.all([office.up(one('last')), ...names.map((it) => office.down(it))]);
            assert.equal((await office.ps('last')).state, 'running');
            await office.down('last');
            assert.ok(await isGone());
          }
          for (const ms of [100, 300, 500, 700, 900]) {
            const asked = office.up(one('last')).catch(() => undefined);
            await sleep(ms);
            await office.daemon.kill();
            await asked;
            await office.daemon.start();
            const all = (): Promise<readonly EnvironmentView[]> => office.api.call('GET', '/v1/environments');
            const isSettled = async (): Promise<boolean> =>
              (await all()).every((it) => it.state === 'running' && it.problems.length === 0);
            await until(isSettled, 'all is as it was said', 20_000);
            if ((await all()).length > 0) await office.down('last');
            await until(isGone, 'the network is gone', 10_000);
          }
          await office.up(shop());
        },
      );
      await heal('the anchor is restarted', () => office.dockerCommand('restart', 'landline.shop'));
      await heal('the anchor is removed', () => office.dockerCommand('rm', '-f', 'landline.shop'));
      await heal('its port leaves the bridge', () =>
        host('ip link set "$(ip -br link show master br0 | grep -o "^veth[^@]*")" nomaster'),
      );
      await heal('the bridge is made anew', () =>
        host(`mac=$(cat /sys/class/net/br0/address); ip link delete br0; sleep 1; ip link add br0 type bridge; ip link set br0 address "$mac" up
          ip link set ens33 master br0; ip address add 192.168.11.20/23 dev br0; ip route add default via 192.168.11.1 dev br0 proto static`),
      );
      for (const backend of ['veth', 'docker-network'])
        await t.test(`the network says 'backend: ${backend}' from now on: it is made anew`, async () => {
          await office.configure(configuration.replace('docker-network', backend));
          const mode = backend === 'veth' ? 'none' : 'landline.office';
          const isMade = async (): Promise<boolean> =>
            (
              await office.exec('host', ['docker', 'inspect', '-f', '{{.HostConfig.NetworkMode}}', 'landline.shop'])
            ).stdout.trim() === mode && isWhole();
          await until(isMade, 'it is whole again', 20_000);
          assert.equal(
            await networks(office),
            backend === 'veth' ? before.networks : `${before.networks} landline.office`.split(' ').sort().join(' '),
          );
        });
      for (const signal of ['stop', 'kill'] as const)
        await heal(`dockerd gets ${signal}`, async () => {
          await office.dockerd[signal]();
          await office.dockerd.start();
          await office.dockerCommand('start', 'plain');
        });
      await t.test('another address is another anchor', async () => {
        await office.up(shop('192.168.11.102'));
        assert.equal(await shownAddress(office, 'landline.shop'), `192.168.11.102 ${mac}`);
        assert.equal(await ask(office, 'pc', '192.168.11.102'), 'shop');
        assert.equal(await office.holderOf('192.168.11.101'), undefined);
      });
    }

    await t.test('down leaves nothing, and the bridge and the firewall as they were', async () => {
      await office.down('shop');
      assert.equal(await networks(office), before.networks);
      assert.equal(await bridge(office), before.bridge);
      await until(async () => (await rules(office)) === before.rules, 'the firewall is as before');
    });
  });
});
