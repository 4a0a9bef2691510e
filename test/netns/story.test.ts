import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AddressView, EndpointRow, EnvironmentView, HistoryView, NetworkView, UpView } from '../../src/api/contract.ts';
import { answering, codeOf, type EnvironmentFile, listen, type Office, refusalOf, until, withOffice } from '../office.ts';

const shop = path.resolve(import.meta.dirname, '../../examples/shop/shop.yaml');
const pcMac = '52:54:00:00:00:10';

const officeYaml = `networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    gateway: 192.168.11.1
    pool: [192.168.11.100-192.168.11.250]
    exclude: [192.168.11.200]
    resolvers: [192.168.11.2]
    domain: test.office.example
`;
/** A second network with room for two. */
const smallYaml = (pool = '172.20.0.10-172.20.0.12'): string => `${officeYaml}  small:
    bridge: br1
    subnet: 172.20.0.0/24
    gateway: 172.20.0.1
    pool: [${pool}]
    exclude: [172.20.0.11]
    probe: off
`;

const sleeper = { command: ['sleep', 'infinity'] };

const file = (
  name: string,
  network: string,
  more: Readonly<Record<string, unknown>> = {},
  services: EnvironmentFile['services'] = {},
): EnvironmentFile => ({
  name,
  'x-landline': { network, ...more },
  services: Object.keys(services).length === 0 ? { main: sleeper } : services,
});

const get = (office: Office, machine: string, address: string): Promise<string> =>
  office.read(machine, ['curl', '-sS', '-m', '5', `http://${address}/`]);

const addressOf = (view: EnvironmentView): string => view.endpoints[0]?.addresses[0] ?? 'none';
const macOf = (view: EnvironmentView): string => view.endpoints[0]?.mac ?? 'none';
const pidsOf = (view: EnvironmentView): Record<string, number | null> =>
  Object.fromEntries(view.services.map((it) => [it.name, it.pid]));

/** All that the host has of environments, for comparing: links, bound namespaces, mounts, processes, files, the ledger. */
async function belongings(office: Office): Promise<unknown> {
  const lines = async (script: string): Promise<string[]> => (await office.read('host', ['sh', '-c', script])).split('\n').sort();
  return {
    links: (await office.links()).map((it) => it.ifname),
    sandboxes: await lines('ls /run/landline/netns/*'),
    mounts: await lines('cut -d" " -f2 /proc/mounts'),
    processes: (await lines('for it in /proc/[0-9]*/comm; do cat "$it"; done 2>/dev/null')).filter(
      (it) => !['sh', 'cat', 'ls', 'cut'].includes(it),
    ),
    services: await lines('ls -A /var/lib/landline/services'),
    addresses: await office.addresses(),
  };
}

test('the story: environments on one host, each with its own fixed address on the LAN', async (t) => {
  await withOffice(t, {}, async (office) => {
    await office.read('host', ['sh', '-c', 'ip link add br1 type bridge && ip link set br1 up']);
    await office.configure(smallYaml());
    // The engine's own helper is started with the first service, and stays.
    await office.up(file('first', 'none'));
    await office.down('first');
    const nothing = await belongings(office);

    await t.test(
      'two copies whose inner ports clash are opened by address, from the LAN and from behind the router',
      async () => {
        assert.equal((await office.landline('up', '-f', shop)).status, 0);
        const second = await office.landlineJson<UpView>(
          'up',
          '-f',
          shop,
          '--name',
          'shop-feature-12',
          '--address',
          '192.168.11.150',
        );
        assert.deepEqual(
          [second.name, second.state, addressOf(second), second.problems],
          ['shop-feature-12', 'running', '192.168.11.150/23', []],
        );
        assert.ok(second.attachMs !== null && second.attachMs > 0 && (second.probeMs ?? 0) >= 290, JSON.stringify(second));
        for (const machine of ['pc', 'branch-pc', 'host']) {
          assert.equal(await get(office, machine, '192.168.11.100'), '<h1>shop</h1><p>in stock: apples=12 pears=7</p>\n');
          assert.equal(
            await get(office, machine, '192.168.11.150'),
            '<h1>shop-feature-12</h1><p>in stock: apples=12 pears=7</p>\n',
          );
        }
      },
    );

    await t.test('inside, services talk over localhost and by name; hosts, resolv.conf and hostname are its own', async () => {
      const inside = async (...command: string[]): Promise<string> =>
        (await office.landline('exec', 'shop/web', '--', ...command)).stdout;
      assert.equal(
        await inside('busybox', 'wget', '-q', '-O', '-', 'http://localhost:8080/cgi-bin/stock'),
        'apples=12 pears=7\n',
      );
      assert.equal(await inside('busybox', 'nc', 'db', '5432'), 'apples=12 pears=7\n');
      assert.equal(
        await inside('cat', '/etc/hosts'),
        '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.0.1 db\n127.0.0.1 api\n127.0.0.1 web\n' +
          '192.168.11.100 shop.test.office.example shop\n',
      );
      assert.equal(await inside('cat', '/etc/resolv.conf'), 'nameserver 192.168.11.2\nsearch test.office.example\n');
      assert.equal(await inside('uname', '-n'), 'shop\n');
      assert.equal(await office.read('host', ['uname', '-n']), 'host\n');
    });

    await t.test('`ps --json` has the shape that scripts rely on; pid and inode are those of the sandbox', async () => {
      const [view] = (await office.landlineJson<readonly EnvironmentView[]>('ps', 'shop-feature-12')) as readonly [
        EnvironmentView,
      ];
      const inode = Number(await office.read('host', ['stat', '-Lc', '%i', `/proc/${view.services[0]?.pid}/ns/net`]));
      const service = (name: string): unknown => {
        const pid = view.services.find((it) => it.name === name)?.pid;
        assert.ok(Number.isInteger(pid), name);
        return { name, state: 'running', health: null, image: null, pid, exitStatus: null, restarts: 0 };
      };
      assert.deepEqual(view, {
        name: 'shop-feature-12',
        state: 'running',
        engine: 'native',
        network: 'office',
        sandbox: { inode },
        endpoints: [
          {
            network: 'office',
            interface: 'eth0',
            mac: macOf(view),
            addresses: ['192.168.11.150/23'],
            gateway: '192.168.11.1',
            lease: { source: 'static', state: 'bound', expiresAt: null },
            names: view.endpoints[0]?.names,
          },
        ],
        services: [service('db'), service('api'), service('web')],
        problems: [],
      });
      assert.match(macOf(view), /^02(:[0-9a-f]{2}){5}$/);
      assert.equal(await office.holderOf('192.168.11.150'), macOf(view));
      const all = await office.landlineJson<readonly EnvironmentView[]>('ps');
      assert.deepEqual(
        all.map((it) => it.name),
        ['shop', 'shop-feature-12'],
      );
      assert.match((await office.landline('ps')).stdout, /^shop +running +native +office +192\.168\.11\.100 +3\/3 running$/m);
    });

    await t.test('up again with nothing changed touches no process', async () => {
      const before = await office.ps('shop');
      const again = await office.landlineJson<UpView>('up', '-f', shop);
      assert.deepEqual(pidsOf(again), pidsOf(before));
      assert.deepEqual([again.attachMs, addressOf(again), again.sandbox], [null, addressOf(before), before.sandbox]);
      const log = await office.daemon.log();
      assert.equal(log.split('service stopping environment=shop ').length, 1);
    });

    await t.test(
      'up again with changes restarts what changed, ends what is gone, starts what is new, and leaves the rest',
      async () => {
        const services = { a: answering(81, 'a'), b: answering(82, 'b'), c: answering(83, 'c') };
        const before = pidsOf(await office.up(file('crm', 'office', {}, services)));
        const after = pidsOf(
          await office.up(file('crm', 'office', {}, { a: services.a, b: answering(82, 'other'), d: answering(84, 'd') })),
        );
        assert.deepEqual(Object.keys(after), ['a', 'b', 'd']);
        assert.equal(after['a'], before['a']);
        assert.notEqual(after['b'], before['b']);
        for (const pid of [before['b'], before['c']])
          assert.equal((await office.exec('host', ['kill', '-0', String(pid)])).status, 1);
        const address = addressOf(await office.ps('crm')).replace(/\/.*/, '');
        const ask = async (port: number): Promise<string> =>
          (await office.exec('pc', ['busybox', 'nc', '-w', '2', address, String(port)])).stdout;
        assert.deepEqual([await ask(81), await ask(82), await ask(83), await ask(84)], ['a\n', 'other\n', '', 'd\n']);
        // What was gone and comes back is as new, though it had ended well.
        const quiet = { command: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.05; done'] };
        await office.up(file('crm', 'office', {}, { a: services.a, quiet }));
        await office.up(file('crm', 'office', {}, { a: services.a }));
        const again = await office.up(file('crm', 'office', {}, { a: services.a, quiet }));
        assert.deepEqual(
          again.services.map((it) => it.state),
          ['running', 'running'],
        );
        assert.equal(pidsOf(again)['a'], before['a']);
        assert.deepEqual(
          again.services.map((it) => it.restarts),
          [0, 0],
        );
      },
    );

    await t.test(
      'another address moves the environment without touching a process, and the former one falls silent',
      async () => {
        const before = await office.ps('crm');
        const former = addressOf(before).replace(/\/.*/, '');
        const moved = await office.up(file('crm', 'office', { address: '192.168.11.160' }, { a: answering(81, 'a') }));
        assert.deepEqual(
          [addressOf(moved), pidsOf(moved)['a'], macOf(moved)],
          ['192.168.11.160/23', pidsOf(before)['a'], macOf(before)],
        );
        assert.equal(await office.holderOf('192.168.11.160'), macOf(moved));
        assert.equal(await office.holderOf(former), undefined);
        assert.equal((await office.exec('pc', ['busybox', 'nc', '-w', '2', '192.168.11.160', '81'])).stdout, 'a\n');
        const hosts = await office.landline('exec', 'crm', '--', 'cat', '/etc/hosts');
        assert.match(hosts.stdout, /^192\.168\.11\.160 crm\.test\.office\.example crm$/m, 'what runs sees the new address');
      },
    );

    await t.test('a change that is refused leaves the former state whole', async () => {
      await office.read('pc', ['ip', 'address', 'add', '192.168.11.161/23', 'dev', 'eth0']);
      const before = await office.ps('crm');
      const refusals = [
        [{ address: '192.168.11.1' }, 'ADDRESS_UNUSABLE'],
        [{ address: '192.168.11.150' }, 'ADDRESS_HELD'],
        [{ address: '192.168.11.161' }, 'ADDRESS_TAKEN'],
        [{ network: 'elsewhere' }, 'NETWORK_UNKNOWN'],
      ] as const;
      for (const [change, code] of refusals) {
        const wish = file('crm', 'office', change, { a: answering(81, 'changed'), b: answering(82, 'new') });
        assert.equal(await codeOf(office.up(wish)), code);
        assert.deepEqual(await office.ps('crm'), before, code);
        assert.equal(await office.holderOf('192.168.11.160'), macOf(before), code);
      }
      const history = await office.api.call<readonly HistoryView[]>('GET', '/v1/addresses/history', {
        query: { environment: 'crm' },
      });
      assert.equal(history.filter((it) => it.to === null).length, 1);
      await office.read('pc', ['ip', 'address', 'delete', '192.168.11.161/23', 'dev', 'eth0']);
    });

    await t.test('an address that somebody has is refused with the MAC of its holder, and the pool walks around it', async () => {
      const took = (await office.addresses()).filter((it) => it.network === 'office').map((it) => it.address);
      const next = [101, 102, 103, 104, 105].map((it) => `192.168.11.${it}`).filter((it) => !took.includes(it));
      const rested = await office.api.call<readonly HistoryView[]>('GET', '/v1/addresses/history');
      const [squatted = '', free = ''] = next.filter((it) => !rested.some((line) => line.address === it));
      await office.read('pc', ['ip', 'address', 'add', `${squatted}/23`, 'dev', 'eth0']);
      const before = await belongings(office);
      const run = await office.landline(
        'run',
        '--name',
        'intruder',
        '--network',
        'office',
        '--address',
        squatted,
        '--',
        'sleep',
        '60',
      );
      assert.equal(run.status, 1);
      assert.equal(
        run.stderr,
        `landline: ADDRESS_TAKEN: ${squatted} already answers ARP from ${pcMac} on network 'office'\n→ choose another with --address, or free it on that machine\n`,
      );
      assert.deepEqual(await belongings(office), before);
      const events = await listen(office);
      const walked = await office.up(file('walker', 'office'));
      assert.equal(addressOf(walked), `${free}/23`);
      await events.next('address squatted', { environment: 'walker', address: squatted, holder: pcMac });
      events.stop();
      await office.read('pc', ['ip', 'address', 'delete', `${squatted}/23`, 'dev', 'eth0']);
      const later = await office.up(file('later', 'office', { address: squatted }));
      assert.equal(addressOf(later), `${squatted}/23`, 'it does not rest: the next ask probes anew');
      await office.down('walker');
      await office.down('later');
    });

    await t.test("the LAN's own addresses, others' and those outside are refused, and nothing comes of it", async () => {
      const before = await belongings(office);
      const refusals: readonly (readonly [address: string, code: string, says: RegExp])[] = [
        ['192.168.11.1', 'ADDRESS_UNUSABLE', /the gateway/],
        ['192.168.11.2', 'ADDRESS_UNUSABLE', /a resolver/],
        ['192.168.11.20', 'ADDRESS_UNUSABLE', /this host's own address/],
        ['192.168.10.0', 'ADDRESS_UNUSABLE', /the network address/],
        ['192.168.11.255', 'ADDRESS_UNUSABLE', /the broadcast address/],
        ['192.168.12.7', 'ADDRESS_OUTSIDE', /192\.168\.10\.0\/23/],
        ['192.168.11.150', 'ADDRESS_HELD', /'shop-feature-12'/],
      ];
      for (const [address, code, says] of refusals) {
        const refusal = await refusalOf(office.up(file('intruder', 'office', { address })));
        assert.equal(refusal.code, code, address);
        assert.match(refusal.message, says);
      }
      const held = await office.landline('up', '-f', shop, '--name', 'intruder', '--address', '192.168.11.150', '--json');
      assert.equal(held.status, 1);
      assert.equal(held.stdout, '');
      assert.equal((JSON.parse(held.stderr) as { error: { code: string } }).error.code, 'ADDRESS_HELD');
      assert.equal((await office.landline('up', '-f', shop, '--name', 'intruder', '--address', 'nowhere')).status, 2);
      assert.deepEqual(await belongings(office), before);
      assert.equal(
        addressOf(await office.up(file('odd', 'office', { address: '192.168.11.200' }))),
        '192.168.11.200/23',
        'an excluded one is only kept from the pool',
      );
      assert.equal(
        addressOf(await office.up(file('odd', 'office', { address: '192.168.10.7' }))),
        '192.168.10.7/23',
        'and one outside of the pool is as good',
      );
      await office.down('odd');
    });

    await t.test('the pool gives the lowest address, keeps it for whom it was, and lets it rest from others', async () => {
      const a = await office.up(file('a', 'small'));
      const b = await office.up(file('b', 'small'));
      assert.deepEqual([addressOf(a), addressOf(b)], ['172.20.0.10/24', '172.20.0.12/24'], '.11 is excluded');
      assert.equal(a.endpoints[0]?.lease.source, 'pool');
      await office.down('a');
      const resting = await refusalOf(office.up(file('c', 'small')));
      assert.equal(resting.code, 'POOL_FULL');
      assert.match(resting.message, /172\.20\.0\.10 resting until 20\S+Z, 172\.20\.0\.12 b$/);
      assert.equal(await codeOf(office.up(file('c', 'small', { address: '172.20.0.10' }))), 'ADDRESS_QUARANTINED');
      const again = await office.up(file('a', 'small'));
      assert.deepEqual([addressOf(again), macOf(again)], [addressOf(a), macOf(a)]);
    });

    await t.test('a full pool names who has its addresses, and a wider one after SIGHUP has room', async () => {
      const full = await office.landline('run', '--name', 'c', '--network', 'small', '--', 'sleep', '60');
      assert.equal(full.status, 1);
      assert.equal(
        full.stderr,
        "landline: POOL_FULL: the pool of network 'small' is full: 172.20.0.10 a, 172.20.0.12 b\n" +
          '→ end an environment with `landline down`, or widen `pool` in landline.yaml and send the daemon SIGHUP\n',
      );
      await office.configure(smallYaml('172.20.0.10-172.20.0.13'));
      assert.equal(addressOf(await office.up(file('c', 'small'))), '172.20.0.13/24');
      await office.configure(smallYaml());
      assert.equal(addressOf(await office.ps('c')), '172.20.0.13/24', 'an address stays when the pool moves away from under it');
      await office.down('c');
    });

    await t.test('an address is kept after down, or reserved beforehand, for one name alone', async () => {
      assert.equal((await office.landline('down', 'b', '--keep-address')).status, 0);
      const kept = (await office.addresses()).find((it) => it.address === '172.20.0.12');
      assert.deepEqual([kept?.state, kept?.environment], ['reserved', 'b']);
      assert.equal(await codeOf(office.up(file('c', 'small', { address: '172.20.0.12' }))), 'ADDRESS_RESERVED');
      assert.equal(addressOf(await office.up(file('b', 'small'))), '172.20.0.12/24');
      await office.landlineJson('address', 'reserve', '172.20.0.50', '--for', 'd', '--note', 'for the fair');
      assert.equal(await codeOf(office.up(file('c', 'small', { address: '172.20.0.50' }))), 'ADDRESS_RESERVED');
      const d = await office.up(file('d', 'small'));
      assert.equal(addressOf(d), '172.20.0.50/24', 'a reservation goes before the pool');
      await office.down('d');
      await office.landlineJson('address', 'release', '172.20.0.50');
      assert.equal((await office.landline('address', 'release', '172.20.0.50')).status, 1);
      assert.equal(
        await codeOf(office.up(file('c', 'small', { address: '172.20.0.50' }))),
        'ADDRESS_QUARANTINED',
        'it was in use a moment ago',
      );
      await office.landlineJson('address', 'release', '172.20.0.12');
      for (const name of ['a', 'b']) await office.down(name);
    });

    await t.test('networks, endpoints, addresses and their history are listed', async () => {
      const network = (await office.landlineJson<readonly NetworkView[]>('network', 'ls')).find((it) => it.name === 'office');
      assert.deepEqual(
        [
          network?.kind,
          network?.bridge,
          network?.subnet,
          network?.gateway,
          network?.resolvers,
          network?.domain,
          network?.problems,
        ],
        ['lan', 'br0', '192.168.10.0/23', '192.168.11.1', ['192.168.11.2'], 'test.office.example', []],
      );
      assert.deepEqual(
        [network?.pool?.ranges, network?.pool?.size, network?.pool?.used],
        [['192.168.11.100-192.168.11.250'], 150, 3],
      );
      assert.equal(network?.endpoints, 3);
      const endpoints = await office.landlineJson<readonly EndpointRow[]>('endpoint', 'ls');
      assert.deepEqual(
        endpoints.map((it) => [it.environment, it.network, it.interface, ...it.addresses, it.lease.source]),
        [
          ['crm', 'office', 'eth0', '192.168.11.160/23', 'static'],
          ['shop', 'office', 'eth0', '192.168.11.100/23', 'pool'],
          ['shop-feature-12', 'office', 'eth0', '192.168.11.150/23', 'static'],
        ],
      );
      const addresses = await office.landlineJson<readonly AddressView[]>('address', 'ls', '--network', 'office');
      assert.deepEqual(
        addresses.map((it) => [it.address, it.environment, it.state]),
        [
          ['192.168.11.100', 'shop', 'bound'],
          ['192.168.11.150', 'shop-feature-12', 'bound'],
          ['192.168.11.160', 'crm', 'bound'],
        ],
      );
      for (const command of [
        ['network', 'ls'],
        ['endpoint', 'ls'],
        ['address', 'ls'],
        ['address', 'ls', '--history'],
      ]) {
        const { status, stdout } = await office.landline(...command);
        assert.equal(status, 0);
        assert.match(stdout, /^NETWORK|^ENVIRONMENT/);
      }
      const history = await office.landlineJson<readonly HistoryView[]>('address', 'ls', '--history', '--environment', 'crm');
      assert.deepEqual(
        history.slice(0, 2).map((it) => [it.address, it.source, it.to === null]),
        [
          ['192.168.11.160', 'static', true],
          [history[1]?.address, 'static', false],
        ],
      );
      const moment = new Date(Date.parse(history[1]?.to ?? '') - 1).toISOString();
      const then = await office.landlineJson<readonly HistoryView[]>(
        'address',
        'ls',
        '--history',
        '--at',
        moment,
        '--environment',
        'crm',
      );
      assert.deepEqual(
        then.map((it) => it.address),
        [history[1]?.address],
      );
      assert.deepEqual(await office.landlineJson('address', 'ls', '--history', '--at', '2001-01-01T00:00'), []);
    });

    await t.test('run, exec and logs do as their users expect', async () => {
      const script = 'echo out; echo err >&2; n=0; while [ $n -lt 1000 ]; do sleep 0.2; n=$((n + 1)); echo tick $n; done';
      const run = await office.landline(
        'run',
        '--name',
        'job',
        '--network',
        'none',
        '--hostname',
        'worker',
        '--',
        'sh',
        '-c',
        script,
      );
      assert.equal(run.status, 0, run.stderr);
      const exec = (...command: string[]): ReturnType<Office['landline']> => office.landline('exec', 'job', '--', ...command);
      assert.equal((await exec('uname', '-n')).stdout, 'worker\n');
      assert.equal((await exec('sh', '-c', 'exit 7')).status, 7);
      assert.equal((await exec('sh', '-c', 'kill -9 $$')).status, 137);
      assert.equal((await exec('no-such-program')).status, 127);
      assert.equal((await exec('sh', '-c', 'echo "$HOSTNAME"; echo to stderr >&2')).stderr, 'to stderr\n');
      const input = 'x'.repeat(300_000);
      const cat = await office.exec('host', ['landline', 'exec', 'job', '--', 'cat'], { stdin: input });
      assert.deepEqual([cat.status, cat.stdout.length, cat.stdout === input], [0, 300_000, true]);
      assert.equal(
        (await office.landline('exec', 'job', '--', 'echo', '--json', '-h')).stdout,
        '--json -h\n',
        'what comes after the dashes is not ours',
      );

      const unclear = await office.landline('exec', 'shop', '--', 'true');
      assert.deepEqual([unclear.status, unclear.stderr.split('\n')[1]], [2, '→ name one: shop/db, shop/api, shop/web']);
      assert.equal((await office.landline('exec', 'shp', '--', 'true')).status, 1);
      assert.match((await office.landline('exec', 'shp', '--', 'true')).stderr, /did you mean 'shop'\?/);
      assert.equal((await office.landline('exec', 'shop/wbe', '--', 'true')).status, 1);

      const logs = (await office.landline('logs', 'job')).stdout.split('\n');
      assert.deepEqual(logs.slice(0, 2).sort(), ['job | err', 'job | out']);
      assert.equal((await office.landline('logs', 'job/job', '--tail', '1')).stdout.trim().split('\n').length, 1);
      assert.equal((await office.landline('logs', 'nobody')).status, 1);
      const follower = office.start('host', ['timeout', '-s', 'INT', '1.5', 'bin/landline', 'logs', '-f', '--tail', '0', 'job']);
      let followed = '';
      follower.stdout.setEncoding('utf8').on('data', (text: string) => {
        followed += text;
      });
      const status = await new Promise((resolve) => follower.once('close', resolve));
      assert.ok(followed.split('\n').filter((it) => /^job \| tick \d+$/.test(it)).length >= 3, followed);
      assert.equal(status, 124, 'it went on until it was told to stop');
      await office.down('job');
    });

    await t.test('`none` has lo and nothing else, up, with both of its addresses', async () => {
      const view = await office.up(file('alone', 'none'));
      assert.deepEqual([view.endpoints, view.state, view.attachMs], [[], 'running', null]);
      // A cast, since this is what `ip -j` prints.
      const links = JSON.parse(await office.inside('alone', 'ip', '-j', 'address')) as {
        ifname: string;
        flags: string[];
        addr_info: { local: string }[];
      }[];
      assert.deepEqual(
        links.map((it) => [it.ifname, it.flags.includes('UP'), it.addr_info.map((one) => one.local)]),
        [['lo', true, ['127.0.0.1', '::1']]],
      );
      assert.equal(await office.inside('alone', 'ip', 'route'), '');
      await office.inside('alone', 'ping', '-c', '1', '-W', '1', '127.0.0.1');
      await office.down('alone');
    });

    await t.test('routes and gateway are as the file says, and go again when it says otherwise', async () => {
      const routes = async (): Promise<string[]> =>
        (await office.inside('two', 'ip', 'route'))
          .trim()
          .split('\n')
          .map((it) => it.replace(/ (proto|scope|src) .*/, '').trim())
          .sort();
      const wish = { address: '192.168.11.170', interface: 'lan0', routes: [{ to: '10.77.0.0/16', via: '192.168.11.9' }] };
      const view = await office.up(file('two', 'office', wish));
      assert.equal(view.endpoints[0]?.interface, 'lan0');
      assert.deepEqual(await routes(), [
        '10.77.0.0/16 via 192.168.11.9 dev lan0',
        '192.168.10.0/23 dev lan0',
        'default via 192.168.11.1 dev lan0',
      ]);
      await office.inside('two', 'ip', 'route', 'add', '10.88.0.0/16', 'via', '192.168.11.9');
      const less = await office.up(file('two', 'office', { address: '192.168.11.170', interface: 'lan0', gateway: 'none' }));
      assert.deepEqual(
        await routes(),
        ['10.88.0.0/16 via 192.168.11.9 dev lan0', '192.168.10.0/23 dev lan0'],
        'what somebody else added stays',
      );
      assert.deepEqual([less.endpoints[0]?.gateway, pidsOf(less)], [null, pidsOf(view)]);
      await office.down('two');
    });

    await t.test('the MTU is the one of the bridge, at both ends', async () => {
      await office.read('host', ['ip', 'link', 'set', 'br1', 'mtu', '1400']);
      await office.up(file('narrow', 'small', { address: '172.20.0.71' }));
      const [hostEnd, ...others] = (await office.links()).filter((it) => it.master === 'br1');
      assert.deepEqual([hostEnd?.mtu, others.length], [1400, 0]);
      assert.match(await office.inside('narrow', 'ip', 'link', 'show', 'eth0'), / mtu 1400 /);
      await office.down('narrow');
      await office.read('host', ['ip', 'link', 'set', 'br1', 'mtu', '1500']);
    });

    await t.test('there is no IPv6 on its links, at either end, while ::1 works', async () => {
      const view = await office.ps('crm');
      const hostEnd = (await office.links()).find((it) => it.ifalias?.includes(':crm:'))?.ifname ?? '';
      assert.equal(await office.inside('crm', 'ip', '-6', 'address', 'show', 'dev', 'eth0'), '');
      assert.equal(await office.read('host', ['ip', '-6', 'address', 'show', 'dev', hostEnd]), '');
      await office.inside('crm', 'ping', '-6', '-c', '1', '-W', '1', '::1');
      assert.equal(view.problems.length, 0);
    });

    await t.test('neighbours are told at once: of a new address, and of a new MAC for one that they know', async () => {
      const tcpdump = office.start('pc', [
        'timeout',
        '20',
        'tcpdump',
        '-l',
        '-n',
        '-i',
        'eth0',
        'arp',
        'and',
        'host',
        '192.168.11.171',
      ]);
      let heard = '';
      tcpdump.stdout.setEncoding('utf8').on('data', (text: string) => {
        heard += text;
      });
      await sleep(700);
      const before = await office.up(file('moving', 'office', { address: '192.168.11.171' }));
      const announcement =
        /who-has 192\.168\.11\.171 (\(ff:ff:ff:ff:ff:ff\) )?tell 192\.168\.11\.171|Announcement 192\.168\.11\.171/g;
      await until(() => announcement.test(heard), 'the announcement is heard', 2000);
      await until(() => (heard.match(announcement) ?? []).length >= 2, 'and a second one', 4000);
      tcpdump.kill();
      await office.read('pc', ['ping', '-c', '1', '-W', '1', '192.168.11.171']);
      const neighbour = async (): Promise<string | undefined> =>
        /lladdr (\S+)/.exec(await office.read('pc', ['ip', 'neighbour', 'show', '192.168.11.171']))?.[1];
      assert.equal(await neighbour(), macOf(before));
      await office.up(file('moving', 'office', { address: '192.168.11.171', mac: '02:00:00:00:be:ef' }));
      assert.equal(await neighbour(), '02:00:00:00:be:ef');
      await office.down('moving');
    });

    await t.test('after down nothing is left: no link, namespace, mount, process, file or line in the ledger', async () => {
      const down = await office.landline('down', 'crm', 'nobody');
      assert.deepEqual([down.status, down.stdout], [1, 'crm is gone\n'], 'what is done is told, also when the rest is refused');
      assert.match(down.stderr, /^landline: ENVIRONMENT_UNKNOWN: there is no environment 'nobody'/);
      const all = await office.landlineJson<{ ended: string[] }>('down', '--all');
      assert.deepEqual(all.ended.sort(), ['shop', 'shop-feature-12']);
      assert.deepEqual(await belongings(office), nothing);
      assert.deepEqual(await office.landlineJson('ps'), []);
      for (const address of ['192.168.11.100', '192.168.11.150']) assert.equal(await office.holderOf(address), undefined);
      assert.equal((await office.landline('down', 'shop')).status, 1);
      assert.deepEqual(await office.landlineJson('down', '--all'), { ended: [] });
      assert.ok(!fs.existsSync(`/proc/${office.pidOf('host')}/root/var/lib/landline/services/shop`));
    });
  });
});
