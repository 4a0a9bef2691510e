/** Whatever somebody takes from an environment comes back, and nothing of other people's is touched. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TestLab, withLab } from '../lab.ts';
import { eventually, killAndStart, landline, links, open, startDaemon, tryLandline, view } from '../support/office.ts';

const url = 'http://192.168.11.101/shop.yaml';

/** An environment with a page, at 192.168.11.101. */
async function bringUp(lab: TestLab): Promise<void> {
  const serve = ['busybox', 'httpd', '-f', '-p', '80', '-h', 'examples/shop'];
  await landline(lab, 'run', '--name', 'shop', '--network', 'office', '--address', '192.168.11.101', '--', ...serve);
}

const inside = (...command: readonly string[]): readonly string[] => ['landline', 'exec', 'shop', '--', ...command];
const hostEnd = async (lab: TestLab): Promise<string> =>
  (await links(lab)).find((it) => it.ifalias?.endsWith(':shop:eth0') === true)?.ifname ?? '';

/** What somebody does, on the host. */
const harms: readonly (readonly [what: string, harm: (lab: TestLab) => Promise<readonly string[]>])[] = [
  ['deletes the address', async () => inside('ip', 'address', 'flush', 'dev', 'eth0')],
  ['deletes the default route', async () => inside('ip', 'route', 'delete', 'default')],
  ['sets the link in the sandbox down', async () => inside('ip', 'link', 'set', 'eth0', 'down')],
  ['deletes the link in the sandbox', async () => inside('ip', 'link', 'delete', 'eth0')],
  ['changes its MAC', async () => inside('ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:99')],
  ['changes its MTU', async () => inside('ip', 'link', 'set', 'eth0', 'mtu', '1300')],
  ["deletes the host's end", async (lab) => ['ip', 'link', 'delete', await hostEnd(lab)]],
  ["sets the host's end down", async (lab) => ['ip', 'link', 'set', await hostEnd(lab), 'down']],
  ['takes the port off the bridge', async (lab) => ['ip', 'link', 'set', await hostEnd(lab), 'nomaster']],
];

test('what somebody takes from a running environment is back at once, and its services run on', async (t) => {
  await withLab(t, {}, async (lab) => {
    await bringUp(lab);
    await lab.read('host', ['sh', '-c', 'ip link add foreign type veth peer name theirs && ip link set foreign master br0 up']);
    const before = await view(lab, 'shop');
    for (const [what, harm] of harms) {
      await t.test(`somebody ${what}`, async () => {
        await lab.read('host', await harm(lab));
        await eventually(5, async () => {
          assert.ok(await open(lab, 'pc', url), 'pc');
          assert.ok(await open(lab, 'branch-pc', url), 'branch-pc, by the default route');
          const after = await view(lab, 'shop');
          assert.deepEqual({ ...after, problems: [] }, before);
          assert.deepEqual(after.problems, []);
          const mtu = JSON.parse(await lab.read('host', inside('ip', '-json', 'link', 'show', 'eth0')))[0].mtu;
          assert.equal(mtu, 1500);
        });
      });
    }
    const foreign = (await links(lab)).find((it) => it.ifname === 'foreign');
    assert.equal(foreign?.master, 'br0');
  });
});

test('a sandbox that somebody unbound, and a service that was killed, come back', async (t) => {
  await withLab(t, {}, async (lab) => {
    await bringUp(lab);
    await lab.read('host', ['sh', '-c', 'umount -l /run/landline/netns/*/shop']);
    await lab.read('host', ['sh', '-c', 'ip link add poke type veth peer name poke2 && ip link delete poke']);
    await eventually(40, async () => {
      assert.ok(await open(lab, 'pc', url));
      assert.deepEqual((await view(lab, 'shop')).problems, []);
    });
    const { pid } = (await view(lab, 'shop')).services[0] ?? {};
    const init = (await lab.read('host', ['sh', '-c', `ps -o ppid= -p ${pid}`])).trim();
    await lab.read('host', ['kill', '-9', init]);
    await eventually(5, async () => assert.ok(await open(lab, 'pc', url)));
  });
});

test('without its bridge an environment says so, and is whole again when the bridge is back', async (t) => {
  await withLab(t, {}, async (lab) => {
    await bringUp(lab);
    await lab.read('host', ['ip', 'link', 'delete', 'br0']);
    await eventually(5, async () => assert.equal((await view(lab, 'shop')).problems[0]?.code, 'BRIDGE_MISSING'));
    const refused = await tryLandline(lab, 'run', '--name', 'b', '--network', 'office', '--', 'sleep', '9');
    assert.match(refused.stderr, /^landline: BRIDGE_MISSING: /);
    const again =
      'ip link add br0 type bridge && ip link set ens33 master br0 && ip link set br0 up && ip address add 192.168.11.20/23 dev br0';
    await lab.read('host', ['sh', '-c', again]);
    await eventually(20, async () => {
      assert.ok(await open(lab, 'pc', url));
      assert.deepEqual((await view(lab, 'shop')).problems, []);
    });
  });
});

test('a daemon that is killed, ended or started anew disturbs nobody: not one ping is lost', async (t) => {
  await withLab(t, {}, async (lab) => {
    await bringUp(lab);
    const { pid } = (await view(lab, 'shop')).services[0] ?? {};
    const ping = lab.exec('pc', ['ping', '-i', '0.05', '-c', '100', '-w', '15', '192.168.11.101']);
    await killAndStart(lab);
    await lab.exec('host', [
      'sh',
      '-c',
      'kill -TERM "$(cat /run/landline/landline.pid)"; while landline ps >/dev/null 2>&1; do sleep 0.05; done',
    ]);
    assert.equal((await tryLandline(lab, 'ps')).status, 3);
    await startDaemon(lab);
    assert.match((await ping).stdout, /100 packets transmitted, 100 received, 0% packet loss/);
    assert.equal((await view(lab, 'shop')).services[0]?.pid, pid);
    assert.match((await lab.exec('host', ['sh', '-c', 'landline daemon'])).stderr, /^landline: DAEMON_RUNNING: /);
  });
});

test('what is ours and nobody wishes for goes at the start; what is not ours stays', async (t) => {
  await withLab(t, {}, async (lab) => {
    await bringUp(lab);
    const alias = (await links(lab)).find((it) => it.ifalias?.startsWith('landline:') === true)?.ifalias ?? '';
    const installation = alias.split(':')[1];
    const group = JSON.parse(await lab.read('host', ['ip', '-json', 'link', 'show', 'dev', await hostEnd(lab)]))[0].group;
    await lab.read('host', ['sh', '-c', 'kill -9 "$(cat /run/landline/landline.pid)"']);
    await lab.read('host', [
      'sh',
      '-c',
      `ip link add llghost type veth peer name g0 && ip link set llghost alias landline:${installation}:ghost:eth0
       ip link add llhalf group ${group} type veth peer name h0
       ip link add theirs type veth peer name t0 && ip link set theirs alias "landline:ffff:shop:eth0"
       touch /run/landline/netns/${installation}/ghost && unshare --net=/run/landline/netns/${installation}/ghost true`,
    ]);
    await startDaemon(lab);
    await eventually(5, async () => {
      const names = (await links(lab)).map((it) => it.ifname);
      assert.ok(!names.includes('llghost') && !names.includes('llhalf'), names.join(' '));
      assert.ok(names.includes('theirs'), names.join(' '));
      assert.equal((await lab.read('host', ['ls', `/run/landline/netns/${installation}`])).trim(), 'shop');
    });
    assert.ok(await open(lab, 'pc', url));
  });
});
