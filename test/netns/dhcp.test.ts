/** Addresses from other people's DHCP servers, told by what those servers write down themselves. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { UpView } from '../../src/api/contract.ts';
import { listen, until, withOffice } from '../office.ts';
import { addressOf, leaseOf, problemsOf, shop } from '../support/dhcp-office.ts';
import { dhcpd, dnsmasq, grantsOf, kea, stopLabServer } from '../support/dhcp-servers.ts';

// They wait for seconds most of the time.
describe('leases from DHCP', { concurrency: 3 }, () => {
  test('ISC dhcpd: what the lease says is applied, and it registers the full name; down gives it back, and up gets the same address', async (t) => {
    await withOffice(t, { docker: false, dns: true }, async (office) => {
      await stopLabServer(office);
      const server = dhcpd(office, 600);
      await server.start();
      await office.configure(
        'networks: { office: { bridge: br0, subnet: 192.168.10.0/23, addressing: dhcp, dhcp: { name: fqdn }, domain: test.office.example, pool: [192.168.11.100] } }',
      );
      await office.up({ ...shop(), 'x-landline': { network: 'office' } });
      const address = await addressOf(office);
      const lease = await leaseOf(office);
      assert.match(await server.leases(), new RegExp(`lease ${address} \\{[^}]*binding state active`));
      const fqdn = { name: 'shop.test.office.example', registered: true };
      assert.deepEqual([lease.fqdn, (await office.ps('shop')).endpoints[0]?.names], [fqdn, [fqdn.name]]);
      const dig = (): Promise<string> => office.read('pc', ['dig', '+short', fqdn.name]);
      await until(async () => (await dig()).trim() === address, 'the name is in the DNS');
      await until(
        async () => (await server.leases()).includes('set ddns-fwd-name = "shop.test.office.example"'),
        'dhcpd says so',
      );
      assert.match(lease.clientId, /^ff:(..:){4}00:04:/);
      assert.match(await office.inside('shop', 'ip', 'address', 'show', 'dev', 'eth0'), /mtu 1400/);
      assert.deepEqual(
        (await office.inside('shop', 'ip', 'route'))
          .trim()
          .split('\n')
          .map((it) => it.trim()),
        [
          'default via 192.168.11.1 dev eth0 proto static',
          '10.60.0.0/24 via 192.168.11.9 dev eth0 proto static',
          `192.168.10.0/23 dev eth0 proto kernel scope link src ${address}`,
        ],
      );
      const { stdout } = await office.landline('exec', 'shop', '--', 'cat', '/etc/resolv.conf');
      assert.equal(stdout, 'nameserver 192.168.11.3\nsearch test.office.example lab.office.example\n');

      await office.down('shop');
      await until(async () => lastState(await server.leases(), address) === 'free', 'dhcpd has it back');
      await until(async () => (await dig()) === '', 'and has taken the name out of the DNS');
      await office.up({ ...shop(), 'x-landline': { network: 'office' } });
      assert.equal(await addressOf(office), address);
      assert.equal((await leaseOf(office)).clientId, lease.clientId);
    });
  });

  test('malformed, truncated and spoofed replies are counted, and change nothing', async (t) => {
    await withOffice(t, { docker: false }, async (office) => {
      await stopLabServer(office);
      const server = kea(office, { lease: 8, renew: 1, rebind: 6 });
      await server.start();
      await office.up(shop());
      const address = await addressOf(office);
      const { mac } = await leaseOf(office);
      const spoofer = `${import.meta.dirname}/../support/spoof-dhcp.py`;
      office.start('pc', ['python3', spoofer, mac, address]);
      const metricsNow = (): Promise<string> =>
        office.read('host', ['curl', '-s', '--unix-socket', '/run/landline/landline.sock', 'http://landline/v1/metrics']);
      // While its question has no answer, it listens all the time.
      await server.stop();
      for (const reason of ['damaged', 'another transaction', 'another client'])
        await until(
          async () => new RegExp(`landline_dhcp_ignored_total\\{reason="${reason}"\\} [1-9]`).test(await metricsNow()),
          `${reason} is counted`,
        );
      await server.start();
      const start = grantsOf(await server.log());
      await until(async () => grantsOf(await server.log()) >= start + 5, 'five renewals in the middle of it', 20_000);
      assert.equal(await addressOf(office), address);
      assert.deepEqual(await problemsOf(office), []);
      const metrics = await metricsNow();
      assert.doesNotMatch(metrics, /landline_dhcp_lost_total\{/, 'none was lost');
      assert.match(metrics, /landline_dhcp_renewed_total ([5-9]|\d\d)/);

      // A daemon that starts asks everybody, and whoever hears it may answer before its server does.
      office.start('pc', ['python3', spoofer, mac, address, 'overhearing']);
      const isCounted = async (): Promise<boolean> =>
        /ignored_total\{reason="(another server|an unusable address)"\} [1-9]/.test(await metricsNow());
      await until(async () => {
        const asked = grantsOf(await server.log());
        await office.daemon.kill();
        await office.daemon.start();
        await until(async () => grantsOf(await server.log()) > asked, 'Kea answers too');
        await until(async () => ['bound', 'renewing'].includes((await leaseOf(office)).state), 'it is bound');
        assert.equal(await addressOf(office), address);
        return isCounted();
      }, 'an answer of a stranger came first');
      assert.doesNotMatch(await office.daemon.log(), /lease (refused|expired|declined)/);
    });
  });

  test('an address that somebody else has is declined, and the next one is taken', async (t) => {
    await withOffice(t, { docker: false }, async (office) => {
      await stopLabServer(office);
      const server = dnsmasq(office, '192.168.10.100,192.168.10.101');
      await server.start();
      await office.up({ ...shop(), name: 'crm' });
      const taken = await addressOf(office, 'crm');
      await office.down('crm');
      await office.read('pc', ['ip', 'address', 'add', `${taken}/32`, 'dev', 'eth0']);
      await office.up({ ...shop(), name: 'crm' }, { wait: false });
      await until(async () => (await server.log()).includes(`DHCPDECLINE(eth0) ${taken} `), 'dnsmasq hears of it');
      await until(async () => (await addressOf(office, 'crm')) !== '', 'another address', 20_000);
      const address = await addressOf(office, 'crm');
      assert.notEqual(address, taken);
    });
  });

  test('a lease whose sandbox went while nobody looked is given back at the next start, and nothing of ours is left', async (t) => {
    await withOffice(t, { docker: false }, async (office) => {
      await stopLabServer(office);
      const server = dnsmasq(office, '192.168.10.100,192.168.10.101');
      await server.start();
      const script = 'setsid unshare --net sleep 1000 >/dev/null 2>&1 </dev/null & echo $!';
      const pid = (await office.read('host', ['sh', '-c', script])).trim();
      await until(async () => (await office.read('host', ['cat', `/proc/${pid}/comm`])).trim() === 'sleep', 'it is there');
      const query = { name: 'crm', pid, network: 'office', address: 'dhcp' };
      const { endpoints } = await office.api.call<UpView>('POST', '/v1/attachments', { query });
      const address = endpoints[0]?.addresses[0]?.replace('/23', '');
      await office.daemon.kill();
      await office.read('host', ['kill', '-9', pid]);
      await office.daemon.start();
      await until(async () => (await server.log()).includes(`DHCPRELEASE(eth0) ${address} `), 'dnsmasq has it back');
      await until(async () => (await office.links()).length === 0, 'no link of ours is left', 5000);
      assert.deepEqual(await office.addresses(), []);
    });
  });

  test('an address in use is defended when somebody claims it; a lease that is claimed again is declined, and another taken', async (t) => {
    await withOffice(t, { docker: false }, async (office) => {
      await office.up({ ...shop(), name: 'crm', 'x-landline': { network: 'office', address: '192.168.11.101' } });
      await office.up(shop());
      const [fixed, leased] = ['192.168.11.101', await addressOf(office)];
      const events = await listen(office);
      const claim = (address: string): Promise<string> =>
        office.read('pc', ['arping', '-U', '-c', '1', '-w', '1', '-I', 'eth0', '-s', address, address]);
      for (const address of [fixed, leased]) {
        await office.read('pc', ['ip', 'address', 'add', `${address}/32`, 'dev', 'eth0']);
        await claim(address);
        await events.next('address contested', { address });
      }
      await claim(leased);
      await events.next('lease declined', { environment: 'shop', address: leased });
      await claim(fixed);
      assert.equal(await addressOf(office, 'crm'), fixed, 'an address of our own is kept');
      await until(async () => ![leased, ''].includes(await addressOf(office)), 'another lease', 20_000);
      assert.match(await office.read('server', ['cat', '/var/log/dnsmasq.log']), new RegExp(`DHCPDECLINE\\(eth0\\) ${leased} `));
      events.stop();
    });
  });
});

const lastState = (leases: string, address: string): string | undefined =>
  [...leases.matchAll(new RegExp(`lease ${address} \\{[^}]*?\\n  binding state (\\w+)`, 'g'))].at(-1)?.[1];
