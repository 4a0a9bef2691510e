/** The networks bridge, host, container:NAME and none, and namespaces of others, as they are seen from around them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TestLab, withLab } from '../lab.ts';
import { eventually, killAndStart, landline, open, ps, traces, tryLandline, view } from '../support/office.ts';

const serve = ['busybox', 'httpd', '-f', '-p', '80', '-h', 'examples/shop'];
const page = 'shop.yaml';

/** A page as an environment sees it: its status line's code, or undefined within two seconds. */
async function openInside(lab: TestLab, name: string, url: string): Promise<string | undefined> {
  const { status, stdout } = await tryLandline(lab, 'exec', name, '--', 'curl', '-sS', '--max-time', '2', url);
  return status === 0 ? stdout : undefined;
}

for (const calls of ['0', '1']) {
  test(`bridge: published ports and isolation, with bridge-nf-call-iptables=${calls}`, async (t) => {
    await withLab(t, {}, async (lab) => {
      await lab.read('host', ['sysctl', '-qw', `net.bridge.bridge-nf-call-iptables=${calls}`]);
      await landline(lab, 'run', '--name', 'a', '--network', 'bridge', '-p', '8080:80', '--', ...serve);
      await landline(lab, 'run', '--name', 'b', '--network', 'bridge', '-p', '8081:80', '--', ...serve);
      await landline(lab, 'run', '--name', 'lan', '--network', 'office', '--address', '192.168.11.101', '--', ...serve);
      for (const machine of ['pc', 'branch-pc', 'host']) {
        assert.ok(await open(lab, machine, `http://192.168.11.20:8080/${page}`), machine);
        assert.ok(await open(lab, machine, `http://192.168.11.101/${page}`), `${machine} to the LAN`);
      }
      assert.ok(await open(lab, 'host', `http://127.0.0.1:8081/${page}`), "the host's own loopback");
      assert.ok(await openInside(lab, 'a', `http://192.168.11.20:8080/${page}`), 'its own published port');
      assert.ok(await openInside(lab, 'a', `http://192.168.11.20:8081/${page}`), "another's published port");
      assert.ok(await openInside(lab, 'a', `http://192.168.11.101/${page}`), 'out to the LAN');
      assert.equal(await openInside(lab, 'a', `http://10.88.0.3/${page}`), undefined, "another's private address");
      assert.equal(await open(lab, 'pc', `http://10.88.0.2/${page}`), undefined, 'a private address from the LAN');
    });
  });
}

test('bridge: a port that is taken is refused by name before anything is made, and a restart of the daemon changes nothing', async (t) => {
  await withLab(t, {}, async (lab) => {
    const run = (name: string, port: string) =>
      tryLandline(lab, 'run', '--name', name, '--network', 'bridge', '-p', port, '--', ...serve);
    assert.equal((await run('a', '8080:80')).status, 0);
    const twice = await run('b', '8080:80');
    assert.equal(twice.status, 1);
    assert.match(twice.stderr, /^landline: PORT_PUBLISHED_TWICE: port 8080\/tcp of the host is published by environment 'a'/);
    await lab.read('host', ['sh', '-c', 'setsid busybox nc -ll -p 9000 -e true >/dev/null 2>&1 & sleep 0.2']);
    assert.match(
      (await run('b', '9000:80')).stderr,
      /^landline: PORT_TAKEN: port 9000\/tcp of the host is taken by busybox \(pid \d+\)/,
    );
    assert.deepEqual(
      (await ps(lab)).map((it) => it.name),
      ['a'],
    );
    await killAndStart(lab);
    assert.ok(await open(lab, 'pc', `http://192.168.11.20:8080/${page}`));
    await lab.read('host', ['nft', 'flush', 'ruleset']);
    await eventually(5, async () => assert.ok(await open(lab, 'pc', `http://192.168.11.20:8080/${page}`)));
    await landline(lab, 'down', '--all');
    assert.deepEqual(await traces(lab), []);
    assert.equal((await lab.read('host', ['nft', 'list', 'ruleset'])).trim(), '');
  });
});

test("host: services are in the host's own network, and no endpoint is theirs", async (t) => {
  await withLab(t, {}, async (lab) => {
    await landline(lab, 'run', '--name', 'builder', '--network', 'host', '--', ...serve);
    assert.ok(await open(lab, 'pc', `http://192.168.11.20/${page}`));
    const { endpoints, network, sandbox } = await view(lab, 'builder');
    assert.deepEqual({ endpoints, network }, { endpoints: [], network: 'host' });
    assert.equal(sandbox?.inode, Number(await lab.read('host', ['stat', '-Lc', '%i', '/proc/1/ns/net'])));
    await landline(lab, 'down', 'builder');
    assert.match(await lab.read('host', ['ip', '-brief', 'address', 'show', 'br0']), /192\.168\.11\.20\/23/);
  });
});

test('container:NAME: both share one localhost, and who joined stops and comes back with the other', async (t) => {
  await withLab(t, {}, async (lab) => {
    await landline(lab, 'run', '--name', 'shop', '--network', 'office', '--', ...serve);
    await landline(lab, 'run', '--name', 'debug', '--network', 'container:shop', '--', 'sleep', '600');
    assert.ok(await openInside(lab, 'debug', `http://localhost/${page}`));
    assert.match(
      await landline(lab, 'exec', 'debug', '--', 'cat', '/etc/hosts'),
      /127\.0\.0\.1 debug\n(.*\n)*127\.0\.0\.1 shop\n192\.168\.11\.100 shop/,
    );
    const other = await tryLandline(lab, 'run', '--name', 'lost', '--network', 'container:nobody', '--', 'sleep', '9');
    assert.match(other.stderr, /^landline: SANDBOX_AWAY: environment 'lost' shares the network of 'nobody', which is not there/);
    await landline(lab, 'down', 'shop');
    await eventually(5, async () => assert.equal((await view(lab, 'debug')).problems[0]?.code, 'SANDBOX_AWAY'));
    await landline(lab, 'run', '--name', 'shop', '--network', 'office', '--', ...serve);
    await eventually(5, async () => assert.ok(await openInside(lab, 'debug', `http://localhost/${page}`)));
    assert.deepEqual((await view(lab, 'debug')).problems, []);
  });
});

test('none: lo is up, and there is nothing else', async (t) => {
  await withLab(t, {}, async (lab) => {
    await landline(lab, 'run', '--name', 'alone', '--network', 'none', '--', ...serve);
    assert.ok(await openInside(lab, 'alone', `http://127.0.0.1/${page}`));
    assert.equal(await landline(lab, 'exec', 'alone', '--', 'sh', '-c', 'ls /sys/class/net'), 'lo\n');
    assert.deepEqual((await view(lab, 'alone')).endpoints, []);
  });
});

test("attach: a namespace of somebody else's is plumbed, kept so, and given back", async (t) => {
  await withLab(t, {}, async (lab) => {
    await lab.read('host', ['ip', 'netns', 'add', 'red']);
    await lab.read('host', ['ip', '-netns', 'red', 'link', 'set', 'lo', 'up']);
    const red = ['--netns', '/run/netns/red', '--network', 'office'];
    const up = JSON.parse(
      await landline(lab, 'attach', ...red, '--address', '192.168.11.66', '--route', '10.50.0.0/24,192.168.11.1', '--json'),
    );
    assert.ok(up.attachMs > 0 && up.probeMs > 0);
    assert.equal((await lab.exec('branch-pc', ['ping', '-c1', '-W1', '192.168.11.66'])).status, 0);
    assert.match(await lab.read('host', ['ip', '-netns', 'red', 'route']), /^10\.50\.0\.0\/24 via 192\.168\.11\.1/m);
    await lab.read('host', ['ip', '-netns', 'red', 'address', 'flush', 'dev', 'eth0']);
    await eventually(5, async () => assert.equal((await lab.exec('pc', ['ping', '-c1', '-W1', '192.168.11.66'])).status, 0));
    // The same again changes nothing, and a daemon that was killed keeps it.
    assert.equal(JSON.parse(await landline(lab, 'attach', ...red, '--json')).endpoints[0].addresses[0], '192.168.11.66/23');
    await killAndStart(lab);
    await landline(lab, 'detach', 'red');
    assert.doesNotMatch(await lab.read('host', ['ip', '-netns', 'red', 'link']), /eth0/);
    assert.deepEqual(await ps(lab), []);
    assert.match((await tryLandline(lab, 'attach', '--pid', '1', '--network', 'office')).stderr, /^landline: TARGET_IS_HOST: /);
  });
});

test('attach: what is attached to a process is forgotten when the process ends', async (t) => {
  await withLab(t, {}, async (lab) => {
    const pid = (
      await lab.read('host', ['sh', '-c', 'setsid unshare --net sleep 600 >/dev/null 2>&1 & sleep 0.3; echo $!'])
    ).trim();
    await landline(lab, 'attach', '--pid', pid, '--network', 'office');
    assert.equal((await view(lab, `pid-${pid}`)).endpoints.length, 1);
    await lab.read('host', ['kill', pid]);
    await eventually(5, async () => assert.deepEqual(await ps(lab), []));
    assert.deepEqual(await traces(lab), []);
  });
});
