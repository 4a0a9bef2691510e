/** The main job, as a team sees it: copies of one product side by side, each at its own address. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { withLab } from '../lab.ts';
import { landline, links, open, ps, traces, tryLandline, view } from '../support/office.ts';

const shop = path.join(import.meta.dirname, '../../examples/shop/shop.yaml');

test('two copies of one product, with the same ports inside, are opened by address from the LAN and from a branch', async (t) => {
  await withLab(t, {}, async (lab) => {
    await landline(lab, 'up', '-f', shop);
    await landline(lab, 'up', '-f', shop, '--name', 'shop-feature-12', '--address', '192.168.11.150');
    const [first, second] = await ps(lab);
    assert.deepEqual(first?.endpoints[0]?.addresses, ['192.168.11.100/23']);
    assert.deepEqual(second?.endpoints[0]?.addresses, ['192.168.11.150/23']);
    for (const machine of ['pc', 'branch-pc', 'host']) {
      assert.match((await open(lab, machine, 'http://192.168.11.100/')) ?? '', /<h1>shop<\/h1><p>in stock: apples=12/);
      assert.match((await open(lab, machine, 'http://192.168.11.150/')) ?? '', /<h1>shop-feature-12<\/h1>/);
    }
    // Localhost, and the names of services, inside.
    assert.match(
      await landline(lab, 'exec', 'shop/web', '--', 'busybox', 'wget', '-qO-', 'http://api:8080/cgi-bin/stock'),
      /apples=12/,
    );
    assert.equal((await tryLandline(lab, 'exec', 'shop/web', '--', 'sh', '-c', 'exit 7')).status, 7);

    // Up again with nothing changed touches no process.
    const pids = (await view(lab, 'shop')).services.map((it) => it.pid);
    await landline(lab, 'up', '-f', shop);
    assert.deepEqual(
      (await view(lab, 'shop')).services.map((it) => it.pid),
      pids,
    );

    await landline(lab, 'down', '--all');
    assert.deepEqual(await traces(lab), []);
    assert.deepEqual(JSON.parse(await landline(lab, 'address', 'ls', '--json')), []);
    assert.deepEqual(await ps(lab), []);
    const left = (await links(lab)).map((it) => it.ifname);
    assert.deepEqual(left.sort(), ['br0', 'ens33', 'lo']);
  });
});

test('ps --json is the documented shape', async (t) => {
  await withLab(t, {}, async (lab) => {
    await landline(lab, 'run', '--name', 'shop', '--network', 'office', '--address', '192.168.11.101', '--', 'sleep', '600');
    const found = await view(lab, 'shop');
    const pid = found.services[0]?.pid ?? 0;
    const inode = Number(await lab.read('host', ['stat', '-Lc', '%i', `/proc/${pid}/ns/net`]));
    const { mac } = found.endpoints[0] ?? { mac: '' };
    assert.match(mac, /^02(:[0-9a-f]{2}){5}$/);
    assert.deepEqual(found, {
      name: 'shop',
      state: 'running',
      engine: 'native',
      network: 'office',
      sandbox: { inode },
      endpoints: [
        {
          network: 'office',
          interface: 'eth0',
          mac,
          addresses: ['192.168.11.101/23'],
          gateway: '192.168.11.1',
          lease: { source: 'static', state: 'bound', expiresAt: null },
          names: [],
        },
      ],
      services: [{ name: 'shop', state: 'running', health: null, image: null, pid, exitStatus: null, restarts: 0 }],
      problems: [],
    });
    // The same after a recreate: the MAC follows from the name, the address from the ledger.
    await landline(lab, 'down', 'shop');
    await landline(lab, 'run', '--name', 'shop', '--network', 'office', '--', 'sleep', '600');
    assert.equal((await view(lab, 'shop')).endpoints[0]?.mac, mac);
  });
});

test('an address that somebody squats on is refused with its MAC, and the pool walks around it', async (t) => {
  await withLab(t, {}, async (lab) => {
    await lab.read('pc', ['ip', 'address', 'add', '192.168.11.100/23', 'dev', 'eth0']);
    const pc = (await lab.read('pc', ['cat', '/sys/class/net/eth0/address'])).trim();
    const refused = await tryLandline(
      lab,
      'run',
      '--name',
      'a',
      '--network',
      'office',
      '--address',
      '192.168.11.100',
      '--',
      'sleep',
      '9',
    );
    assert.equal(refused.status, 1);
    assert.match(
      refused.stderr,
      new RegExp(`^landline: ADDRESS_TAKEN: 192\\.168\\.11\\.100 already answers ARP from ${pc} .*\\n→ `),
    );
    assert.deepEqual(await traces(lab), []);
    await landline(lab, 'run', '--name', 'b', '--network', 'office', '--', 'sleep', '600');
    assert.deepEqual((await view(lab, 'b')).endpoints[0]?.addresses, ['192.168.11.101/23']);
    // Refused, not quarantined: free again, it is taken at once.
    await lab.read('pc', ['ip', 'address', 'delete', '192.168.11.100/23', 'dev', 'eth0']);
    await landline(lab, 'run', '--name', 'c', '--network', 'office', '--address', '192.168.11.100', '--', 'sleep', '600');
  });
});

test("a pool that is full says who has what; the LAN's own addresses and other environments' are refused", async (t) => {
  await withLab(t, {}, async (lab) => {
    const small =
      "sed -i 's/pool: .*/pool: [192.168.11.100-192.168.11.101]/' /etc/landline/landline.yaml && kill -HUP $(cat /run/landline/landline.pid)";
    await lab.read('host', ['sh', '-c', `${small}; sleep 0.3`]);
    const run = (name: string, ...more: string[]) =>
      tryLandline(lab, 'run', '--name', name, '--network', 'office', ...more, '--', 'sleep', '600');
    assert.equal((await run('a')).status, 0);
    assert.equal((await run('b')).status, 0);
    const full = await run('c');
    assert.equal(full.status, 1);
    assert.match(full.stderr, /POOL_FULL: the pool of network 'office' is full: 192\.168\.11\.100 .*a.*, 192\.168\.11\.101 .*b/);
    for (const [address, code] of [
      ['192.168.11.1', 'ADDRESS_UNUSABLE'],
      ['192.168.11.2', 'ADDRESS_UNUSABLE'],
      ['192.168.11.20', 'ADDRESS_UNUSABLE'],
      ['192.168.10.0', 'ADDRESS_UNUSABLE'],
      ['192.168.11.255', 'ADDRESS_UNUSABLE'],
      ['10.50.0.9', 'ADDRESS_OUTSIDE'],
      ['192.168.11.100', 'ADDRESS_HELD'],
    ] as const) {
      const { status, stderr } = await run('c', '--address', address);
      assert.equal(status, 1, stderr);
      assert.match(stderr, new RegExp(`^landline: ${code}: `));
    }
    // What is given back rests for others, and is its own again at once.
    await landline(lab, 'down', 'a', '--keep-address');
    assert.match((await run('c')).stderr, /POOL_FULL/);
    assert.equal((await run('a')).status, 0);
    assert.deepEqual(
      (await ps(lab)).map((it) => it.name),
      ['a', 'b'],
    );
  });
});
