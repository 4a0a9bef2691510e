/** The old way: plain `docker run` on the LAN, once the host is made ready for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withDockerOffice } from './office.ts';

test('the whole way of a host: its NIC under a bridge, Docker on it, and the pc opens a plain `docker run`', {
  timeout: 120_000,
}, async (t) => {
  await withDockerOffice(t, { plainNic: true }, async (office) => {
    await office.read('host', ['landline', 'host', 'bridge', 'apply', '--interface', 'ens33', '--manager', 'none']);
    await office.read('host', ['landline', 'host', 'bridge', 'confirm']);

    await t.test('an environment on the LAN that the pc opens', async () => {
      await office.landline(
        'run',
        '--name',
        'hello',
        '--network',
        'office',
        '--address',
        '192.168.11.101',
        '--',
        'busybox',
        'nc',
        '-ll',
        '-p',
        '80',
        '-e',
        'echo',
        'hello',
      );
      assert.equal((await office.exec('pc', ['busybox', 'nc', '-w', '2', '192.168.11.101', '80'])).stdout.trim(), 'hello');
    });

    await office.dockerd.configure({ 'log-level': 'warn', bip: '172.31.0.1/16' });
    const former = await office.read('host', ['cat', '/etc/docker/daemon.json']);

    await t.test('ranges that hold addresses of the pool, of an environment or of the LAN itself are refused', async () => {
      for (const [range, reason] of [
        ['192.168.11.128/26', /overlaps the pool's 192\.168\.11\.100-192\.168\.11\.250/],
        ['192.168.11.0/27', /192\.168\.11\.1 in 192\.168\.11\.0\/27 is the gateway/],
        ['192.168.12.0/28', /is not inside 192\.168\.10\.0\/23/],
        ['192.168.10.65/28', /is an address, not a range/],
      ] as const) {
        const { status, stderr } = await office.landline('host', 'docker', 'apply', '--fixed-cidr', range);
        assert.equal(status, 1);
        assert.match(stderr, reason);
      }
      assert.equal(await office.read('host', ['cat', '/etc/docker/daemon.json']), former);
    });

    await t.test('daemon.json is merged, and the ledger keeps the range', async () => {
      const applied = await office.landlineJson<{ restarted: boolean; costs: readonly string[] }>(
        'host',
        'docker',
        'apply',
        '--fixed-cidr',
        '192.168.10.64/28',
        '--dns',
        '192.168.11.2',
      );
      assert.equal(applied.restarted, false);
      assert.ok(applied.costs.some((it) => it.includes('can be reached by everybody')));
      assert.deepEqual(JSON.parse(await office.read('host', ['cat', '/etc/docker/daemon.json'])), {
        'log-level': 'warn',
        bridge: 'br0',
        'fixed-cidr': '192.168.10.64/28',
        'default-gateway': '192.168.11.1',
        dns: ['192.168.11.2'],
        'live-restore': true,
      });
      const { status, stderr } = await office.landline(
        'run',
        '--name',
        'intruder',
        '--network',
        'office',
        '--address',
        '192.168.10.66',
        '--',
        'sleep',
        '60',
      );
      assert.equal(status, 1);
      assert.match(stderr, /ADDRESS_RESERVED: 192\.168\.10\.66 on network 'office' is reserved for 'docker-default'/);
    });

    await office.dockerd.stop();
    await office.dockerd.start();

    await t.test('a plain `docker run` has an address of the range, which the pc opens', async () => {
      const image = await office.loadImage('shop/web:1');
      await office.dockerCommand(
        'run',
        '--detach',
        '--name',
        'web',
        image,
        'nc',
        '-ll',
        '-p',
        '80',
        '-e',
        'echo',
        'a plain container',
      );
      const address = (await office.dockerCommand('inspect', '--format', '{{.NetworkSettings.IPAddress}}', 'web')).trim();
      assert.match(address, /^192\.168\.10\.(6[4-9]|7\d)$/);
      assert.equal((await office.exec('pc', ['busybox', 'nc', '-w', '2', address, '80'])).stdout.trim(), 'a plain container');
      assert.match(
        await office.read('host', ['ip', '-br', 'address', 'show', 'br0']),
        /192\.168\.11\.20\/23/,
        'the host keeps its address',
      );
    });

    await t.test('rollback: daemon.json as it was, and the range is free', async () => {
      await office.dockerCommand('rm', '--force', 'web');
      assert.equal((await office.landline('host', 'docker', 'rollback')).status, 0);
      assert.equal(await office.read('host', ['cat', '/etc/docker/daemon.json']), former);
      assert.deepEqual(
        (await office.addresses()).filter((it) => it.environment === 'docker-default'),
        [],
      );
      assert.match((await office.landline('host', 'docker', 'rollback')).stderr, /DOCKER_DEFAULT_NOTHING/);
    });
  });
});
