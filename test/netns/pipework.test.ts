/** `landline pipework`, with pipework's own words, on a bridge, on a NIC, and on a bridge that is made for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addNic, type Office, until, withOffice } from '../office.ts';

/** A namespace like a container's: made by somebody else. */
const addBlue = (it: Office, name = 'blue'): Promise<string> => it.read('host', ['ip', 'netns', 'add', name]);

const pipework = async (it: Office, ...words: readonly string[]): Promise<string> => {
  const { status, stdout, stderr } = await it.landline('pipework', ...words);
  return status === 0 ? stdout : `${status} ${stderr}`;
};

const inBlue = (it: Office, ...words: readonly string[]): Promise<string> => it.read('host', ['ip', '-netns', 'blue', ...words]);

test('pipework: the network on that bridge, eth1, kept; ip and tc in there; a bridge of its own, gone with the last', async (t) => {
  await withOffice(t, {}, async (it) => {
    await addBlue(it);

    await t.test('an address of the network on br0, as eth1 with its gateway, and the MAC of a word', async () => {
      await pipework(it, 'br0', '/run/netns/blue', '192.168.11.101/23@192.168.11.1', 'U:blue');
      assert.equal(await it.holderOf('192.168.11.101'), '02:da:a5:96:0a:12');
      await it.read('branch-pc', ['ping', '-c', '1', '-W', '2', '192.168.11.101']);
      assert.match(await inBlue(it, 'route'), /^default via 192\.168\.11\.1 dev eth1/);
    });

    await t.test("an address from the LAN's DHCP server", async () => {
      await addBlue(it, 'green');
      await pipework(it, 'br0', '/run/netns/green', 'dhcp');
      const shown = await it.read('host', ['ip', '-netns', 'green', 'address', 'show', 'dev', 'eth1']);
      const address = /inet ([\d.]+)\/23/.exec(shown)?.[1] ?? '';
      assert.match(await it.read('server', ['cat', '/var/log/dnsmasq.log']), new RegExp(`DHCPACK\\(eth0\\) ${address} `));
      assert.notEqual(await it.holderOf(address), undefined);
      await it.landline('detach', 'green');
      assert.match(await it.read('server', ['cat', '/var/log/dnsmasq.log']), new RegExp(`DHCPRELEASE\\(eth0\\) ${address} `));
    });

    await t.test('it is kept: what somebody takes away comes back', async () => {
      await inBlue(it, 'address', 'flush', 'dev', 'eth1');
      await until(async () => (await it.holderOf('192.168.11.101')) !== undefined, 'the address is back');
    });

    await t.test('route, rule and tc run in there', async () => {
      await pipework(it, 'route', '/run/netns/blue', 'add', '10.70.0.0/16', 'via', '192.168.11.2');
      assert.match(await inBlue(it, 'route', 'show', '10.70.0.0/16'), /via 192\.168\.11\.2/);
      await pipework(it, 'rule', 'blue', 'add', 'from', '10.70.0.1', 'table', '7');
      assert.match(await inBlue(it, 'rule'), /from 10\.70\.0\.1 lookup 7/);
      assert.match(await pipework(it, 'tc', 'blue', 'qdisc', 'show', 'dev', 'eth1'), /^qdisc /);
      assert.match(await pipework(it, 'route', 'nobody', 'show'), /^1 landline: ENVIRONMENT_UNKNOWN/);
    });

    await t.test('an address that does not fit the network, and one that somebody has, are refused', async () => {
      assert.match(
        await pipework(it, 'br0', '-i', 'eth2', 'blue', '10.1.2.3/24'),
        /^2 .*does not fit the network 'office' on br0/,
      );
      await addBlue(it, 'red');
      assert.match(await pipework(it, 'br0', '/run/netns/red', '192.168.10.20/23'), /^1 landline: ADDRESS_TAKEN/);
      assert.match(
        await pipework(it, 'ens99', '/run/netns/red', '10.1.2.3/24'),
        /^2 landline: USAGE: this host has no link ens99/,
      );
      assert.match(await it.read('host', ['ip', '-netns', 'red', 'link']), /^1: lo[^\n]*\n[^\n]*\n$/);
    });

    await t.test('a second link on a bridge that is not there: it is made, and two reach each other over it', async () => {
      await pipework(it, 'br7', '-i', 'eth2', '/run/netns/blue', '10.77.0.1/24');
      await pipework(it, 'br7', '-i', 'eth2', '/run/netns/red', '10.77.0.2/24');
      await inBlue(it, 'link', 'show', 'eth2');
      await it.read('host', ['ip', 'netns', 'exec', 'blue', 'ping', '-c', '1', '-W', '2', '10.77.0.2']);
      // A way out is what the first one has.
      assert.match(await inBlue(it, 'route', 'show', 'default'), /dev eth1/);
    });

    await t.test(
      "0/0: a link whose addresses are the guest's business, with the host's end named, waited for from inside",
      async () => {
        const waits = it.exec('host', ['ip', 'netns', 'exec', 'red', 'landline', 'pipework', '--wait', '-i', 'eth3']);
        await pipework(it, 'br0', '-i', 'eth3', '-l', 'hostapp1', '/run/netns/red', '0/0', '02:00:00:00:00:33');
        assert.equal((await waits).status, 0);
        const inRed = (...words: readonly string[]): Promise<string> => it.read('host', ['ip', '-netns', 'red', ...words]);
        assert.match(await inRed('link', 'show', 'eth3'), /LOWER_UP[\s\S]*02:00:00:00:00:33/);
        assert.doesNotMatch(await inRed('address', 'show', 'dev', 'eth3'), /inet /);
        assert.match(await it.read('host', ['ip', 'link', 'show', 'hostapp1']), /master br0/);
        await inRed('address', 'add', '192.168.11.240/23', 'dev', 'eth3');
        assert.equal(await it.holderOf('192.168.11.240'), '02:00:00:00:00:33');
        const shown = (await it.ps('red')).endpoints.find((one) => one.interface === 'eth3');
        assert.deepEqual([shown?.addresses, shown?.lease.source], [['192.168.11.240/23'], 'none']);
        // The link comes back, with its name; the address is whose it was.
        await it.read('host', ['ip', 'link', 'delete', 'hostapp1']);
        await until(async () => (await it.exec('host', ['ip', 'link', 'show', 'hostapp1'])).status === 0, 'it is made anew');
        const names = async (): Promise<string[]> => (await it.links()).map((one) => one.ifname).sort();
        const before = await names();
        assert.match(
          await pipework(it, 'br0', '-i', 'eth4', '-l', 'hostapp1', '/run/netns/red', '0/0'),
          /^1 .*INTERFACE_TAKEN.*hostapp1/,
        );
        assert.match(await pipework(it, 'br0', '-i', 'eth3', '/run/netns/red', '192.168.11.102/23'), /^2 .*without an address/);
        assert.deepEqual(await names(), before);
      },
    );

    await t.test('another daemon knows both networks, and a bridge that is deleted comes back', async () => {
      await it.daemon.kill();
      await it.daemon.start();
      await it.read('host', ['ip', 'link', 'delete', 'br7']);
      const reaches = async (): Promise<boolean> =>
        (await it.exec('host', ['ip', 'netns', 'exec', 'blue', 'ping', '-c', '1', '-W', '1', '10.77.0.2'])).status === 0;
      await until(reaches, 'the bridge is back, with its ports', 20_000);
      assert.deepEqual((await it.ps('blue')).problems, []);
    });

    await t.test('detach takes all away, the bridge with the last port', async () => {
      for (const name of ['blue', 'red']) await it.landline('detach', name);
      await until(async () => (await it.links()).length === 0, 'no link is left');
      assert.match(await inBlue(it, 'link'), /^1: lo[^\n]*\n[^\n]*\n$/);
    });
  });
});

test('pipework --direct-phys: the NIC itself, and home again as it was, whatever ends first', async (t) => {
  await withOffice(t, {}, async (it) => {
    const shown = async (name = 'ens34'): Promise<string> => {
      const { stdout } = await it.exec('host', ['ip', '-o', 'link', 'show', name]);
      const [, flags = '', mtu = ''] = /<([^>]*)>.* mtu (\d+)/.exec(stdout) ?? [];
      return `${/ether (\S+)/.exec(stdout)?.[1]} ${mtu} ${/\bUP\b/.test(flags) ? 'up' : 'down'}`;
    };
    const gone = 'undefined  down';
    addNic(it, 'ens34');
    const atHome = await shown();
    const [mac = ''] = atHome.split(' ');
    await addBlue(it);
    const direct = (...words: readonly string[]): Promise<string> => pipework(it, '--direct-phys', 'ens34', ...words);

    await t.test('the LAN reaches the guest through it, under its own MAC; the host has it no more', async () => {
      await direct('/run/netns/blue', '192.168.11.101/23@192.168.11.1');
      assert.deepEqual([await it.holderOf('192.168.11.101'), await shown()], [mac, gone]);
      await it.read('branch-pc', ['ping', '-c', '1', '-W', '2', '192.168.11.101']);
      assert.match(await inBlue(it, 'route'), /^default via 192\.168\.11\.1 dev eth1/);
      await direct('/run/netns/blue', '192.168.11.101/23@192.168.11.1');
      assert.deepEqual((await it.ps('blue')).problems, []);
    });

    await t.test('it is kept: an address that is taken away comes back', async () => {
      await inBlue(it, 'address', 'flush', 'dev', 'eth1');
      await until(async () => (await it.holderOf('192.168.11.101')) === mac, 'the address is back');
    });

    await t.test(
      'given away once, it is refused to others; so are what the host needs, a bridge, and a name that is taken',
      async () => {
        await addBlue(it, 'red');
        await it.read('host', ['ip', '-netns', 'red', 'link', 'add', 'theirs', 'type', 'veth', 'peer', 'name', 'also-theirs']);
        const red = '/run/netns/red';
        assert.match(
          await direct(red, '192.168.11.102/23'),
          /^1 landline: NIC_MOVED: ens34 is in the sandbox of 'blue', as eth1/,
        );
        const other = (nic: string, ...words: readonly string[]): Promise<string> =>
          pipework(it, '--direct-phys', nic, ...words, '192.168.11.102/23');
        assert.match(await other('br0', red), /^1 landline: NIC_IMMOVABLE: .*a bridge/);
        assert.match(await other('ens33', red), /^1 landline: NIC_IN_USE: .*port of br0/);
        addNic(it, 'ens35');
        assert.match(await other('ens35', '-i', 'theirs', red), /^1 landline: INTERFACE_TAKEN/);
        const connect = async (address: string, port: number): Promise<void> => {
          it.start('host', ['sh', '-c', `sleep 9 | busybox nc -l -p ${port}`]);
          const client = `until { exec 3<>/dev/tcp/${address}/${port}; } 2>/dev/null; do sleep 0.05; done; sleep 9`;
          it.start('host', ['bash', '-c', client]);
          const isConnected = async (): Promise<boolean> =>
            (await it.read('host', ['ss', '-Htn', 'state', 'established', `dport = ${port}`])) !== '';
          await until(isConnected, 'somebody has connected to the host by way of the NIC');
        };
        await it.read('host', ['ip', 'address', 'add', 'fd00:11::35/64', 'dev', 'ens35', 'nodad']);
        await connect('fd00:11::35', 2226);
        assert.match(await other('ens35', red), /^1 landline: NIC_IN_USE: .*connection .* fd00:11::35/);
        await it.read('host', ['ip', 'address', 'add', '192.168.11.35/23', 'dev', 'ens35']);
        await connect('192.168.11.35', 2222);
        assert.match(await other('ens35', red), /^1 landline: NIC_IN_USE: .*connection .* 192\.168\.11\.35/);
        assert.doesNotMatch(await it.read('host', ['ip', '-netns', 'red', 'link']), /ens35|eth1/);
      },
    );

    await t.test('another daemon looks after it: detach moves it home', async () => {
      await it.daemon.kill();
      await it.daemon.start();
      await inBlue(it, 'link', 'set', 'eth1', 'mtu', '1300');
      await it.landline('detach', 'blue');
      assert.deepEqual([await shown(), await it.holderOf('192.168.11.101')], [atHome, undefined]);
      assert.match(await inBlue(it, 'link'), /^1: lo[^\n]*\n[^\n]*\n$/);
    });

    await t.test(
      'an address from DHCP and a MAC of its own; the end of the guest brings it home, before the kernel would end it',
      async () => {
        await direct('/run/netns/blue', 'dhcp', '02:00:00:00:00:35');
        const address = /inet ([\d.]+)\//.exec(await inBlue(it, 'address', 'show', 'dev', 'eth1'))?.[1] ?? '';
        assert.equal(await it.holderOf(address), '02:00:00:00:00:35');
        await it.read('host', ['ip', 'netns', 'delete', 'blue']);
        await until(async () => (await shown()) === atHome, 'it is home');
      },
    );
  });
});

test('pipework on a NIC: a macvlan, found by the MAC of the NIC too, and a way for the host', async (t) => {
  await withOffice(t, { plainNic: true }, async (it) => {
    await addBlue(it);
    const mac = (await it.read('host', ['cat', '/sys/class/net/ens33/address'])).trim();
    await it.configure('networks: {}\n');
    await pipework(it, `mac:${mac}`, '/run/netns/blue', '192.168.11.101/23@192.168.11.1');
    assert.match(await inBlue(it, '-d', 'link', 'show', 'eth1'), /macvlan mode bridge/);
    for (const machine of ['pc', 'branch-pc', 'host']) await it.read(machine, ['ping', '-c', '1', '-W', '2', '192.168.11.101']);
    await it.landline('detach', 'blue');
    assert.deepEqual(await it.links(), []);
  });
});
