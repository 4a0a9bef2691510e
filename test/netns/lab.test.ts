import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { labStatus } from '../../src/lab/index.ts';
import { labScript, nameLab, run, type TestLab, withLab } from '../lab.ts';

const office = { daemon: false };
const stations = {
  router: '192.168.11.1',
  server: '192.168.11.2',
  pc: '192.168.10.20',
  host: '192.168.11.20',
  'branch-pc': '10.50.0.20',
} as const;
const machines = ['switch', ...Object.keys(stations)];

/** A server in each machine that says who it is and whom it sees; resolves once all of them listen. */
async function startAnswering(t: TestContext, lab: TestLab): Promise<void> {
  const server = `import net from 'node:net';
    import os from 'node:os';
    const answer = (client) => client.end(os.hostname() + ' of ${lab.name} sees ' + client.remoteAddress);
    net.createServer(answer).listen(7, '0.0.0.0', () => console.log('listening'));`;
  for (const host of Object.keys(stations)) {
    const child = lab.start(host, [process.execPath, '--input-type=module', '-e', server]);
    t.after(() => child.kill());
    await once(child.stdout, 'data');
  }
}

async function ask(lab: TestLab, from: string, addresses: readonly string[]): Promise<readonly string[]> {
  const client = `import net from 'node:net';
    const ask = (host) => new Promise((resolve) => {
      let said = '';
      net.connect({ host, port: 7, timeout: 5000 }).on('data', (it) => { said += it }).on('close', () => resolve(said))
        .on('error', (error) => { said = error.message }).on('timeout', function () { said = 'timeout'; this.destroy() });
    });
    for (const host of ${JSON.stringify(addresses)}) console.log(await ask(host));`;
  const said = await lab.read(from, [process.execPath, '--input-type=module', '-e', client]);
  return said.trim().split('\n');
}

test('every machine reaches every other one by its address, and the branch office is behind the router', async (t) => {
  await withLab(t, office, async (lab) => {
    await startAnswering(t, lab);
    for (const from of Object.keys(stations) as (keyof typeof stations)[]) {
      const answers = await ask(lab, from, Object.values(stations));
      const wanted = Object.entries(stations).map(([name, address]) => {
        const seen = name === from ? address : from === 'router' && name === 'branch-pc' ? '10.50.0.1' : stations[from];
        return `${name} of ${lab.name} sees ${seen}`;
      });
      assert.deepEqual(answers, wanted, `from ${from}`);
    }
  });
});

test('two labs have the same addresses side by side, and each reaches its own machines only', async (t) => {
  await withLab(t, office, async (one) => {
    await withLab(t, office, async (other) => {
      await startAnswering(t, one);
      await startAnswering(t, other);
      for (const lab of [one, other]) {
        assert.deepEqual(await ask(lab, 'pc', [stations.host]), [`host of ${lab.name} sees ${stations.pc}`]);
      }
      const names = (await labStatus()).map((it) => it.name);
      assert.ok(names.includes(one.name) && names.includes(other.name), names.join(' '));
    });
    assert.deepEqual(await ask(one, 'pc', [stations.host]), [`host of ${one.name} sees ${stations.pc}`]);
  });
});

test('the host has its address on br0 over ens33; with plainNic it has it on ens33, and no bridge', async (t) => {
  const show = async (lab: TestLab): Promise<unknown> => {
    interface Shown {
      readonly ifname: string;
      readonly address: string;
      readonly addr_info: readonly { readonly local: string; readonly prefixlen: number }[];
      readonly linkinfo?: { readonly info_data?: { readonly stp_state?: number } };
    }
    // A cast, since this is what `ip -j` prints.
    const links = JSON.parse(await lab.read('host', ['ip', '-j', '-d', 'address'])) as readonly Shown[];
    return links.map((it) => {
      const stp = it.linkinfo?.info_data?.stp_state;
      const addresses = it.addr_info.map((one) => `${one.local}/${one.prefixlen}`);
      return [it.ifname, it.address, ...addresses, ...(stp === undefined ? [] : [`stp ${stp}`])].join(' ');
    });
  };
  await withLab(t, office, async (lab) => {
    assert.deepEqual(await show(lab), [
      'lo 00:00:00:00:00:00 127.0.0.1/8 ::1/128',
      'ens33 52:54:00:00:00:20',
      'br0 52:54:00:00:00:20 192.168.11.20/23 stp 0',
    ]);
  });
  await withLab(t, { ...office, plainNic: true }, async (lab) => {
    assert.deepEqual(await show(lab), ['lo 00:00:00:00:00:00 127.0.0.1/8 ::1/128', 'ens33 52:54:00:00:00:20 192.168.11.20/23']);
    assert.equal(
      await lab.read('host', ['ip', 'route', 'show', 'default']),
      'default via 192.168.11.1 dev ens33 proto static \n',
    );
  });
});

test('each machine has its own name, /etc, /run, /var/log, /var/lib/landline, /proc and /sys', async (t) => {
  await withLab(t, office, async (lab) => {
    for (const host of machines) {
      assert.equal(await lab.read(host, ['uname', '-n']), `${host}\n`);
      assert.equal(await lab.read(host, ['cat', '/etc/hostname']), `${host}\n`);
      assert.equal(await lab.read(host, ['cat', '/etc/resolv.conf']), 'nameserver 192.168.11.2\nsearch test.office.example\n');
    }
    assert.match(await lab.read('host', ['cat', '/etc/hosts']), /^192\.168\.11\.20 host\.test\.office\.example host$/m);
    assert.match(await lab.read('host', ['cat', '/etc/landline/landline.yaml']), /^ {4}bridge: br0$/m);
    assert.equal(await lab.read('pc', ['ls', '/etc/landline']), '');

    assert.equal(await lab.read('host', ['ls', '/sys/class/net']), 'br0\nens33\nlo\n');
    assert.equal(await lab.read('pc', ['ls', '/sys/class/net']), 'eth0\nlo\n');
    assert.equal((await lab.exec('pc', ['test', '-e', '/run/landline-lab'])).status, 1);
    assert.equal(await lab.read('pc', ['ls', '/var/log', '/var/lib/landline']), '/var/lib/landline:\n\n/var/log:\n');
  });
});

test('the cgroups of the machine are in the new /sys, and can be written to', async (t) => {
  await withLab(t, office, async (lab) => {
    const mounted = (mounts: string): readonly string[] => {
      const lines = mounts.split('\n').filter((it) => it.split(' ')[1]?.startsWith('/sys/'));
      return lines.sort();
    };
    assert.deepEqual(mounted(await lab.read('host', ['cat', '/proc/mounts'])), mounted(fs.readFileSync('/proc/mounts', 'utf8')));
    const folder = fs.existsSync('/sys/fs/cgroup/pids') ? '/sys/fs/cgroup/pids' : '/sys/fs/cgroup';
    const group = `${folder}/${lab.name}`;
    await lab.read('host', ['sh', '-c', `mkdir ${group} && test -e ${group}/cgroup.procs && rmdir ${group}`]);
  });
});

test('the processes of the machine that runs the lab are neither seen nor reached from inside', async (t) => {
  await withLab(t, office, async (lab) => {
    const pids = (await lab.read('pc', ['sh', '-c', 'ls -d /proc/[0-9]*'])).split('\n').length;
    assert.ok(pids < 10, `${pids} processes`);
    const bystander = spawn('sleep', ['60']);
    t.after(() => bystander.kill());
    // The numbers of a pid namespace are its own: whatever has this one there, it is not the bystander.
    await lab.exec('pc', ['sh', '-c', `kill -KILL ${bystander.pid}; kill -KILL -1; kill -TERM -- -${bystander.pid}`]);
    await sleep(50);
    assert.equal(bystander.exitCode ?? bystander.signalCode, null);
    assert.equal(await lab.read('pc', ['echo', 'alive']), 'alive\n');
    // No /proc of the outside is left below the new one.
    await lab.exec('pc', ['sh', '-c', 'umount /proc; umount -l /proc; test ! -e /proc/self/stat']);
    assert.equal((await lab.exec('pc', ['test', '-e', '/proc/1'])).status, 1);
  });
});

test('what is written in a machine stays there: the files and mounts of the machine that runs the lab are untouched', async (t) => {
  const etc = ['/etc', '/etc/hostname', '/etc/hosts', '/etc/resolv.conf', '/etc/landline'];
  const paths = [...etc, '/var/log', '/var/lib', '/var/lib/landline', '/opt', '/mnt'];
  const look = (): unknown => ({
    files: paths.map((it) => {
      const stat = fs.lstatSync(it, { throwIfNoEntry: false, bigint: true });
      return stat && { it, ino: stat.ino, mode: stat.mode, size: stat.size, changed: stat.ctimeNs };
    }),
    mounts: fs.readFileSync('/proc/self/mountinfo', 'utf8'),
  });
  const before = look();
  await withLab(t, office, async (lab) => {
    const write = `set -e
      echo x >/etc/hostname; echo x >>/etc/hosts; rm /etc/resolv.conf; touch /etc/${lab.name}; mkdir -p /etc/landline/x
      touch /var/log/${lab.name} /var/lib/${lab.name} /var/lib/landline/x /run/${lab.name}
      mkdir /run/m; mount -t tmpfs tmpfs /run/m; mount --bind /etc /mnt; mount --make-rshared /; mount -t tmpfs tmpfs /opt`;
    await lab.read('host', ['sh', '-c', write]);
    assert.deepEqual(look(), before);
    assert.equal(fs.existsSync(`/run/${lab.name}`), false);
    assert.equal(await lab.read('pc', ['cat', '/etc/hostname']), 'pc\n');
  });
  assert.deepEqual(look(), before);
});

test('/tmp is one for all, so that files can be passed', async (t) => {
  const file = `/tmp/${nameLab()}`;
  t.after(() => fs.rmSync(file, { force: true }));
  await withLab(t, office, async (lab) => {
    await lab.read('pc', ['sh', '-c', `echo passed on >${file}`]);
    assert.equal(await lab.read('host', ['cat', file]), 'passed on\n');
    assert.equal(fs.readFileSync(file, 'utf8'), 'passed on\n');
  });
});

test('no link appears in the network that the lab is made from, not even one that goes again', async () => {
  const name = nameLab();
  // A link that came and went would have used up a number.
  const body = `import { execFileSync } from 'node:child_process';
    const ip = (...args) => execFileSync('ip', args, { encoding: 'utf8' });
    const nextNumber = () => {
      ip('link', 'add', 'probe', 'type', 'bridge');
      const { ifindex } = JSON.parse(ip('-j', 'link', 'show', 'probe'))[0];
      ip('link', 'delete', 'probe');
      return ifindex;
    };
    const first = nextNumber();
    const before = ip('-j', 'link');
    await labUp({ name: '${name}', daemon: false });
    const during = ip('-j', 'link');
    await labDown({ name: '${name}' });
    console.log(JSON.stringify({ before, during, after: ip('-j', 'link'), used: nextNumber() - first }));`;
  const { status, stdout, stderr } = await run('unshare', ['--net', process.execPath, ...labScript(body)]);
  assert.equal(status, 0, stderr);
  // A cast, since this is what the script above prints.
  const seen = JSON.parse(stdout) as Readonly<Record<'before' | 'during' | 'after', string>> & { readonly used: number };
  assert.match(seen.before, /"lo"/);
  assert.equal(seen.during, seen.before);
  assert.equal(seen.after, seen.before);
  assert.equal(seen.used, 1);
});
