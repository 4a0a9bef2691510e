/** What `ps` and its kin show of an environment that is not well. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Office, until, withOffice } from '../office.ts';

const command = (script: string): { readonly command: readonly string[] } => ({ command: ['sh', '-c', script] });

const problemsOf = async (office: Office, name: string): Promise<readonly string[]> =>
  (await office.ps(name)).problems.map((it) => `${it.code}: ${it.message}`);

test('an environment that is not well says why', async (t) => {
  await withOffice(t, {}, async (office) => {
    const whole = await office.read('host', ['cat', '/etc/landline/landline.yaml']);

    await t.test('a service that failed: how it ended, and what it said last', async () => {
      const services = { web: command('echo begin; sleep 0.6; echo the disk is full; exit 3'), db: command('sleep 600') };
      await office.up({
        name: 'shop',
        'x-landline': { network: 'office', address: '192.168.11.101' },
        services: { ...services },
      });
      await until(async () => (await office.ps('shop')).state === 'degraded', 'it has failed');
      assert.deepEqual(await problemsOf(office, 'shop'), [
        "SERVICE_FAILED: service 'web' of environment 'shop' ended with status 3; it said: the disk is full",
      ]);
      await office.landline('stop', 'shop/web');
      assert.deepEqual(await problemsOf(office, 'shop'), [], 'what somebody stopped is no problem');
    });

    await t.test('logs --json: one document for each line', async () => {
      const lines = (await office.read('host', ['landline', 'logs', 'shop/web', '--json'])).trimEnd().split('\n');
      const said = lines.map((it) => JSON.parse(it) as { service: string; text: string; time: string });
      assert.deepEqual(
        said.map((it) => [it.service, it.text]),
        [
          ['web', 'begin'],
          ['web', 'the disk is full'],
        ],
      );
      assert.ok(said.every((it) => !Number.isNaN(Date.parse(it.time))));
    });

    await t.test('a reservation is shown while its address is bound', async () => {
      await office.landline('address', 'reserve', '192.168.11.101', '--for', 'shop', '--note', 'in the firewall');
      const rows = (await office.addresses()).map((it) => [it.address, it.state, it.reserved, it.note]);
      assert.deepEqual(rows, [['192.168.11.101', 'bound', true, 'in the firewall']]);
      assert.match((await office.landline('address', 'ls')).stdout, /shop +bound, reserved .* in the firewall\n/);
    });

    await t.test(
      'a network that is gone from landline.yaml: the endpoint is still told, for its address still answers',
      async () => {
        await office.configure('networks: {}\n');
        const { endpoints, state } = await office.ps('shop');
        assert.deepEqual(
          endpoints.map((it) => [it.network, it.addresses[0], it.gateway]),
          [['office', '192.168.11.101/23', null]],
        );
        assert.equal(state, 'degraded');
        assert.deepEqual(await problemsOf(office, 'shop'), ["NETWORK_UNKNOWN: there is no network 'office'"]);
        assert.ok(await office.holderOf('192.168.11.101'));
        await office.configure(whole);
        await until(async () => (await problemsOf(office, 'shop')).length === 0, 'all is well again');
      },
    );

    await t.test('a bridge that comes back is heard of', async () => {
      const problems = (): Promise<readonly string[]> => problemsOf(office, 'one');
      const makeBridge = (): Promise<string> =>
        office.read('host', ['sh', '-c', 'ip link add br1 type bridge; ip link set br1 up']);
      await makeBridge();
      await office.configure(`${whole}  small: { bridge: br1, subnet: 10.8.0.0/24, pool: [10.8.0.10] }\n`);
      await office.up({ name: 'one', 'x-landline': { network: 'small' }, services: { main: command('sleep 600') } });
      await office.read('host', ['ip', 'link', 'del', 'br1']);
      await until(async () => (await problems()).join().startsWith('BRIDGE_MISSING'), 'it is missed');
      await makeBridge();
      await until(async () => (await problems()).length === 0, 'all is well again', 20_000);
    });
  });
});
