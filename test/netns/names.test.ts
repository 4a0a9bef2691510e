/** Names in the company's DNS: a real BIND, asked with dig by a colleague's PC, and changed with nsupdate by a person. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NameCheckView, NamesForgottenView, NameView } from '../../src/api/contract.ts';
import { labSecret } from '../../src/lab/bind.ts';
import { codeOf, type EnvironmentFile, listen, type Office, until, withOffice } from '../office.ts';
import { dnsmasq, stopLabServer } from '../support/dhcp-servers.ts';

const zone = 'test.office.example';

const shop = (changes: Readonly<Record<string, unknown>> = {}): EnvironmentFile => ({
  name: 'shop',
  'x-landline': { network: 'office', address: '192.168.11.101', ...changes },
  services: { web: { command: ['busybox', 'httpd', '-f', '-p', '80', '-h', '/usr/share/doc'] } },
});

const idle = (name: string, changes: Readonly<Record<string, unknown>> = {}): EnvironmentFile => ({
  name,
  'x-landline': { network: 'office', ...changes },
  services: { main: { command: ['sleep', '600'] } },
});

/** What the pc is told of a name, line by line, sorted. */
async function dig(office: Office, name: string, type = 'A'): Promise<readonly string[]> {
  const what = /^[\d.]+$/.test(name) ? ['-x', name] : [name, type];
  const text = await office.read('pc', ['dig', '+short', '+tries=1', '+time=2', ...what]);
  return text
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

async function tells(office: Office, name: string, wanted: readonly string[], type = 'A', ms = 10_000): Promise<void> {
  let said: readonly string[] = [];
  await until(
    async () => {
      // A server that is just starting is asked again.
      said = await dig(office, name, type).catch(() => ['no answer']);
      return said.join() === wanted.join();
    },
    `${name} ${type} is ${wanted.join(', ') || 'nothing'}`,
    ms,
  ).catch((error: Error) => assert.fail(`${error.message}; it is ${said.join(', ') || 'nothing'}`));
}

/** Somebody who has the key changes the zone by hand. */
async function nsupdate(office: Office, ...lines: readonly string[]): Promise<void> {
  const script = ['server 192.168.11.2', ...lines, 'send', ''].join('\n');
  await office.read('server', ['nsupdate', '-y', `hmac-sha256:landline:${labSecret}`], { stdin: script });
}

const problemsOf = async (office: Office, name: string): Promise<string> =>
  (await office.ps(name)).problems.map((it) => `${it.code}: ${it.message}`).join('\n');

const startNamed = (office: Office): Promise<string> =>
  office.read('server', [
    'sh',
    '-c',
    'setsid named -f -n 1 -c /etc/bind/office/named.conf >>/var/log/named.log 2>&1 </dev/null &',
  ]);
const endNamed = (office: Office): Promise<string> =>
  office.read('server', ['sh', '-c', 'kill $(pgrep -x named); while pgrep -x named >/dev/null; do sleep 0.05; done']);

test('a name comes, follows its address, comes back when it is taken, and goes with its environment', {
  timeout: 120_000,
}, async (t) => {
  await withOffice(t, { dns: true, docker: false }, async (office) => {
    await t.test('it appears with its address, and both PCs open it', async () => {
      await office.up(shop());
      await tells(office, `shop.${zone}`, ['192.168.11.101']);
      await tells(office, '192.168.11.101', [`shop.${zone}.`]);
      const [owner] = await dig(office, `shop.${zone}`, 'TXT');
      assert.match(owner ?? '', /^"landline:[0-9a-f]{32}:shop"$/);
      for (const machine of ['pc', 'branch-pc'])
        await office.read(machine, ['curl', '-sSf', '-o', '/dev/null', `http://shop.${zone}/`]).catch(async (error: Error) => {
          // A folder without index.html is a 404, which is an answer all the same.
          assert.match(error.message, /404/);
        });
      const { endpoints, problems } = await office.ps('shop');
      assert.deepEqual([endpoints[0]?.names, problems], [[`shop.${zone}`], []]);
    });

    await t.test('`name ls` and `name check` say so', async () => {
      const names = await office.landlineJson<readonly NameView[]>('name', 'ls');
      assert.deepEqual(
        names.map((it) => `${it.name} ${it.records.join()} ${it.environment} ${it.state}`),
        [`shop.${zone} A 192.168.11.101 shop registered`, `101.11.168.192.in-addr.arpa PTR shop.${zone} shop registered`],
      );
      const check = await office.landlineJson<NameCheckView>('name', 'check', 'shop');
      assert.deepEqual([check.differences, check.answers.length], [[], 2]);
      const socket = ['--unix-socket', '/run/landline/landline.sock'];
      const metrics = await office.read('host', ['curl', '-sS', ...socket, 'http://landline/v1/metrics']);
      assert.match(metrics, /^landline_dns_names\{state="registered"\} 2$/m);
      assert.match(metrics, /^landline_dns_updates_total\{outcome="registered"\} 2$/m);
      assert.match(metrics, /^landline_dns_updates_total\{outcome="failures"\} 0$/m);
      assert.match(metrics, /^landline_dns_served_total\{over="udp"\} 0$/m);
    });

    await t.test('it follows the address', async () => {
      await office.up(shop({ address: '192.168.11.102' }));
      await tells(office, `shop.${zone}`, ['192.168.11.102']);
      await tells(office, '192.168.11.102', [`shop.${zone}.`]);
      await tells(office, '192.168.11.101', []);
    });

    await t.test('an address that is another machine’s by now has no name of ours until it is back', async () => {
      const twin = (what: 'add' | 'delete'): Promise<unknown> =>
        office.read('pc', ['ip', 'address', what, '192.168.11.102/32', 'dev', 'eth0']);
      await twin('add');
      await office.read('host', ['sh', '-c', 'ip link delete "$(ls /sys/class/net | grep ^ll)"']);
      await until(async () => (await office.ps('shop')).problems[0]?.code === 'ADDRESS_TAKEN', 'the pc has its address');
      await tells(office, `shop.${zone}`, []);
      await tells(office, '192.168.11.102', []);
      await twin('delete');
      // It would be tried again by itself, after as long as it has been tried in vain.
      await office.up(shop({ address: '192.168.11.102' }));
      await tells(office, `shop.${zone}`, ['192.168.11.102'], 'A', 15_000);
    });

    await t.test('and is none of another’s either where it is asked for in place', async () => {
      await office.read('pc', ['ip', 'address', 'add', '192.168.11.103/32', 'dev', 'eth0']);
      assert.equal(await codeOf(office.up(shop({ address: '192.168.11.103' }))), 'ADDRESS_TAKEN');
      await office.read('pc', ['ip', 'address', 'delete', '192.168.11.103/32', 'dev', 'eth0']);
      for (const address of ['192.168.11.103', '192.168.11.102']) {
        await office.up(shop({ address }));
        await tells(office, `shop.${zone}`, [address]);
      }
    });

    await t.test('what somebody deletes is back within seconds, and what somebody adds stays', async () => {
      await nsupdate(office, `update delete shop.${zone} A`, `update add shop.${zone} 60 TXT "of the web team"`);
      await tells(office, `shop.${zone}`, ['192.168.11.102'], 'A', 15_000);
      await nsupdate(office, 'update delete 102.11.168.192.in-addr.arpa');
      await tells(office, '192.168.11.102', [`shop.${zone}.`], 'A', 15_000);
      assert.ok((await dig(office, `shop.${zone}`, 'TXT')).includes('"of the web team"'));
    });

    await t.test('`name check` names what differs, with exit status 1', async () => {
      await nsupdate(office, `update add shop.${zone} 60 A 192.168.10.77`);
      const { status, stdout } = await office.landline('name', 'check', 'shop');
      assert.equal(status, 1);
      assert.match(stdout, /192\.168\.11\.2 has shop\.test\.office\.example A 192\.168\.10\.77, which is not ours/);
      await nsupdate(office, `update delete shop.${zone} A 192.168.10.77`);
    });

    await t.test('it goes with the environment, and what is not ours at the name stays', async () => {
      await office.down('shop');
      await tells(office, `shop.${zone}`, []);
      await tells(office, '192.168.11.102', []);
      await tells(office, `shop.${zone}`, ['"of the web team"'], 'TXT');
      assert.deepEqual(await office.landlineJson('name', 'ls'), []);
    });

    await t.test('names go with `dns.update` too, by whichever daemon; one can be forgotten instead', async () => {
      await office.up(idle('sales', { address: '192.168.11.121' }));
      await office.up(idle('crm', { address: '192.168.11.120' }));
      for (const [name, address] of [
        ['sales', '192.168.11.121'],
        ['crm', '192.168.11.120'],
      ] as const)
        await tells(office, address, [`${name}.${zone}.`]);
      assert.match((await office.landline('name', 'forget', `sales.${zone}`)).stderr, /NAME_WANTED/);
      await endNamed(office);
      const configuration = await office.read('host', ['cat', '/etc/landline/landline.yaml']);
      await office.configure(configuration.replace(/^dns:[\s\S]*/m, ''));
      await until(async () => (await office.landline('name', 'ls')).stdout.includes('3 more names'), 'the server is away');
      const { stdout } = await office.landline('name', 'ls');
      assert.equal(stdout.match(/leaving +update/g)?.length, 4, stdout);
      assert.equal(stdout.match(/DNS_UNREACHABLE: .* \(and 3 more names\)/g)?.length, 1, stdout);
      const { forgotten } = await office.landlineJson<NamesForgottenView>('name', 'forget', `crm.${zone}`);
      assert.deepEqual([...forgotten].sort(), ['120.11.168.192.in-addr.arpa', `crm.${zone}`]);
      await office.daemon.kill();
      await office.daemon.start();
      await startNamed(office);
      await tells(office, `sales.${zone}`, []);
      await tells(office, '192.168.11.121', []);
      assert.deepEqual(await dig(office, `crm.${zone}`), ['192.168.11.120']);
      await until(async () => (await office.landlineJson<readonly unknown[]>('name', 'ls')).length === 0, 'no name is left');
      assert.equal((await office.landline('name', 'forget', `crm.${zone}`)).status, 1);
    });
  });
});

test('a name that is not ours is left alone, and told', { timeout: 120_000 }, async (t) => {
  await withOffice(t, { dns: true, docker: false }, async (office) => {
    await t.test("a person's record: untouched, a problem with its holder, and taken once it is free", async () => {
      await nsupdate(office, `update add printer.${zone} 60 A 192.168.10.77`);
      await office.up(idle('printer', { address: '192.168.11.105' }));
      await until(async () => (await problemsOf(office, 'printer')) !== '', 'the problem stands');
      const held = `DNS_NAME_HELD: printer.${zone} is not ours to take: it is held by records that Landline did not make: A 192.168.10.77`;
      assert.equal(await problemsOf(office, 'printer'), held);
      assert.deepEqual(await dig(office, `printer.${zone}`), ['192.168.10.77']);
      assert.deepEqual((await office.ps('printer')).endpoints[0]?.names, []);
      await nsupdate(office, `update delete printer.${zone}`);
      await tells(office, `printer.${zone}`, ['192.168.11.105'], 'A', 15_000);
      await until(async () => (await problemsOf(office, 'printer')) === '', 'the problem is gone');
    });

    await t.test('it is left alone when the environment ends, too', async () => {
      await nsupdate(office, `update add scanner.${zone} 60 A 192.168.10.78`);
      await office.up(idle('scanner'));
      await until(async () => (await problemsOf(office, 'scanner')) !== '', 'the problem stands');
      await office.down('scanner');
      await office.down('printer');
      await tells(office, `printer.${zone}`, []);
      assert.deepEqual(await dig(office, `scanner.${zone}`), ['192.168.10.78']);
    });

    await t.test('of two Landline hosts the first has the name; the other tells whose it is, and takes it over', async () => {
      await office.up(shop());
      await tells(office, `shop.${zone}`, ['192.168.11.101']);
      const { installation } = await office.api.call<{ installation: string }>('GET', '/v1/version');
      const other = ['env', 'LANDLINE_SOCKET=/run/other/landline.sock', 'landline'];
      const start = `mkdir -p /run/other; sed 's/100-192.168.11.250/210-192.168.11.220/' /etc/landline/landline.yaml >/etc/landline/other.yaml
        setsid landline daemon --config /etc/landline/other.yaml --socket /run/other/landline.sock --state-dir /var/lib/other >/var/log/other.log 2>&1 </dev/null &`;
      await office.read('host', ['sh', '-c', start]);
      await until(async () => (await office.exec('host', [...other, 'ps'])).status === 0, 'the other daemon answers');
      await office.read('host', [
        ...other,
        'run',
        '--name',
        'theirs',
        '--hostname',
        'shop',
        '--network',
        'office',
        '--',
        'sleep',
        '600',
      ]);
      const theirs = async (): Promise<string> => office.read('host', [...other, 'ps', 'theirs']);
      const held = `shop.${zone} is not ours to take: it is held by environment 'shop' of another Landline host (installation ${installation})`;
      await until(async () => (await theirs()).includes(held), 'the other host tells who has it');
      assert.deepEqual(await dig(office, `shop.${zone}`), ['192.168.11.101']);
      await office.down('shop');
      await tells(office, `shop.${zone}`, ['192.168.11.210'], 'A', 15_000);
    });
  });
});

test('whatever is away or refuses, up and down go on, and the names follow when it is back', { timeout: 150_000 }, async (t) => {
  await withOffice(t, { dns: true, docker: false }, async (office) => {
    await t.test('a server that is away for ten seconds', async () => {
      await office.up(idle('before', { address: '192.168.11.110' }));
      await tells(office, `before.${zone}`, ['192.168.11.110']);
      await endNamed(office);
      await office.up(idle('while', { address: '192.168.11.111' }));
      await office.down('before');
      const waits = `DNS_UNREACHABLE: while.${zone} waits for the DNS server 192.168.11.2: nobody listens there (ECONNREFUSED)`;
      await until(async () => (await problemsOf(office, 'while')) === waits, 'one problem stands, for both of its names');
      const leaving = (await office.landlineJson<readonly NameView[]>('name', 'ls')).filter((it) => it.state === 'leaving');
      assert.deepEqual(leaving.map((it) => it.name).sort(), ['110.11.168.192.in-addr.arpa', `before.${zone}`]);
      // What is to be taken back is in the ledger, whatever ends the daemon.
      await office.daemon.kill();
      await new Promise((resolve) => setTimeout(resolve, 6_000));
      await office.daemon.start();
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      await startNamed(office);
      await tells(office, `while.${zone}`, ['192.168.11.111'], 'A', 20_000);
      await tells(office, '192.168.11.111', [`while.${zone}.`], 'A', 20_000);
      await tells(office, `before.${zone}`, []);
      await tells(office, '192.168.11.110', []);
      await until(async () => (await problemsOf(office, 'while')) === '', 'no problem is left');
    });

    await t.test(
      'a zone that is refused is tried for alone; killed between forward and reverse, the daemon finishes it',
      async () => {
        const events = await listen(office);
        await endNamed(office);
        const conf = '/etc/bind/office/named.conf';
        const reverse = '/db.11.168.192.in-addr.arpa"; allow-update';
        await office.read('server', ['sed', '-i', `s@${reverse} { key landline; }@${reverse} { none; }@`, conf]);
        await startNamed(office);
        await tells(office, `server.${zone}`, ['192.168.11.2']);
        await office.up(shop());
        await tells(office, `shop.${zone}`, ['192.168.11.101'], 'A', 20_000);
        const refused =
          'DNS_REFUSED: 101.11.168.192.in-addr.arpa cannot be registered: the DNS server 192.168.11.2 answers an update of zone 11.168.192.in-addr.arpa with REFUSED';
        await until(async () => (await problemsOf(office, 'shop')) === refused, 'the reverse zone alone is in trouble', 20_000);
        assert.deepEqual((await office.ps('shop')).endpoints[0]?.names, [`shop.${zone}`]);
        events.stop();
        await office.daemon.kill();
        await office.read('server', [
          'sh',
          '-c',
          `sed -i 's/{ none; }; };/{ key landline; }; };/' ${conf}; kill -HUP $(pgrep -x named)`,
        ]);
        await office.daemon.start();
        await tells(office, '192.168.11.101', [`shop.${zone}.`], 'A', 20_000);
        await until(async () => (await problemsOf(office, 'shop')) === '', 'no problem is left');
      },
    );

    await t.test('names that the server does not take keep no other from its turn', async () => {
      const conf = '/etc/bind/office/named.conf';
      const forward = `/db.${zone}"; `;
      const swap = (from: string, to: string): Promise<string> =>
        office.read('server', ['sh', '-c', `sed -i 's@${forward}${from}@${forward}${to}@' ${conf}; kill -HUP $(pgrep -x named)`]);
      const [all, one] = ['allow-update { key landline; };', `update-policy { grant landline name behind.${zone} ANY; };`];
      await swap(all, one);
      const denied = Array.from({ length: 9 }, (_, index) => `denied${index}`);
      for (const name of denied) await office.up(idle(name));
      await until(async () => /^DNS_REFUSED: denied8/.test(await problemsOf(office, 'denied8')), 'they are refused');
      await office.up(idle('behind', { address: '192.168.11.130' }));
      // The next try, now.
      await office.daemon.signal('HUP');
      await tells(office, `behind.${zone}`, ['192.168.11.130']);
      for (const name of denied) await office.down(name);
      await swap(one, all);
      await office.daemon.signal('HUP');
    });

    await t.test(
      'a secret that others may read is not used, a wrong one is told apart, and a mended one counts at once',
      async () => {
        const secret = '/etc/landline/tsig.key';
        const write = (text: string, mode: string): Promise<string> =>
          office.read('host', ['sh', '-c', `echo '${text}' >${secret}; chmod ${mode} ${secret}`]);
        await write(labSecret, '644');
        await office.up(idle('crm', { address: '192.168.11.120' }));
        await until(async () => (await problemsOf(office, 'crm')).startsWith('DNS_SECRET_UNUSABLE'), 'the mode is refused');
        await write(Buffer.from('another secret altogether').toString('base64'), '600');
        await until(
          async () => /^DNS_KEY_REFUSED: crm\.test.*BADSIG/.test(await problemsOf(office, 'crm')),
          'the secret is wrong',
          20_000,
        );
        assert.deepEqual(await dig(office, `crm.${zone}`), []);
        await write(labSecret, '600');
        await tells(office, `crm.${zone}`, ['192.168.11.120'], 'A', 20_000);
      },
    );
  });
});

test('a name follows a lease that changes', { timeout: 60_000 }, async (t) => {
  await withOffice(t, { dns: true, docker: false }, async (office) => {
    await stopLabServer(office);
    const first = dnsmasq(office, '192.168.10.100,192.168.10.120');
    await first.start();
    await office.up(idle('shop', { address: 'dhcp' }));
    const addressOf = async (): Promise<string> =>
      ((await office.ps('shop')).endpoints[0]?.addresses[0] ?? '').replace(/\/.*/, '');
    const former = await addressOf();
    await tells(office, `shop.${zone}`, [former]);
    await tells(office, former, [`shop.${zone}.`]);
    await first.stop();
    await dnsmasq(office, '192.168.10.150,192.168.10.199').start();
    await office.api.call('POST', '/v1/leases/shop/renew');
    await until(async () => (await addressOf()) !== former, 'another address is leased');
    const address = await addressOf();
    await tells(office, `shop.${zone}`, [address]);
    await tells(office, address, [`shop.${zone}.`]);
    await tells(office, former, []);
  });
});
