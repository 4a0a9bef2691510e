/** The host's NIC goes under a bridge, and back, while a colleague looks on. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BridgeStatus } from '../../src/prepare/index.ts';
import { type ExecOptions, type TestLab, withLab } from '../lab.ts';
import { networkOf, settled, watched } from '../support/host-network.ts';

const interfaces = `auto lo
iface lo inet loopback

auto ens33
iface ens33 inet static
    address 192.168.11.20/23 # the host
    gateway 192.168.11.1
`;

interface Host extends TestLab {
  landline(...args: readonly string[]): Promise<string>;
  /** Shell on the host. */
  sh(script: string): Promise<string>;
  status(): Promise<BridgeStatus>;
  /** Waits until the host is in this state. */
  until(state: BridgeStatus['state'], withinMs: number): Promise<void>;
}

async function withPlainHost(t: TestContext, body: (host: Host) => Promise<void>): Promise<void> {
  await withLab(t, { plainNic: true, daemon: false, docker: false }, async (lab) => {
    const sh = (script: string): Promise<string> => lab.read('host', ['sh', '-c', script]);
    const status = async (): Promise<BridgeStatus> => JSON.parse(await sh('landline host bridge status --json')) as BridgeStatus;
    await sh(`mkdir -p /etc/network && cat >/etc/network/interfaces <<'END'\n${interfaces}END\n`);
    await body({
      ...lab,
      sh,
      status,
      landline: (...args) => lab.read('host', ['landline', ...args]),
      until: async (state, withinMs) => {
        const end = Date.now() + withinMs;
        while ((await status()).state !== state) {
          assert.ok(Date.now() < end, `the host is not ${state} after ${withinMs} ms`);
          await sleep(100);
        }
      },
    });
  });
}

/** A bridge that was made again has another index, and its timers begin anew. */
const withoutIndexes = (network: unknown): unknown =>
  JSON.parse(JSON.stringify(network, (key, value: unknown) => (/^ifindex$|_timer$/.test(key) ? undefined : value)));

test('apply and confirm: a colleague notices nothing, and the files of the next boot are written', async (t) => {
  await withPlainHost(t, async (host) => {
    const before = await networkOf(host, 'host');
    const over = (port: number): ExecOptions => ({ env: { SSH_CONNECTION: `192.168.11.10 ${port} 192.168.11.20 22` } });
    const notices = await watched(host, '192.168.11.20', async () => {
      await host.read('host', ['landline', 'host', 'bridge', 'apply', '--interface', 'ens33'], over(50412));
      assert.equal(await host.sh('cat /etc/network/interfaces'), interfaces, 'before the confirmation');
      // sudo takes the variable away: the shell above it still has it.
      const asRoot = 'env -u SSH_CONNECTION landline host bridge confirm; exit $?';
      assert.match((await host.exec('host', ['sh', '-c', asRoot], over(50412))).stderr, /CONFIRM_SAME_CONNECTION/);
      await host.read('host', ['sh', '-c', asRoot], over(50413));
    });
    t.diagnostic(JSON.stringify(notices));
    assert.ok(notices.pings.gap < 1000 && notices.pings.answered > 50, JSON.stringify(notices));
    assert.ok(notices.session.lived && notices.session.gap < 1000 && notices.session.echoed > 30, JSON.stringify(notices));
    const written = await host.sh('cat /etc/network/interfaces');
    assert.match(written, /^iface ens33 inet manual$/m);
    assert.match(written, /^ {4}address 192\.168\.11\.20\/23 # the host$/m);
    assert.match(await host.sh('ip -d link show br0'), /52:54:00:00:00:20.*stp_state 0/s);
    const again = await host.landline('host', 'bridge', 'apply', '--interface', 'ens33');
    assert.match(again, /is under br0/, 'a second one does nothing');

    await t.test('a removal that nobody confirms leaves the bridge as it was', async () => {
      const bridged = await networkOf(host, 'host');
      await host.landline('host', 'bridge', 'apply', '--remove', '--timeout', '2');
      assert.match(await host.sh('ip -br address show ens33'), /192\.168\.11\.20/);
      await host.until('bridged', 6000);
      await settled(host, 'host');
      assert.deepEqual(withoutIndexes(await networkOf(host, 'host')), withoutIndexes(bridged));
    });

    await t.test('rollback long after takes what is there by then back to the NIC, and the files as they were', async () => {
      await host.sh('ip address add 192.168.11.22/23 dev br0');
      let told = '';
      const back = await watched(host, '192.168.11.20', async () => {
        told = (await host.exec('host', ['landline', 'host', 'bridge', 'rollback'])).stderr;
      });
      assert.match(told, /is taken in 60 s should this be cut off$/m, 'nobody is asked to confirm it');
      assert.ok(back.session.lived && back.pings.gap < 1000, JSON.stringify(back));
      assert.match(await host.sh('ip -br address show ens33'), /192\.168\.11\.20\/23 192\.168\.11\.22\/23/);
      await host.sh('ip address delete 192.168.11.22/23 dev ens33');
      assert.deepEqual(await networkOf(host, 'host'), before);
      assert.equal(await host.sh('cat /etc/network/interfaces'), interfaces);
    });
  });
});

/** Shapes of a host's network, each as commands on a host whose ens33 has 192.168.11.20/23 and the default route. */
const shapes: Readonly<Record<string, { readonly make: string; readonly colleague?: string; readonly address?: string }>> = {
  'one address': { make: ':' },
  'two addresses, one with a label, and routes with metrics, sources and an MTU': {
    make: `ip address add 192.168.11.21/23 dev ens33 label ens33:1
      ip address add 192.168.30.1/24 dev ens33 noprefixroute
      ip route add 192.168.30.0/24 dev ens33 proto kernel scope link src 192.168.30.1 metric 70
      ip route replace default via 192.168.11.1 dev ens33 proto dhcp src 192.168.11.21 metric 100 mtu 1400
      ip route add 10.50.0.0/24 via 192.168.30.9 dev ens33
      ip route add 10.60.0.0/16 nexthop via 192.168.11.1 dev ens33 weight 2 nexthop via 192.168.11.2 dev ens33
      ip route add unreachable 10.70.0.0/16
      ip neighbour add 192.168.11.99 lladdr 02:00:00:00:00:99 dev ens33 nud permanent
      ip neighbour add proxy 192.168.11.98 dev ens33`,
  },
  'policy routes': {
    make: `ip route add default via 192.168.11.1 dev ens33 table 100
      ip route add 192.168.10.0/23 dev ens33 table 100
      ip rule add iif ens33 lookup 100 priority 1000
      ip rule add from 192.168.11.20 fwmark 7/0xff lookup 100 priority 1001
      ip -6 rule add oif ens33 lookup 200 priority 1002`,
  },
  'a default route through another NIC, of the same metric': {
    make: `ip link add ens34 type veth peer name far
      ip link set far up; ip link set ens34 up
      ip address add 192.168.10.77/23 dev ens34
      ip route delete default
      ip route add default via 192.168.11.1 dev ens34
      ip route append default via 192.168.11.1 dev ens33`,
  },
  'IPv6 alone, with a router': {
    make: `sysctl -qw net.ipv6.conf.ens33.disable_ipv6=0
      ip address flush dev ens33 scope global; ip -4 route flush dev ens33
      ip -6 address add 2001:db8:10::20/64 dev ens33
      ip -6 address add 2001:db8:10::21/64 dev ens33 preferred_lft 1000 valid_lft 2000
      ip -6 route add default via 2001:db8:10::1 dev ens33 metric 1024
      ip -6 route add 2001:db8:50::/64 via 2001:db8:10::1 dev ens33 expires 600`,
    colleague: `sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0; ip -6 address add 2001:db8:10::10/64 dev eth0 nodad`,
    address: '2001:db8:10::20',
  },
};

for (const [shape, { make, colleague, address = '192.168.11.20' }] of Object.entries(shapes)) {
  test(`without a confirmation everything is as it was: ${shape}`, async (t) => {
    await withPlainHost(t, async (host) => {
      await host.sh(make);
      if (colleague !== undefined) {
        await host.read('pc', ['sh', '-c', colleague]);
        host.start('pc', ['sh', '-c', `exec tcpdump -i eth0 -nlv 'icmp6 and ip6[40] == 136 and dst host ff02::1' >/tmp/told`]);
        await host.read('router', [
          'sh',
          '-c',
          'sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0; ip -6 address add 2001:db8:10::1/64 dev eth0 nodad',
        ]);
      }
      await settled(host, 'host');
      await host.read('pc', ['ping', '-c', '1', '-W', '2', address]);
      const before = await networkOf(host, 'host');
      const notices = await watched(host, address, async () => {
        await host.landline('host', 'bridge', 'apply', '--interface', 'ens33', '--timeout', '3');
      });
      t.diagnostic(JSON.stringify(notices));
      assert.ok(notices.session.lived && notices.pings.gap < 1000, JSON.stringify(notices));
      await host.until('rolled back', 6000);
      await settled(host, 'host');
      assert.deepEqual(await networkOf(host, 'host'), before);
      // Neighbours are told without having asked, of the link's own address too.
      if (colleague !== undefined) {
        const told = await host.read('pc', ['cat', '/tmp/told']);
        for (const it of ['2001:db8:10::20', '2001:db8:10::21', 'fe80::5054:ff:fe00:20'])
          assert.match(told, new RegExp(`tgt is ${it}, Flags \\[override\\]`));
      }
    });
  });
}

test('an address from DHCP: the client goes on, on the bridge, with the same lease', async (t) => {
  await withPlainHost(t, async (host) => {
    await host.sh(`cat >/run/lease.sh <<'END'
#!/bin/sh
case $1 in bound | renew) ip address replace $ip/$mask dev $interface valid_lft $lease preferred_lft $lease; ip route replace default via $router dev $interface proto dhcp ;; esac
END
chmod +x /run/lease.sh; ip address flush dev ens33
setsid busybox udhcpc -f -i ens33 -s /run/lease.sh </dev/null >/dev/null 2>&1 &
until ip address show dev ens33 | grep -q valid_lft.*sec; do sleep 0.05; done`);
    const addressOn = async (link: string): Promise<string | undefined> =>
      /inet (\S+)/.exec(await host.sh(`ip -4 address show dev ${link}`))?.[1];
    const leased = await addressOn('ens33');
    const before = await networkOf(host, 'host');
    const clientState = async (): Promise<string> => (await host.sh('ps -o stat= -C busybox | head -1')).trim().charAt(0);

    await host.landline('host', 'bridge', 'apply', '--interface', 'ens33', '--manager', 'none', '--timeout', '3');
    assert.equal(await clientState(), 'T', 'the client stands still meanwhile');
    await host.until('rolled back', 6000);
    assert.deepEqual(await networkOf(host, 'host'), before);
    assert.equal(await clientState(), 'S', 'and goes on');

    await host.landline('host', 'bridge', 'apply', '--interface', 'ens33', '--manager', 'none');
    await host.landline('host', 'bridge', 'confirm');
    await host.sh('until pgrep -a -x busybox | grep -q -- "-i br0"; do sleep 0.05; done; sleep 1');
    assert.deepEqual([await addressOn('br0'), await addressOn('ens33')], [leased, undefined]);
  });
});

test('a daemon that starts undoes what a killed command and a killed watchdog have left', async (t) => {
  await withPlainHost(t, async (host) => {
    const before = await networkOf(host, 'host');
    await host.landline('host', 'bridge', 'apply', '--interface', 'ens33', '--timeout', '1000');
    await host.sh(
      'kill -KILL -$(cat /var/lib/landline/host-bridge/current/watchdog.pid); echo 1 >/var/lib/landline/host-bridge/current/deadline',
    );
    await host.sh('setsid landline daemon >/var/log/landline.log 2>&1 </dev/null &');
    await host.until('rolled back', 10_000);
    assert.deepEqual(await networkOf(host, 'host'), before);
  });
});

test('what only shows when it is tried leaves everything as it was, and is named', async (t) => {
  await withPlainHost(t, async (host) => {
    const before = await networkOf(host, 'host');
    const saysOf = async (script: string): Promise<string> => (await host.exec('host', ['sh', '-c', script])).stderr;
    const apply = 'landline host bridge apply --interface ens33';

    await host.sh(
      'landline host bridge apply --interface ens33; mount --bind /etc/network /etc/network; mount -o remount,bind,ro /etc/network',
    );
    assert.match(await saysOf('landline host bridge confirm'), /put back: the files of the next boot could not be written/);
    await host.sh('umount /etc/network');
    assert.deepEqual(await networkOf(host, 'host'), before, 'a folder that cannot be written to');
    assert.equal(await host.sh('cat /etc/network/interfaces'), interfaces);

    // A page is left, and two are needed.
    const long = `${interfaces}${'# what else is to be known\n'.repeat(200)}`;
    await host.sh(`mount -t tmpfs -o size=12k none /etc/network; cat >/etc/network/interfaces <<'END'\n${long}END\n`);
    await host.landline('host', 'bridge', 'apply', '--interface', 'ens33');
    assert.match(
      await saysOf('landline host bridge confirm'),
      /put back: the files of the next boot could not be written: .*No space left on device/,
    );
    assert.deepEqual(await networkOf(host, 'host'), before, 'a full disk for the files');
    assert.equal(await host.sh('cat /etc/network/interfaces'), long);
    assert.equal(await host.sh('ls -A /etc/network'), 'interfaces\n');
    await host.sh('umount /etc/network');

    const folders = "find /var/lib/landline/host-bridge -printf '%P %l\\n' | sort";
    const kept = await host.sh(folders);
    await host.sh('cp -a /var/lib/landline/host-bridge /run/kept');
    for (const pages of [0, 4]) {
      await host.sh(`mount -t tmpfs -o size=256k none /var/lib/landline; cp -a /run/kept /var/lib/landline/host-bridge
        head -c ${4096 * pages} /dev/zero >/var/lib/landline/room; cat /dev/zero >/var/lib/landline/rest 2>/dev/null || rm /var/lib/landline/room`);
      assert.match(await saysOf(apply), /STATE_UNWRITABLE: .*ENOSPC/, `${pages} pages of room for the way back`);
      assert.deepEqual(await networkOf(host, 'host'), before);
      assert.equal(await host.sh(folders), kept, 'nothing is left of it');
      assert.equal((await host.status()).state, 'rolled back');
      await host.sh('umount /var/lib/landline');
    }

    // From here nothing is seen of a link in a namespace of somebody else's.
    await host.sh(
      'unshare --net sleep 60 >/dev/null 2>&1 & sleep 0.3; ip link add mv0 link ens33 netns $! type macvlan; echo $! >/run/other',
    );
    assert.match(await saysOf(apply), /put back: ens33 is the parent of a macvlan or ipvlan in another network namespace/);
    await host.sh('kill $(cat /run/other); sleep 0.3');
    assert.deepEqual(await networkOf(host, 'host'), before, "the parent of a container's macvlan");

    const both = await saysOf(`${apply} --timeout 9 & ${apply} --timeout 9; wait`);
    assert.match(both, /BRIDGE_BUSY/, 'two at once');
    await host.sh('ip link delete ens33');
    await host.landline('host', 'bridge', 'rollback');
    assert.equal((await host.sh('ip -br link')).trim().split('\n').length, 1, 'a NIC that is pulled out: its bridge goes too');
  });
});

test('a router that is gone when it is looked for again: everything goes back at once', async (t) => {
  await withPlainHost(t, async (host) => {
    // Nobody answers for this one, so the command waits for it before it changes anything.
    await host.sh('ip route add 10.99.0.0/24 via 192.168.11.77');
    const before = await networkOf(host, 'host');
    const apply = host.exec('host', ['landline', 'host', 'bridge', 'apply', '--interface', 'ens33']);
    await host.sh('until ip neighbour show 192.168.11.77 | grep -q INCOMPLETE; do sleep 0.02; done; sleep 0.2');
    await host.read('router', ['ip', 'link', 'set', 'eth0', 'down']);
    const { status, stderr } = await apply;
    assert.equal(status, 1);
    assert.match(
      stderr,
      /BRIDGE_FAILED: the network was changed and put back: 192\.168\.11\.1 answered before, and does not over br0/,
    );
    assert.deepEqual(await networkOf(host, 'host'), before);
    assert.equal((await host.status()).state, 'rolled back');
  });
});

/** `name` in its folder is a program that ends its caller, and the command that called that, once it is called for the `nth` time. */
const killer = (name: string, nth: number): string => `rm -rf /run/killer; mkdir /run/killer
cat >/run/killer/${name} <<'END'
#!/bin/sh
echo >>/run/killer/calls
[ "$(wc -l </run/killer/calls)" -eq ${nth} ] && kill -KILL "$(ps -o ppid= -p $PPID)" $PPID && exit 1
PATH=\${PATH#/run/killer:}
exec ${name} "$@"
END
chmod +x /run/killer/${name}; PATH=/run/killer:$PATH exec landline host bridge confirm`;

const networkdFile = '[Match]\nName=ens33\n\n[Network]\nAddress=192.168.11.20/23\nGateway=192.168.11.1\n';

test('kill -9 of confirm and its shell, before, between and after the files: none is half-written, and it is ended', async (t) => {
  await withPlainHost(t, async (host) => {
    const folder = '/etc/systemd/network';
    await host.sh(`mkdir -p ${folder} && cat >${folder}/50-ens33.network <<'END'\n${networkdFile}END\n`);
    const apply = ['host', 'bridge', 'apply', '--interface', 'ens33', '--manager', 'systemd-networkd', '--timeout'];
    const runs = [
      { timeout: '30', moments: ['cp 1', 'mv 2', 'confirm'] },
      // The watchdog alone.
      { timeout: '10', moments: ['mv 4', 'wait'] },
    ];
    for (const [run, { timeout, moments }] of runs.entries()) {
      if (run > 0) await host.landline('host', 'bridge', 'rollback');
      assert.equal(await host.sh(`cat ${folder}/*`), networkdFile);
      await host.landline(...apply, timeout);
      const files = (await host.status()).files ?? [];
      assert.ok(files.length >= 2, files.join(', '));
      const written = async (): Promise<readonly string[]> => {
        const names = (await host.sh(`ls ${folder}`)).trim().split('\n');
        return names.map((name) => `${folder}/${name}`).filter((file) => files.includes(file));
      };
      const isAsWished = async (file: string): Promise<boolean> => {
        const after = `/var/lib/landline/host-bridge/current/after/${files.indexOf(file)}`;
        return (await host.exec('host', ['cmp', after, file])).status === 0;
      };
      for (const moment of moments) {
        const [name = '', nth] = moment.split(' ');
        if (moment === 'confirm') await host.landline('host', 'bridge', 'confirm');
        else if (moment === 'wait') await host.until('bridged', 40_000);
        else {
          await host.exec('host', ['sh', '-c', killer(name, Number(nth))]);
          assert.equal((await host.status()).state, 'confirming', `killed at ${moment}`);
          await host.sh('test -e /var/lib/landline/host-bridge/current/confirming');
          assert.match(await host.sh('ip -br address show br0'), /192\.168\.11\.20/, `killed at ${moment}`);
          assert.equal(
            (await written()).length,
            moment === 'cp 1' ? 0 : moment === 'mv 2' ? 1 : files.length,
            `written at ${moment}`,
          );
        }
        for (const file of await written()) assert.ok(await isAsWished(file), `${file} is whole, killed at ${moment}`);
      }
      assert.equal((await host.status()).state, 'bridged');
      assert.deepEqual((await written()).toSorted(), files.toSorted());
      assert.doesNotMatch(await host.sh(`ls -A ${folder}`), /\.landline/);
      await host.sh('test ! -e /var/lib/landline/host-bridge/current/confirming');
    }
  });
});

/** Milliseconds after its start at which the command is killed, with every process of its own but the watchdog. */
const moments = process.env['LANDLINE_SOAK'] === '1' ? [50, 150, 250, 300, 350, 400, 450, 500, 700, 1200] : [250, 400, 800];

test('kill -9 of the command, its shell and the daemon, at any moment: everything is as it was in time', async (t) => {
  await withPlainHost(t, async (host) => {
    await host.sh('ip route add 10.50.0.0/24 via 192.168.11.1; setsid landline daemon >/var/log/landline.log 2>&1 </dev/null &');
    const before = await networkOf(host, 'host');
    for (const moment of moments) {
      const run = host.start('host', ['sh', '-c', 'landline host bridge apply --interface ens33 --timeout 2; true']);
      await sleep(moment);
      await host.exec('host', ['pkill', '-KILL', '-f', 'host bridge apply|landline daemon']);
      run.kill('SIGKILL');
      await sleep(2600);
      // Where it was killed before the watchdog ran, nothing was changed either.
      assert.deepEqual(await networkOf(host, 'host'), before, `killed after ${moment} ms`);
      await host.exec('host', ['landline', 'host', 'bridge', 'rollback']);
      assert.deepEqual(await networkOf(host, 'host'), before, `killed after ${moment} ms, and mended`);
    }
  });
});
