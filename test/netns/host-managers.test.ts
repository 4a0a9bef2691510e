/** The files of the next boot, given to the managers themselves. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type TestLab, withLab } from '../lab.ts';
import { networkOf, settled } from '../support/host-network.ts';

/** sysfs is read-only for them: they then do not wait for udev, which no machine of a lab has. */
const alone = (program: string): string =>
  `unshare --mount sh -c 'mount -o remount,bind,ro /sys; exec ${program}' >/var/log/manager.log 2>&1 &`;
const bus = 'mkdir -p /run/dbus; dbus-daemon --system --fork --nopidfile';
const gone = 'ip link delete br0; ip address flush dev ens33; ip link set ens33 down';
const until = (test: string): string => `for try in $(seq 100); do if ${test}; then break; fi; sleep 0.1; done`;

interface Manager {
  /** Files and programs before. */
  readonly before: string;
  /** Ends it, and starts it on a machine that has nothing yet. */
  readonly reboot: string;
  /** Holds once it is done. */
  readonly ready: string;
  readonly runs: boolean;
}

const networkd = `mkdir -p /run/systemd/netif/links /run/systemd/netif/leases; chown -R systemd-network: /run/systemd/netif
${alone('/lib/systemd/systemd-networkd')}`;
const networkManager = `mkdir -p /run/NetworkManager; ${alone('NetworkManager --no-daemon')}`;

const managers: Readonly<Record<string, Manager>> = {
  ifupdown: {
    before: `printf 'auto ens33\\niface ens33 inet static\\n  address 192.168.11.20/23\\n  gateway 192.168.11.1\\n' >/etc/network/interfaces`,
    reboot: 'ifup -a --force 2>/dev/null || ifup --force br0',
    ready: 'true',
    runs: false,
  },
  'systemd-networkd': {
    before: `${bus}
mkdir -p /etc/systemd/network; rm -f /etc/network/interfaces
printf '[Match]\\nName=ens33\\n\\n[Network]\\nAddress=192.168.11.20/23\\nGateway=192.168.11.1\\nIPv6AcceptRA=no\\n' >/etc/systemd/network/20-wired.network
${networkd}
${until('grep -q ADMIN_STATE=configured /run/systemd/netif/links/*')}`,
    reboot: `pkill -x systemd-network; sleep 0.3; rm -rf /run/systemd/netif; ${gone}; ${networkd}`,
    ready: 'ip route | grep -q "default.*br0"',
    runs: true,
  },
  NetworkManager: {
    before: `${bus}
mkdir -p /etc/NetworkManager/conf.d /etc/NetworkManager/system-connections; rm -f /etc/network/interfaces
printf '[main]\\nplugins=keyfile\\n[device-ens33]\\nmatch-device=interface-name:ens33\\nmanaged=1\\n' >/etc/NetworkManager/conf.d/office.conf
file=/etc/NetworkManager/system-connections/office.nmconnection
printf '[connection]\\nid=office\\nuuid=7f1a3d64-5d0c-4f7e-a3b1-9c3bb3a2d9d4\\ntype=ethernet\\ninterface-name=ens33\\n\\n[ipv4]\\naddress1=192.168.11.20/23,192.168.11.1\\nmethod=manual\\n\\n[ipv6]\\nmethod=disabled\\n' >$file
chmod 600 $file
${networkManager}
${until('nmcli -t -f DEVICE,STATE,CONNECTION device 2>/dev/null | grep -q ens33:connected:office')}`,
    reboot: `pkill -x NetworkManager; sleep 0.5; rm -rf /run/NetworkManager; ${gone}; ${networkManager}`,
    ready: 'ip route | grep -q "default.*br0"',
    runs: true,
  },
};

async function shown(lab: TestLab): Promise<unknown> {
  const sh = (script: string): Promise<string> => lab.read('host', ['sh', '-c', script]);
  const pass = await lab.exec('pc', ['ping', '-c', '1', '-W', '2', '192.168.11.20']);
  return {
    bridge: /link\/ether (\S+)/.exec(await sh('ip -d link show br0'))?.[1],
    stp: /stp_state (\d)/.exec(await sh('ip -d link show br0'))?.[1],
    addresses: (await sh('ip -4 -br address show br0')).trim().split(/\s+/).slice(2),
    onPort: (await sh('ip -4 -br address show ens33')).trim(),
    port: /master (\S+)/.exec(await sh('ip link show ens33'))?.[1],
    default: /^default via (\S+) dev (\S+)/m.exec(await sh('ip route'))?.slice(1),
    answers: pass.status === 0,
  };
}

const wanted = {
  bridge: '52:54:00:00:00:20',
  stp: '0',
  addresses: ['192.168.11.20/23'],
  onPort: '',
  port: 'br0',
  default: ['192.168.11.1', 'br0'],
  answers: true,
};

for (const [name, manager] of Object.entries(managers)) {
  test(`${name} brings up on a new boot what was confirmed, and does not fight before`, { timeout: 60_000 }, async (t) => {
    await withLab(t, { plainNic: true, daemon: false, docker: false }, async (lab) => {
      const sh = (script: string): Promise<string> => lab.read('host', ['sh', '-c', script]);
      await sh(manager.before);
      if (manager.runs) assert.match(await sh('ip -4 -br address show ens33'), /192\.168\.11\.20\/23/);
      await sh('landline host bridge apply --interface ens33 --timeout 30');
      await sh('sleep 1');
      assert.deepEqual(await shown(lab), wanted, 'before the confirmation');
      if (process.env['LANDLINE_SOAK'] === '1') {
        // What is below /run a reboot forgets.
        await sh(
          `rm -rf /run/systemd/network /run/NetworkManager; ${manager.runs ? manager.reboot : `${gone}; ifup -a --force`}`,
        );
        await sh(until('ip route | grep -q "default.*ens33"'));
        const booted = await sh('ip -4 -br address; ip link show');
        assert.match(booted, /^ens33\S* +UP +192\.168\.11\.20\/23/m, 'a reboot before the confirmation');
        assert.doesNotMatch(booted, /br0/);
        await sh('landline host bridge rollback; landline host bridge apply --interface ens33 --timeout 30; sleep 1');
      }
      assert.match(await sh('landline host bridge confirm'), new RegExp(`at boot by ${name}`));
      await sh('sleep 1');
      assert.deepEqual(await shown(lab), wanted, 'confirmed, and told');
      await sh(manager.runs ? manager.reboot : `${gone}; ${manager.reboot}`);
      await sh(until(manager.ready));
      assert.deepEqual(await shown(lab), wanted, 'after a new boot');
    });
  });
}

/** Instead of the lab's own server: leases that end within the time in which nobody has confirmed yet. */
const leasesOfSeconds = `kill -9 $(pidof dnsmasq)
printf 'start 192.168.10.100\nend 192.168.10.110\ninterface eth0\nmin_lease 3\noption lease 4\noption subnet 255.255.254.0\noption router 192.168.11.1\nlease_file /run/leases\n' >/run/udhcpd.conf
touch /run/leases; setsid busybox udhcpd -f /run/udhcpd.conf >/var/log/udhcpd.log 2>&1 </dev/null &`;

const byDhcp: Readonly<Record<string, readonly [from: RegExp, to: string]>> = {
  'systemd-networkd': [/Address=\S+\\nGateway=[\d.]+/, 'DHCP=ipv4'],
  NetworkManager: [/address1=\S+\\nmethod=manual/, 'method=auto'],
};

// Mostly they wait: side by side they take as long as one.
test('a lease is renewed on the bridge before it is confirmed, and on the NIC once it is back', {
  concurrency: true,
  timeout: 90_000,
}, async (t) => {
  await Promise.all(
    Object.entries(byDhcp).map(([name, [from, to]]) =>
      t.test(name, (inner) =>
        withLab(inner, { plainNic: true, daemon: false, docker: false }, async (lab) => {
          const sh = (script: string): Promise<string> => lab.read('host', ['sh', '-c', script]);
          const { before = '' } = managers[name] ?? {};
          assert.match(before, from);
          await lab.read('server', ['sh', '-c', leasesOfSeconds]);
          await sh(`ip address flush dev ens33; ${before.replace(from, to)}`);
          await settled(lab, 'host');
          const was = await networkOf(lab, 'host');
          assert.match(await sh('ip -4 -br address show ens33'), /192\.168\.10\.10\d\/23/);

          await sh('landline host bridge apply --interface ens33 --timeout 9');
          const seen = await sh(`for try in $(seq 8); do
            for it in ens33 br0; do ip -4 -br address show $it | tr -s ' '; done; sleep 0.5; done`);
          assert.doesNotMatch(seen, /^ens33\S* \S+ \d/m, 'nothing on the port');
          assert.match(seen, /^br0 UP 192\.168\.10\.10\d\/23[^\n]*\n$/m, 'renewed there');
          await sh(until('landline host bridge status | grep -q "put back"'));
          await sh('sleep 3.2');
          await settled(lab, 'host');
          assert.deepEqual(await networkOf(lab, 'host'), was);
          const left = 'ls /run/systemd/network /run/NetworkManager/system-connections 2>/dev/null | grep landline || true';
          assert.equal(await sh(left), '');
          if (process.env['LANDLINE_SOAK'] !== '1') return;
          const all = [
            'apply --interface ens33',
            'confirm',
            'apply --remove',
            'confirm',
            'apply --interface ens33',
            'confirm',
            'rollback',
          ];
          for (const step of all) await sh(`landline host bridge ${step}; sleep 1`);
          await sh('sleep 3.2');
          await settled(lab, 'host');
          assert.deepEqual(await networkOf(lab, 'host'), was, 'removed, and rolled back long after');
        }),
      ),
    ),
  );
});

test('netplan takes every file of its cases, before and after', { timeout: 60_000 }, async (t: TestContext) => {
  const cases = path.join(import.meta.dirname, '../../src/files/boot/cases/netplan');
  const { execFileSync } = await import('node:child_process');
  for (const name of fs.readdirSync(cases)) {
    const text = fs.readFileSync(path.join(cases, name), 'utf8');
    const parts = [...text.matchAll(/^=== (before|after) (\/etc\/netplan\/\S+)\n((?:(?!^=== )[\s\S])*)/gm)];
    const root = fs.mkdtempSync('/tmp/landline-netplan-');
    t.after(() => fs.rmSync(root, { recursive: true, force: true }));
    fs.mkdirSync(path.join(root, 'etc/netplan'), { recursive: true });
    // What comes after takes the place of what was before.
    for (const when of ['before', 'after']) {
      for (const [, kind, file = '', content = ''] of parts)
        if (kind === when) fs.writeFileSync(path.join(root, file), content, { mode: 0o600 });
    }
    execFileSync('netplan', ['generate', '--root-dir', root], { stdio: ['ignore', 'ignore', 'pipe'] });
    if (!/^=== after/m.test(text)) continue;
    const made = ['run/systemd/network', 'run/NetworkManager/system-connections']
      .map((it) => path.join(root, it))
      .filter((it) => fs.existsSync(it));
    const written = made
      .flatMap((folder) => fs.readdirSync(folder).map((it) => fs.readFileSync(path.join(folder, it), 'utf8')))
      .join('\n');
    assert.match(written, /^(Bridge=br0|slave-type=bridge)$/m, name);
    assert.match(written, /^(STP=false|STP=no|stp=false)$/m, name);
  }
});
