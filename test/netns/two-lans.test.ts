/** An environment on two networks: replies leave through the endpoint that was asked, and what is taken away comes back. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { UpView } from '../../src/api/contract.ts';
import { codeOf, ipv6Office, type Office, until, withOffice } from '../office.ts';

const services = { web: { command: ['busybox', 'httpd', '-f', '-p', '80', '-h', '.'] } };

const shop = (networks: readonly unknown[]): Parameters<Office['up']>[0] => ({
  name: 'shop',
  'x-landline': { networks },
  services,
});

const office = { network: 'office', address: '192.168.11.101' };
const depot = { network: 'depot', address: '10.60.0.101' };

const sixes = [
  { ...office, address6: '2001:db8:10::101' },
  { ...depot, address6: '2001:db8:60::101' },
];

/** The office's own, with IPv6 on both LANs. */
const withIpv6 = `${ipv6Office}  depot:
    bridge: br1
    subnet: 10.60.0.0/24
    gateway: 10.60.0.1
    subnet6: 2001:db8:60::/64
    gateway6: fe80::1
    pool: [10.60.0.100-10.60.0.200]
`;

/** Where the ICMP packets of one ping pass the host: `br0 request`, `br0 reply`. */
async function passing(it: Office, from: string, to: string): Promise<readonly string[]> {
  const dumps = ['br0', 'br1'].map(async (bridge) => {
    const command = ['timeout', '-s', 'INT', '1.6', 'tcpdump', '-i', bridge, '-n', '-t', '--immediate-mode', 'icmp or icmp6'];
    const { stdout } = await it.exec('host', command);
    return [...stdout.matchAll(/echo (request|reply)/g)].map(([, word]) => `${bridge} ${word}`);
  });
  await sleep(800);
  await it.read(from, ['ping', '-c', '1', '-W', '2', to]);
  return (await Promise.all(dumps)).flat();
}

const rulesIn = async (it: Office, family = '-4'): Promise<readonly string[]> =>
  (await it.inside('shop', 'ip', family, 'rule'))
    .split('\n')
    .filter((line) => line.startsWith('7600:'))
    .map((line) => line.replace(/\s+/g, ' ').trim());

/** The router leads from one LAN to the other, and to the branch office. */
async function giveIpv6(it: Office): Promise<void> {
  const links = [
    ['router', 'eth0', '2001:db8:10::1/64'],
    ['router', 'eth1', '2001:db8:50::1/64'],
    ['router', 'eth2', '2001:db8:60::1/64'],
    ['router', 'eth2', 'fe80::1/64'],
    ['branch-pc', 'eth0', '2001:db8:50::20/64'],
  ] as const;
  for (const [machine, link, address] of links) {
    await it.read(machine, ['sysctl', '-qw', `net.ipv6.conf.${link}.disable_ipv6=0`]);
    await it.read(machine, ['ip', 'address', 'add', address, 'dev', link, 'nodad']);
  }
  await it.read('router', ['sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1']);
  await it.read('branch-pc', ['ip', '-6', 'route', 'add', 'default', 'via', '2001:db8:50::1']);
}

test('two LANs: a reply leaves through the endpoint that was asked, from wherever it was asked', async (t) => {
  await withOffice(t, { secondLan: true }, async (it) => {
    await it.up(shop([office]));
    assert.deepEqual(await rulesIn(it), [], 'one endpoint needs no rule');

    await t.test('an endpoint comes and goes, and the other loses no packet', async () => {
      const pings = it.start('pc', ['ping', '-i', '0.02', '-c', '150', '-q', '192.168.11.101']);
      let said = '';
      pings.stdout.on('data', (text: Buffer) => (said += String(text)));
      await sleep(300);
      await it.up(shop([office, depot]));
      await it.up(shop([office]));
      await it.up(shop([office, depot]));
      await once(pings, 'close');
      assert.match(said, /150 packets transmitted, 150 received, 0% packet loss/);
    });

    await t.test('each way, from both LANs and from behind the router', async () => {
      assert.deepEqual(await passing(it, 'branch-pc', '10.60.0.101'), ['br1 request', 'br1 reply']);
      assert.deepEqual(await passing(it, 'pc', '10.60.0.101'), ['br1 request', 'br1 reply']);
      assert.deepEqual(await passing(it, 'depot-pc', '192.168.11.101'), ['br0 request', 'br0 reply']);
      assert.deepEqual(await passing(it, 'depot-pc', '10.60.0.101'), ['br1 request', 'br1 reply']);
      assert.match(await it.read('branch-pc', ['curl', '-sSI', '--max-time', '3', 'http://10.60.0.101/']), /HTTP/);
    });

    await t.test('ps shows both, each with its router', async () => {
      const { endpoints, network } = await it.ps('shop');
      assert.equal(network, 'office, depot');
      assert.deepEqual(
        endpoints.map((one) => [one.interface, ...one.addresses, one.gateway]),
        [
          ['eth0', '192.168.11.101/23', '192.168.11.1'],
          ['eth1', '10.60.0.101/24', '10.60.0.1'],
        ],
      );
      assert.match(
        await it.inside('shop', 'ip', '-4', 'route', 'show', 'default'),
        /^default via 192\.168\.11\.1 dev eth0 .*\n$/,
      );
    });

    await t.test('a rule or a route that somebody deletes comes back', async () => {
      const wanted = await rulesIn(it);
      assert.equal(wanted.length, 2, wanted.join(', '));
      const [, table = ''] = /from 10\.60\.0\.101 lookup (\d+)/.exec(wanted.join('\n')) ?? [];
      const isWhole = async (): Promise<boolean> =>
        JSON.stringify((await rulesIn(it)).toSorted()) === JSON.stringify(wanted.toSorted()) &&
        (await it.inside('shop', 'ip', '-4', 'route', 'show', 'table', table)).includes('default via 10.60.0.1 dev eth1');
      await it.inside('shop', 'ip', 'rule', 'delete', 'from', '10.60.0.101', 'lookup', table);
      await until(isWhole, 'the rule is back');
      await it.inside('shop', 'ip', 'route', 'flush', 'table', table);
      await until(isWhole, 'the table is back');
      await it.inside('shop', 'ip', 'rule', 'add', 'from', '10.60.0.77', 'lookup', table, 'priority', '7600');
      await it.inside('shop', 'ip', 'address', 'delete', '10.60.0.101/24', 'dev', 'eth1');
      await until(isWhole, 'the address, with its table, is back');
      await it.inside('shop', 'ip', 'link', 'delete', 'eth1');
      await until(async () => (await it.ps('shop')).endpoints.length === 2 && (await rulesIn(it)).length === 2, 'eth1 is back');
      await until(async () => (await it.ps('shop')).problems.length === 0, 'all is well');
      assert.deepEqual(await passing(it, 'branch-pc', '10.60.0.101'), ['br1 request', 'br1 reply']);
    });

    await t.test('IPv6: a reply leaves through the endpoint that was asked too, and what is taken away comes back', async () => {
      await giveIpv6(it);
      await it.configure(withIpv6);
      await it.up(shop(sixes));
      await until(async () => (await it.exec('branch-pc', ['ping', '-c1', '-W1', '2001:db8:60::101'])).status === 0, 'reached');
      assert.deepEqual(await passing(it, 'branch-pc', '2001:db8:60::101'), ['br1 request', 'br1 reply']);
      assert.deepEqual(await passing(it, 'branch-pc', '2001:db8:10::101'), ['br0 request', 'br0 reply']);

      const rules = await rulesIn(it, '-6');
      assert.equal(rules.length, 2, rules.join(', '));
      const [, table = ''] = /from 2001:db8:60::101 lookup (\d+)/.exec(rules.join('\n')) ?? [];
      const routes = (): Promise<string> => it.inside('shop', 'ip', '-6', 'route', 'show', 'table', table);
      const whole = await routes();
      assert.match(whole, /^default via fe80::1 dev eth1 proto static/m);
      const isWhole = async (): Promise<boolean> =>
        JSON.stringify((await rulesIn(it, '-6')).toSorted()) === JSON.stringify(rules.toSorted()) &&
        (await routes().catch(() => '')) === whole;
      await it.inside('shop', 'ip', '-6', 'rule', 'delete', 'from', '2001:db8:60::101', 'lookup', table);
      await until(isWhole, 'the rule is back');
      await it.inside('shop', 'ip', '-6', 'route', 'flush', 'table', table);
      await until(isWhole, 'the table is back');
      await it.inside('shop', 'sysctl', '-qw', 'net.ipv6.conf.eth1.disable_ipv6=1');
      await until(isWhole, 'IPv6 is back, with its table');
      await it.up(shop([sixes[0], { ...depot, address6: '2001:db8:60::102' }]));
      assert.match((await rulesIn(it, '-6')).join('\n'), /2001:db8:60::102/);
      assert.doesNotMatch((await rulesIn(it, '-6')).join('\n'), /2001:db8:60::101/);
      await it.up(shop([sixes[0], depot]));
      assert.deepEqual(await rulesIn(it, '-6'), [], 'one IPv6 address needs no rule');
      await it.up(shop(sixes.map((one, at) => (at === 0 ? one : { ...one, address6: '2001:db8:60::103' }))));
    });

    await t.test('without the second endpoint there is no rule any more', async () => {
      const { endpoints }: UpView = await it.up(shop([office]));
      assert.equal(endpoints.length, 1);
      assert.deepEqual([...(await rulesIn(it)), ...(await rulesIn(it, '-6'))], []);
    });

    await t.test('an address that is taken on the second LAN takes the whole wish back', async () => {
      assert.equal(await codeOf(it.up(shop([office, { ...depot, address: '10.60.0.20' }]))), 'ADDRESS_TAKEN');
      assert.equal((await it.ps('shop')).endpoints.length, 1);
      assert.deepEqual(await rulesIn(it), []);
    });
  });
});

test('a LAN and the private network: its published ports answer too, on one segment each endpoint for itself', async (t) => {
  await withOffice(t, {}, async (it) => {
    const ports = { web: { ...services.web, ports: ['8080:80'] } };
    await it.up({ ...shop([office, 'bridge']), services: ports });
    for (const machine of ['pc', 'branch-pc', 'host']) {
      for (const url of ['http://192.168.11.20:8080/', 'http://192.168.11.101/'])
        assert.match(await it.read(machine, ['curl', '-sSI', '--max-time', '3', url]), /HTTP/, `${machine} ${url}`);
    }
    await it.up(shop([office, { network: 'office', address: '192.168.11.102' }]));
    const [first, second] = (await it.ps('shop')).endpoints;
    assert.deepEqual([await it.holderOf('192.168.11.101'), await it.holderOf('192.168.11.102')], [first?.mac, second?.mac]);
    assert.notEqual(first?.mac, second?.mac);
  });
});
