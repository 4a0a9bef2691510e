/** A static IPv6 address beside the IPv4 one: reached, probed, announced, kept, and nobody else's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv6Office, type Office, refusalOf, until, withOffice } from '../office.ts';

const address = '2001:db8:10::101';

const shop = (name: string, address6: string | undefined): Parameters<Office['up']>[0] => ({
  name,
  'x-landline': { network: 'office', ...(address6 === undefined ? {} : { address6 }) },
  services: { web: { command: ['busybox', 'httpd', '-f', '-p', '80', '-h', '.'] } },
});

async function giveIpv6(it: Office, machine: string, own: string): Promise<void> {
  await it.read(machine, ['sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=0']);
  await it.read(machine, ['ip', 'address', 'add', own, 'dev', 'eth0', 'nodad']);
}

test('IPv6 on a LAN: a colleague opens it, a squatter is named, and what is taken away comes back', async (t) => {
  await withOffice(t, {}, async (it) => {
    await it.configure(ipv6Office);
    await giveIpv6(it, 'pc', '2001:db8:10::20/64');
    await giveIpv6(it, 'server', '2001:db8:10::102/64');
    const opens = async (): Promise<boolean> =>
      (await it.exec('pc', ['curl', '-gsSI', '--max-time', '1', `http://[${address}]/`])).stdout.startsWith('HTTP');
    const v6In = (name: string): Promise<string> => it.inside(name, 'ip', '-6', '-o', 'address', 'show', 'scope', 'global');

    const view = await it.up(shop('shop', address));
    assert.ok(await opens());
    assert.deepEqual(view.endpoints[0]?.addresses, ['192.168.11.100/23', `${address}/64`]);
    assert.match(
      await it.inside('shop', 'ip', '-6', 'route', 'show', 'default'),
      /^default via 2001:db8:10::1 dev eth0 proto static/,
    );
    assert.match(await it.inside('shop', 'sysctl', '-n', 'net.ipv6.conf.eth0.accept_ra'), /^0$/m);
    assert.match(await it.read('pc', ['ip', '-6', 'neighbour', 'show', address]), new RegExp(`lladdr ${view.endpoints[0]?.mac}`));

    await t.test('an address that answers is refused with its MAC, and nothing is left', async () => {
      const { code, message } = await refusalOf(it.up(shop('squatted', '2001:db8:10::102')));
      assert.equal(code, 'ADDRESS_TAKEN');
      assert.equal(message, "2001:db8:10::102 already answers NDP from 52:54:00:00:00:02 on network 'office'");
      assert.deepEqual(
        (await it.addresses()).map((one) => `${one.address} ${one.environment}`),
        ['192.168.11.100 shop', `${address} shop`],
      );
    });

    await t.test(
      "another's address, the router's and one of nowhere are refused by name; of two at once one has it",
      async () => {
        for (const [wish, wanted] of [
          [address, 'ADDRESS_HELD'],
          ['2001:db8:10::1', 'ADDRESS_UNUSABLE'],
          ['2001:db8:10::', 'ADDRESS_UNUSABLE'],
          ['2001:db8:11::7', 'ADDRESS_OUTSIDE'],
        ] as const)
          assert.equal((await refusalOf(it.up(shop('other', wish)))).code, wanted, wish);
        const both = await Promise.allSettled(['a', 'b'].map((name) => it.up(shop(name, '2001:db8:10::110'))));
        assert.deepEqual(both.map((one) => one.status).sort(), ['fulfilled', 'rejected']);
      },
    );

    await t.test('what somebody takes away comes back', async () => {
      await it.inside('shop', 'ip', 'address', 'delete', `${address}/64`, 'dev', 'eth0');
      await until(opens, 'the address is back');
      await it.inside('shop', 'ip', '-6', 'route', 'delete', 'default');
      await until(
        async () => (await it.inside('shop', 'ip', '-6', 'route', 'show', 'default')).includes('via 2001:db8:10::1'),
        'the route is back',
      );
      await it.inside('shop', 'sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=1');
      await until(opens, 'IPv6 is on again');
    });

    await t.test('it changes in place, goes, and IPv6 with it; the daemon may be killed', async () => {
      const { services } = await it.ps('shop');
      const changed = await it.up(shop('shop', '2001:DB8:10:0::111'));
      assert.deepEqual(changed.endpoints[0]?.addresses, ['192.168.11.100/23', '2001:db8:10::111/64']);
      assert.doesNotMatch(await v6In('shop'), /::101/);
      await it.daemon.kill();
      await it.daemon.start();
      await until(async () => (await it.ps('shop')).problems.length === 0, 'all is well');
      assert.match(await v6In('shop'), /2001:db8:10::111\/64/);
      await it.up(shop('shop', undefined));
      assert.equal(await v6In('shop'), '');
      assert.match(await it.inside('shop', 'sysctl', '-n', 'net.ipv6.conf.eth0.disable_ipv6'), /^1$/m);
      assert.equal((await it.ps('shop')).services[0]?.pid, services[0]?.pid);
      assert.equal((await refusalOf(it.up(shop('next', '2001:db8:10::111')))).code, 'ADDRESS_QUARANTINED');
    });

    await t.test('the ledger has it: who has it, who had it, and for whom it is kept', async () => {
      await it.read('host', [
        ...['landline', 'run', '--name', 'crm', '--network', 'office', '--address6', '2001:DB8:10::120', '--', 'sleep', '600'],
      ]);
      const held = await it.landline('address', 'ls', '--address', '2001:db8:10:0::120');
      assert.match(held.stdout, /^office +2001:db8:10::120 +crm +bound +static /m);
      const past = await it.landline('address', 'ls', '--history', '--address', address);
      assert.match(past.stdout, /^office +2001:db8:10::101 +shop +static +[0-9a-f:]+ +\S+Z +\S+Z$/m);
      await it.down('crm', { 'keep-address': true });
      const { message } = await refusalOf(it.up(shop('other', '2001:db8:10::120')));
      assert.equal(message, "2001:db8:10::120 on network 'office' is reserved for 'crm'");
      await it.landline('address', 'release', '2001:db8:10::120');
      await it.landline('address', 'reserve', '2001:db8:10::121', '--for', 'other', '--note', 'for Friday');
      await it.up(shop('other', '2001:db8:10::121'));
      const kept = (await it.addresses()).find((one) => one.address === '2001:db8:10::121');
      assert.deepEqual([kept?.state, kept?.reserved, kept?.note], ['bound', true, 'for Friday']);
    });

    await t.test('a namespace of others is given one by attach, and keeps it when that is asked again', async () => {
      await it.read('host', ['ip', 'netns', 'add', 'guest']);
      const attach = ['attach', '--netns', '/run/netns/guest', '--network', 'office'];
      for (const more of [['--address6', '2001:db8:10::130'], []]) {
        assert.equal((await it.landline(...attach, ...more)).status, 0);
        const own = await it.read('host', ['ip', '-n', 'guest', '-6', '-o', 'address', 'show', 'scope', 'global']);
        assert.match(own, /2001:db8:10::130\/64/);
      }
    });
  });
});
