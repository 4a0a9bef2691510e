/** Names where the DNS server is another one: Knot, the primary that the SOA record names, and this host itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NameCheckView, NamesForgottenView, NamesView, NameView } from '../../src/api/contract.ts';
import { labSecret } from '../../src/lab/bind.ts';
import { type EnvironmentFile, type Office, until, withOffice } from '../office.ts';

const zone = 'test.office.example';

const idle = (name: string, address: string): EnvironmentFile => ({
  name,
  'x-landline': { network: 'office', address },
  services: { main: { command: ['sleep', '600'] } },
});

const networks = `networks:
  office: { bridge: br0, subnet: 192.168.10.0/23, gateway: 192.168.11.1, resolvers: [192.168.11.2], domain: ${zone} }
`;
const key = 'key: { name: landline, secretFile: /etc/landline/tsig.key }';

async function dig(office: Office, ...args: readonly string[]): Promise<string> {
  return (await office.read('pc', ['dig', '+tries=1', '+time=2', ...args])).trim();
}

async function tells(office: Office, wanted: string, ...args: readonly string[]): Promise<void> {
  await until(async () => (await dig(office, '+short', ...args)) === wanted, `dig ${args.join(' ')} says '${wanted}'`, 15_000);
}

const knotConf = `server:
  rundir: /run/knot
  listen: 192.168.11.2@5354
database:
  storage: /var/lib/knot
key:
  - id: landline
    algorithm: hmac-sha256
    secret: ${labSecret}
acl:
  - id: landline
    key: landline
    action: update
template:
  - id: default
    storage: /var/lib/knot
    file: "%s.zone"
    acl: landline
zone:
  - domain: ${zone}
  - domain: 11.168.192.in-addr.arpa
`;
const zoneFile =
  '@ 60 SOA server hostmaster 1 3600 600 86400 60\n@ 60 NS server.test.office.example.\nprinter 60 A 192.168.10.77\n';

test('Knot makes the same of our updates as BIND does, and names go from the one to the other with `dns.update.server`', {
  timeout: 90_000,
}, async (t) => {
  await withOffice(t, { dns: true, docker: false }, async (office) => {
    const files = {
      '/etc/knot.conf': knotConf,
      [`/var/lib/knot/${zone}.zone`]: zoneFile,
      '/var/lib/knot/11.168.192.in-addr.arpa.zone': zoneFile,
    };
    await office.read('server', ['mkdir', '-p', '/run/knot', '/var/lib/knot']);
    for (const [file, text] of Object.entries(files)) await office.read('server', ['sh', '-c', `cat >${file}`], { stdin: text });
    await office.read('server', ['sh', '-c', 'setsid knotd -c /etc/knot.conf >>/var/log/knot.log 2>&1 </dev/null &']);
    const update = `dns: { update: { server: "192.168.11.2:5354", zone: ${zone}, reverse: [11.168.192.in-addr.arpa], ${key} } }\n`;
    await office.configure(networks + update);
    const knot = ['@192.168.11.2', '-p', '5354'];
    await office.up(idle('shop', '192.168.11.101'));
    await tells(office, '192.168.11.101', ...knot, `shop.${zone}`);
    await tells(office, `shop.${zone}.`, ...knot, '-x', '192.168.11.101');
    await office.up(idle('printer', '192.168.11.105'));
    await until(async () => (await office.ps('printer')).problems.some((it) => it.code === 'DNS_NAME_HELD'), 'the name is held');
    assert.equal(await dig(office, '+short', ...knot, `printer.${zone}`), '192.168.10.77');
    await office.up(idle('shop', '192.168.11.102'));
    await tells(office, '192.168.11.102', ...knot, `shop.${zone}`);
    await tells(office, '', ...knot, '-x', '192.168.11.101');

    // The configuration names another server, and so does the daemon that reads it first.
    const named = (server: string): string => networks + update.replace('192.168.11.2:5354', server);
    await office.daemon.kill();
    await office.read('host', ['sh', '-c', 'cat >/etc/landline/landline.yaml'], { stdin: named('192.168.11.2') });
    await office.daemon.start();
    await tells(office, '192.168.11.102', `shop.${zone}`);
    await tells(office, '192.168.11.105', `printer.${zone}`);
    for (const what of [[`shop.${zone}`], [`shop.${zone}`, 'TXT'], ['-x', '192.168.11.102']])
      await tells(office, '', ...knot, ...what);
    assert.equal(await dig(office, '+short', ...knot, `printer.${zone}`), '192.168.10.77');
    const leaving = async (): Promise<readonly NameView[]> =>
      (await office.landlineJson<readonly NameView[]>('name', 'ls')).filter((it) => it.state === 'leaving');
    await until(async () => (await leaving()).length === 0, 'none is left to take back');

    // The same server at another address has the same zone: nothing is taken back.
    const serial = (): Promise<string> => dig(office, '+short', zone, 'SOA');
    await office.read('server', ['ip', 'address', 'add', '192.168.10.2/23', 'dev', 'eth0']);
    await tells(office, '192.168.11.102', '@192.168.10.2', `shop.${zone}`);
    const before = await serial();
    const counters = async (): Promise<NamesView['counters']> => (await office.api.call<NamesView>('GET', '/v1/names')).counters;
    const { refreshed, removed } = await counters();
    await office.configure(named('192.168.10.2'));
    // Whether it is the same zone is known before anything is written there: both names, forth and back.
    await until(async () => (await counters()).refreshed >= refreshed + 4, 'all have been looked at, at the new address');
    assert.equal((await counters()).removed, removed);
    assert.deepEqual((await office.landlineJson<NameCheckView>('name', 'check', 'shop')).differences, []);
    assert.deepEqual([await leaving(), (await serial()).split(' ')[2]], [[], before.split(' ')[2]]);

    // A server that is away keeps its names until it is back, or until somebody gives them up.
    await office.read('server', ['sh', '-c', 'kill $(pgrep -x named); while pgrep -x named >/dev/null; do sleep 0.05; done']);
    await office.configure(named('192.168.11.2:5354'));
    await tells(office, '192.168.11.102', ...knot, `shop.${zone}`);
    await until(async () => (await leaving()).some((it) => it.problem !== null), 'the problem stands');
    const problem = (await leaving()).find((it) => it.name === `shop.${zone}`)?.problem;
    assert.match(
      `${problem?.code}: ${problem?.message}`,
      /^DNS_UNREACHABLE: shop\.\S+ waits to be taken back at the DNS server 192\.168\.10\.2: /,
    );
    assert.match(String(problem?.next), /`landline name forget shop\.test\.office\.example` gives it up$/);
    const { forgotten } = await office.landlineJson<NamesForgottenView>('name', 'forget', `printer.${zone}`);
    assert.deepEqual([...forgotten].sort(), ['105.11.168.192.in-addr.arpa', `printer.${zone}`]);
    const start = 'setsid named -f -n 1 -c /etc/bind/office/named.conf >>/var/log/named.log 2>&1 </dev/null &';
    await office.read('server', ['sh', '-c', start]);
    await until(async () => (await leaving()).length === 0, 'all are taken back', 25_000);
    assert.deepEqual(
      [await dig(office, '+short', `shop.${zone}`), await dig(office, '+short', `printer.${zone}`)],
      ['', '192.168.11.105'],
    );
    assert.equal(await dig(office, '+short', ...knot, `shop.${zone}`), '192.168.11.102');

    await office.down('shop');
    await tells(office, '', ...knot, `shop.${zone}`);
    await tells(office, '', ...knot, `shop.${zone}`, 'TXT');
    await tells(office, '', ...knot, '-x', '192.168.11.102');
  });
});

const serve = 'dns: { serve: { listen: "192.168.11.20:53", zone: lab.office.example } }\n';
const own = '@192.168.11.20';

test('a zone that this host answers for, to who asks it and to who is led to it', { timeout: 60_000 }, async (t) => {
  await withOffice(t, { dns: true, docker: false }, async (office) => {
    await office.configure(networks + serve);
    await office.up(idle('shop', '192.168.11.101'));

    await t.test('addresses, names of addresses and owners, over UDP and TCP, and the names stand in ps', async () => {
      await tells(office, '192.168.11.101', own, 'shop.lab.office.example');
      for (const how of ['+notcp', '+tcp', '+noedns', '+bufsize=512']) {
        assert.equal(await dig(office, '+short', own, how, 'sHop.LAB.office.example'), '192.168.11.101', how);
        assert.equal(await dig(office, '+short', own, how, '-x', '192.168.11.101'), 'shop.lab.office.example.', how);
      }
      assert.match(await dig(office, '+short', own, 'shop.lab.office.example', 'TXT'), /^"landline:[0-9a-f]+:shop"$/);
      assert.equal(await dig(office, '+short', own, 'lab.office.example', 'NS'), 'ns.lab.office.example.');
      assert.equal(await dig(office, '+short', own, 'ns.lab.office.example'), '192.168.11.20');
      assert.deepEqual((await office.ps('shop')).endpoints[0]?.names, ['shop.lab.office.example']);
    });

    await t.test(
      'what there is not is denied with the SOA record; what is not ours is refused, and nothing is looked up for others',
      async () => {
        const nothing = await dig(office, own, 'nobody.lab.office.example');
        assert.match(nothing, /status: NXDOMAIN/);
        assert.match(nothing, /flags: qr aa rd;/);
        assert.match(
          nothing,
          /^lab\.office\.example\.\s+60\s+IN\s+SOA\s+ns\.lab\.office\.example\. hostmaster\.lab\.office\.example\. \d+/m,
        );
        assert.match(await dig(office, own, 'shop.lab.office.example', 'AAAA'), /status: NOERROR[\s\S]*ANSWER: 0, AUTHORITY: 1/);
        for (const name of ['www.example.com', `server.${zone}`, '.'])
          assert.match(await dig(office, own, name), /status: REFUSED/, name);
        assert.match((await office.exec('pc', ['dig', own, 'lab.office.example', 'AXFR'])).stdout, /Transfer failed/);
        assert.match(await dig(office, own, '+edns=1', '+noednsnegotiation', 'shop.lab.office.example'), /status: BADVERS/);
      },
    );

    await t.test('a question from port 0, to which no answer can be sent, harms nobody', async () => {
      const send = `use Socket; socket(my $s, AF_INET, SOCK_RAW, 17) or die $!;
        send($s, pack('n4', 0, 53, 20, 0) . "\\0" x 12, 0, sockaddr_in(0, inet_aton('192.168.11.20'))) or die $!`;
      await office.read('pc', ['perl', '-e', send]);
      assert.equal(await dig(office, '+short', own, 'shop.lab.office.example'), '192.168.11.101');
    });

    await t.test("the company's DNS leads others to it", async () => {
      const lead = `sed -i 's/recursion no;/recursion yes; allow-recursion { any; };/' /etc/bind/office/named.conf
        echo 'zone "lab.office.example" { type forward; forward only; forwarders { 192.168.11.20; }; };' >>/etc/bind/office/named.conf
        kill -HUP $(pgrep -x named)`;
      await office.read('server', ['sh', '-c', lead]);
      await tells(office, '192.168.11.101', 'shop.lab.office.example');
      assert.match(await office.read('branch-pc', ['getent', 'ahostsv4', 'shop.lab.office.example']), /^192\.168\.11\.101 /);
    });

    await t.test('it follows the environment, and is gone with it', async () => {
      await office.up(idle('shop', '192.168.11.102'));
      await tells(office, '192.168.11.102', own, 'shop.lab.office.example');
      await office.down('shop');
      await tells(office, '', own, 'shop.lab.office.example');
      assert.match(await dig(office, own, 'shop.lab.office.example'), /status: NXDOMAIN/);
    });

    await t.test('where no server is named, the primary is the one of the SOA record', async () => {
      await office.configure(`${networks}dns: { update: { zone: ${zone}, reverse: [11.168.192.in-addr.arpa], ${key} } }\n`);
      await office.up(idle('crm', '192.168.11.120'));
      await tells(office, '192.168.11.120', `crm.${zone}`);
      await tells(office, `crm.${zone}.`, '-x', '192.168.11.120');
      // Without resolvers of the network's own, there is nobody else whom `name check` could ask.
      await office.configure(
        `${networks.replace('resolvers: [192.168.11.2], ', '')}dns: { update: { zone: ${zone}, reverse: [11.168.192.in-addr.arpa], ${key} } }\n`,
      );
      await office.read('host', ['sh', '-c', 'echo nameserver 192.168.11.2 >/etc/resolv.conf']);
      const { answers, differences } = await office.landlineJson<NameCheckView>('name', 'check', 'crm');
      assert.deepEqual([answers.map((it) => it.server), differences], [['192.168.11.2', '192.168.11.2'], []]);
    });

    await t.test('of several servers the first that answers is used; one that is no primary is passed by', async () => {
      await office.configure(
        `${networks}dns: { update: { server: [192.168.11.7, "192.168.10.20:9", 192.168.11.2], zone: ${zone}, ${key} } }\n`,
      );
      await office.up(idle('wiki', '192.168.11.121'));
      await tells(office, '192.168.11.121', `wiki.${zone}`);
    });

    await t.test('an IPv6 address has its record beside the other', async () => {
      const with6 = networks.replace('gateway:', "subnet6: '2001:db8:10::/64', gateway:");
      await office.configure(`${with6}dns: { update: { server: 192.168.11.2, zone: ${zone}, ${key} } }\n`);
      const { 'x-landline': endpoint, ...rest } = idle('six', '192.168.11.122');
      await office.up({ ...rest, 'x-landline': { ...endpoint, address6: '2001:db8:10::122' } });
      await tells(office, '2001:db8:10::122', `six.${zone}`, 'AAAA');
      await tells(office, '192.168.11.122', `six.${zone}`);
      await office.down('six');
      await tells(office, '', `six.${zone}`, 'AAAA');
    });
  });
});
