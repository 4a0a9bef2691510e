/** Leases on bad days: servers, daemons, cables and clocks that go away, told by what the servers write down themselves. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { listen, type Office, until, withOffice } from '../office.ts';
import { addressOf, leaseOf, problemsOf, shop } from '../support/dhcp-office.ts';
import { dhcpd, dnsmasq, grantsOf, kea, stopLabServer } from '../support/dhcp-servers.ts';
import { ticking } from '../support/ticking.ts';

const countOf = (text: string, what: RegExp): number => [...text.matchAll(what)].length;

/** What somebody behind the host asks the LAN by ARP is lost at the switch. */
const deafTo = (address: string): string => `
nft add table netdev deaf
nft add chain netdev deaf ports '{ type filter hook ingress device host priority 0 ; }'
nft add rule netdev deaf ports arp saddr ip ${address} counter drop
`;

/** A sandbox from which the kernel takes no datagram to the server: ENOBUFS, of which a UDP socket is not told unless it asks. */
const full = `
nft add table netdev full
nft add chain netdev full ports '{ type filter hook egress device eth0 priority 0 ; }'
nft add rule netdev full ports udp dport 67 counter drop
`;

// They wait for seconds most of the time.
describe('a bad day', { concurrency: 3 }, () => {
  test('Kea: a lease of seconds lives through ten renewals, a killed daemon and an outage, without a lost ping', async (t) => {
    await withOffice(t, { docker: false }, async (office) => {
      await stopLabServer(office);
      const server = kea(office, { lease: 4, renew: 1, rebind: 3 });
      await server.start();
      await office.up(shop());
      const address = await addressOf(office);
      const ping = await ticking(office, address);
      const granted = async (): Promise<number> => grantsOf(await server.log());
      const start = await granted();
      await until(async () => (await granted()) >= start + 3, 'three renewals', 15_000);
      await server.signal('STOP');
      await until(async () => (await leaseOf(office)).state === 'renewing', 'in the middle of one');
      await office.daemon.kill();
      await server.signal('CONT');
      await office.daemon.start();
      await until(async () => (await granted()) >= start + 6, 'renewals by the next daemon', 15_000);
      await server.stop();
      await sleep(1_500);
      await server.start();
      await until(async () => (await granted()) >= start + 10, 'renewals after the outage', 15_000);
      assert.equal(await addressOf(office), address);
      assert.deepEqual(await problemsOf(office), []);
      assert.deepEqual(await ping.lost(), []);
      assert.match(await server.leases(), new RegExp(`^${address},`, 'm'));
      assert.doesNotMatch(await server.log(), /DHCP4_RELEASE /, 'a restart gives nothing back');
    });
  });

  test('Kea: with a name that Landline answers for itself it keeps out of DNS; down and up give the same address, and a server that is away at T1 alone costs nothing; a RELEASE that does not leave is sent again', async (t) => {
    await withOffice(t, { docker: false }, async (office) => {
      await stopLabServer(office);
      const server = kea(office, { lease: 18, renew: 2, rebind: 14 }, { talkative: true });
      await server.start();
      await office.configure(
        `networks: { office: { bridge: br0, subnet: 192.168.10.0/23, domain: test.office.example, dhcp: { name: fqdn } } }
dns: { serve: { listen: "192.168.11.20:53", zone: test.office.example } }`,
      );
      await office.up(shop());
      const address = await addressOf(office);
      const flags = "flags: (N=1, E=1, O=0, S=0), domain-name='shop.test.office.example.'";
      const lines = (await server.log()).split('\n').filter((it) => it.includes(flags));
      for (const what of ['DHCP4_CLIENT_FQDN_DATA', 'DHCP4_RESPONSE_FQDN_DATA'])
        assert.ok(
          lines.some((it) => it.includes(what)),
          what,
        );
      assert.match(await server.leases(), new RegExp(`^${address},.*,0,0,shop\\.test\\.office\\.example\\.?,0,`, 'm'));

      // Somebody whom no service finds is not who the RELEASE waits for.
      await office.inside('shop', 'ip', 'neighbour', 'add', '192.168.10.250', 'dev', 'eth0', 'nud', 'incomplete');
      await office.down('shop');
      await until(async () => new RegExp(`DHCP4_RELEASE .* address ${address} `).test(await server.log()), 'Kea has it back');
      await office.up(shop());
      assert.equal(await addressOf(office), address);

      const ping = await ticking(office, address);
      await until(async () => (await leaseOf(office)).state === 'bound', 'bound');
      await server.stop();
      await until(async () => (await leaseOf(office)).state === 'renewing', 'T1 has passed');
      assert.deepEqual([(await office.ps('shop')).state, await problemsOf(office)], ['running', []]);
      const before = (await server.log()).length;
      await server.start();
      const news = async (): Promise<string> => (await server.log()).slice(before);
      assert.equal(countOf(await server.log(), /: DHCPRELEASE .* received from/g), 1, 'it was sent once');
      await until(async () => grantsOf(await news()) > 0, 'Kea renews it', 20_000);
      const [request] = /DHCPREQUEST.* received from .*/.exec(await news()) ?? [];
      assert.match(String(request), new RegExp(`from ${address} to 192\\.168\\.11\\.2 `), 'before T2, by unicast');
      assert.deepEqual([await addressOf(office), await problemsOf(office)], [address, []]);
      assert.deepEqual(await ping.lost(), []);

      // The first question for the server's MAC is lost; and then, in its own sandbox, the message itself.
      const released = async (): Promise<number> => (await news()).split('DHCP4_RELEASE ').length - 1;
      await office.inside('shop', 'ip', 'neighbour', 'flush', 'dev', 'eth0');
      await office.read('switch', ['sh', '-ec', deafTo(address)]);
      const down = office.down('shop');
      const asked = (): Promise<string> => office.read('switch', ['nft', 'list', 'table', 'netdev', 'deaf']);
      await until(async () => /counter packets [1-9]/.test(await asked()), 'the question is lost');
      await office.read('switch', ['nft', 'delete', 'table', 'netdev', 'deaf']);
      await down;
      await until(async () => (await released()) === 1, 'Kea has it back all the same');
      await office.up(shop());
      await office.inside('shop', 'ping', '-c', '1', '192.168.11.2');
      await office.inside('shop', 'sh', '-ec', full);
      await office.down('shop');
      await until(async () => (await released()) === 2, 'and again');
      assert.equal((await office.daemon.log()).split('lease not released').length, 1);
    });
  });

  test('dnsmasq: a lease that is refused on renewal gives the environment its new address within two seconds, and the pc reaches it there', async (t) => {
    await withOffice(t, { docker: false }, async (office) => {
      await stopLabServer(office);
      const first = dnsmasq(office, '192.168.10.100,192.168.10.120');
      await first.start();
      await office.configure(
        'networks: { office: { bridge: br0, subnet: 192.168.10.0/23, domain: test.office.example, dhcp: { name: fqdn } } }',
      );
      await office.up(shop());
      assert.match(await first.log(), /client provides name: shop\.test\.office\.example/);
      assert.match(await first.leases(), / shop ff:/);
      const former = await addressOf(office);
      await office.down('shop');
      await until(async () => (await first.leases()).trim() === '', 'dnsmasq has it back');
      await office.up(shop());
      assert.equal(await addressOf(office), former);
      const talk = new RegExp(`DHCPRELEASE\\(eth0\\) ${former} [\\s\\S]*DHCPACK\\(eth0\\) ${former} `);
      assert.match(await first.log(), talk);
      assert.match(await first.leases(), new RegExp(` ${former} shop ff:`));
      await first.stop();
      const renumbered = dnsmasq(office, '192.168.10.150,192.168.10.199');
      await renumbered.start();
      const events = await listen(office);
      const renewed = office.api.call('POST', '/v1/leases/shop/renew');
      const refused = await events.next('lease refused', { environment: 'shop', address: former });
      const changed = await events.next('address changed', { environment: 'shop' });
      await renewed;
      assert.ok(Date.parse(changed.time) - Date.parse(refused.time) < 2000, `${refused.time} ${changed.time}`);
      const address = await addressOf(office);
      assert.match(await renumbered.log(), new RegExp(`DHCPNAK\\(eth0\\) ${former}[\\s\\S]*DHCPACK\\(eth0\\) ${address} `));
      assert.match(await office.read('pc', ['busybox', 'nc', address, '80']), /apples/);
      const history = await office.api.call<{ address: string; to: string | null }[]>('GET', '/v1/addresses/history');
      assert.deepEqual(
        history.map((it) => [it.address, it.to === null]),
        [
          [address, true],
          [former, false],
          [former, false],
        ],
      );
      assert.equal(await office.holderOf(former), undefined);
      events.stop();
    });
  });

  test('a server that is away: at the start it is waited for, visibly; at the end of the lease the address is kept, or dropped', async (t) => {
    await withOffice(t, { docker: false }, async (office) => {
      await stopLabServer(office);
      const server = kea(office, { lease: 3, renew: 1, rebind: 2 });
      const waiting = office.up({ ...shop(), name: 'crm' });
      const { state, services } = await office.up(shop(), { wait: false });
      assert.deepEqual([state, services[0]?.state], ['starting', 'starting']);
      const [problem] = (await office.ps('crm')).problems;
      assert.match(`${problem?.code}: ${problem?.message}`, /^LEASE_AWAITED: .*no DHCP server has answered on network 'office'/);
      await server.start();
      assert.equal((await waiting).state, 'running');
      await office.down('crm');
      await until(async () => (await office.ps('shop')).state === 'running', 'it has an address, and its services run', 20_000);
      const address = await addressOf(office);
      const pid = (await office.ps('shop')).services[0]?.pid;

      await server.stop();
      await until(async () => (await problemsOf(office)).includes('LEASE_UNANSWERED'), 'T2 has passed');
      await until(async () => (await problemsOf(office)).includes('LEASE_EXPIRED'), 'the lease has ended');
      assert.equal((await office.ps('shop')).state, 'degraded');
      assert.notEqual(await office.holderOf(address), undefined, 'kept');
      await server.start();
      await until(async () => (await problemsOf(office)).length === 0, 'all is well again', 25_000);
      assert.deepEqual([await addressOf(office), (await office.ps('shop')).services[0]?.pid], [address, pid]);

      await office.configure('networks: { office: { bridge: br0, subnet: 192.168.10.0/23, dhcp: { expired: drop } } }');
      await server.stop();
      await until(async () => (await problemsOf(office)).includes('LEASE_AWAITED'), 'the address was dropped', 10_000);
      await until(async () => (await office.holderOf(address)) === undefined, 'nobody answers for it', 5000);
      await server.start();
      await until(async () => (await addressOf(office)) === address, 'it is back', 25_000);
      assert.equal((await office.ps('shop')).services[0]?.pid, pid, 'and nobody was restarted for it');
    });
  });

  test('a server that is another one: it takes the lease over at T2, says new things at a renewal, and where it falls silent there is a new address', async (t) => {
    await withOffice(t, { docker: false }, async (office) => {
      await stopLabServer(office);
      const times = { lease: 4, renew: 1, rebind: 2 };
      const first = kea(office, times);
      await first.start();
      await office.configure(
        'networks: { office: { bridge: br0, subnet: 192.168.10.0/23, domain: test.office.example, dhcp: { name: fqdn } } }',
      );
      await office.up(shop());
      const address = await addressOf(office);
      const ping = await ticking(office, address);
      assert.match(await first.leases(), new RegExp(`^${address},.*,shop\\.test\\.office\\.example\\.,`, 'm'));

      // Nobody has its address any more: what is sent to it alone is lost.
      await first.stop();
      await office.read('server', [
        'sh',
        '-c',
        'ip address del 192.168.11.2/23 dev eth0; ip address add 192.168.11.3/23 dev eth0',
      ]);
      const second = kea(office, times, { resolver: '192.168.11.3', mtu: '1400' });
      await second.start();
      const events = await listen(office);
      await until(async () => (await leaseOf(office)).server === '192.168.11.3', 'whoever answers the broadcast has it');
      const changed = await events.next('lease changed', { environment: 'shop', address }).catch(() => undefined);
      assert.match(String(changed?.fields.changed), /^resolvers mtu server$/);
      await until(async () => (await office.inside('shop', 'ip', 'link', 'show', 'eth0')).includes('mtu 1400'), 'its MTU');
      const resolvConf = async (): Promise<string> =>
        (await office.landline('exec', 'shop', '--', 'cat', '/etc/resolv.conf')).stdout;
      await until(async () => (await resolvConf()).includes('nameserver 192.168.11.3'), 'its resolver');
      assert.deepEqual(await ping.lost(), []);

      // Kea says nothing to who renews an address that is in no pool of its own.
      await second.stop();
      const third = kea(office, times, { pool: '192.168.10.150 - 192.168.10.199', forgets: true });
      await third.start();
      await events.next('address changed', { environment: 'shop' });
      const other = await addressOf(office);
      assert.notEqual(other, address);
      await until(async () => (await problemsOf(office)).length === 0, 'all is well');
      assert.match(await third.leases(), new RegExp(`^${other},`, 'm'));
      assert.doesNotMatch(await third.log(), /DHCP4_PACKET_NAK/);
      assert.match(await office.read('pc', ['busybox', 'nc', other, '80']), /apples/);
      assert.equal(await office.holderOf(address), undefined);
      events.stop();
    });
  });

  test('a daemon that is away for longer than T2, or than the lease, or stopped: the address stays on the wire, and is leased again at once', async (t) => {
    await withOffice(t, { docker: false }, async (office) => {
      await stopLabServer(office);
      const server = kea(office, { lease: 4, renew: 1, rebind: 2 });
      await server.start();
      await office.up(shop());
      const address = await addressOf(office);
      const ping = await ticking(office, address);
      const isGrantedAgain = async (start: number): Promise<void> => {
        await until(async () => grantsOf(await server.log()) > start, 'Kea gives it again', 3_000);
        await until(async () => (await problemsOf(office)).length === 0, 'all is well', 3_000);
        assert.equal(await addressOf(office), address);
      };
      for (const seconds of [2.5, 5]) {
        await office.daemon.kill();
        const start = grantsOf(await server.log());
        await sleep(seconds * 1000);
        await office.daemon.start();
        await isGrantedAgain(start);
      }
      await office.daemon.signal('STOP');
      const start = grantsOf(await server.log());
      await sleep(5_000);
      await office.daemon.signal('CONT');
      await isGrantedAgain(start);
      assert.match(await office.daemon.log(), new RegExp(`lease expired environment=shop .*address=${address} kept=yes`));
      assert.deepEqual(await ping.lost(), []);
      assert.equal(new Set([...(await server.leases()).matchAll(/^192\.168\.10\.\d+/gm)].map(String)).size, 1);
    });
  });

  test('ISC dhcpd: a time of day that is set moves nothing, sleep counts, and a cable that is back has the lease asked for', async (t) => {
    await withOffice(t, { docker: false }, async (office) => {
      await stopLabServer(office);
      const server = dhcpd(office, 600);
      await server.start();
      await office.up(shop());
      const address = await addressOf(office);
      const ping = await ticking(office, address);
      const acked = async (): Promise<number> => countOf(await server.log(), new RegExp(`DHCPACK on ${address} `, 'g'));
      const isAckedAgain = async (start: number, what: string): Promise<void> => {
        await until(async () => (await acked()) > start, what, 8_000);
        await until(async () => (await leaseOf(office)).state === 'bound', `${what}: bound`);
        assert.deepEqual([await addressOf(office), await problemsOf(office)], [address, []], what);
      };
      const clocks = steerClocks(office);
      await clocks.restartDaemon();
      await isAckedAgain(1, 'the next daemon asks once');

      for (const days of [400, -400]) {
        const start = await acked();
        clocks.step(days);
        await sleep(500);
        const { expiresAt, state } = await leaseOf(office);
        const left = Date.parse(expiresAt ?? '') - Date.now() - days * 86_400_000;
        assert.ok(state === 'bound' && left > 590_000 && left <= 600_000, `${state}, ${left} ms left`);
        assert.equal(await acked(), start, 'nothing is asked for');
        await clocks.restartDaemon();
        await isAckedAgain(start, 'a daemon with another time of day');
      }
      clocks.step(0);
      assert.doesNotMatch(await office.daemon.log(), /lease (expired|refused|declined)/);

      const awake = await acked();
      clocks.sleep(400);
      await isAckedAgain(awake, 'T1 has passed in its sleep');
      assert.doesNotMatch(await office.daemon.log(), /lease expired/);
      const again = await acked();
      clocks.sleep(400 + 700);
      await isAckedAgain(again, 'the lease has ended in its sleep');
      assert.match(await office.daemon.log(), new RegExp(`lease expired environment=shop .*address=${address} kept=yes`));
      assert.deepEqual(await ping.lost(), []);

      const events = await listen(office);
      const before = await acked();
      await office.read('switch', ['ip', 'link', 'set', 'host', 'down']);
      await events.next('carrier lost', { network: 'office', link: 'ens33' });
      await office.read('switch', ['ip', 'link', 'set', 'host', 'up']);
      await events.next('carrier back', { network: 'office', link: 'ens33' });
      await isAckedAgain(before, 'the cable is back');
      assert.match(await office.read('pc', ['busybox', 'nc', address, '80']), /apples/);
      events.stop();
    });
  });
});

interface Clocks {
  /** Ends the daemon, and starts one for whom these clocks count. */
  restartDaemon(): Promise<void>;
  /** So many days are added to the time of day. */
  step(days: number): void;
  /** The machine has slept for so many seconds in all. */
  sleep(seconds: number): void;
}

/** Clocks of the host: the kernel's own are everybody's, and are not touched. */
function steerClocks(office: Office): Clocks {
  const [stepped, slept, shown] = ['stepped', 'slept', 'uptime'].map((name) => path.join(office.folder, name)) as [
    string,
    string,
    string,
  ];
  const step = (days: number): void => fs.writeFileSync(stepped, String(days * 86_400));
  const sleepFor = (seconds: number): void => fs.writeFileSync(slept, String(seconds));
  step(0);
  sleepFor(0);
  office.start('host', ['python3', `${import.meta.dirname}/../support/sleep-clock.py`, slept, shown]);
  const variables = [`STEPPED=${stepped}`, `NODE_OPTIONS=--import=${import.meta.dirname}/../support/step-clock.ts`];
  return {
    step,
    sleep: sleepFor,
    restartDaemon: async () => {
      await office.daemon.kill();
      await office.daemon.startWith(variables);
    },
  };
}
