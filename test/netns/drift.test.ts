import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EnvironmentView } from '../../src/api/contract.ts';
import { answering, type EnvironmentFile, type EventLog, listen, type Office, until, withOffice } from '../office.ts';

const address = '192.168.11.101';

const shop: EnvironmentFile = {
  name: 'shop',
  'x-landline': { network: 'office', address },
  services: {
    db: { ...answering(5432, 'apples'), restart: 'always' },
    web: answering(80, 'hello'),
  },
};

const pidsOf = (view: EnvironmentView): Record<string, number | null> =>
  Object.fromEntries(view.services.map((it) => [it.name, it.pid]));

const isWell = (it: EnvironmentView): boolean => it.state === 'running' && it.problems.length === 0;

/** Whether a colleague gets an answer, from the one whose MAC it is to be. */
async function isReached(office: Office, mac: string): Promise<boolean> {
  const { stdout } = await office.exec('pc', ['busybox', 'nc', '-w', '1', address, '80']);
  return stdout === 'hello\n' && (await office.holderOf(address)) === mac;
}

/** What other people have on this host: nothing of it may change. */
async function makeForeign(office: Office): Promise<() => Promise<string>> {
  await office.read('host', [
    'sh',
    '-c',
    `set -e
    ip netns add other
    ip link add foreign0 type veth peer name eth0 netns other
    ip link set foreign0 master br0 up
    ip -n other link set eth0 address 02:aa:aa:aa:aa:aa up
    ip -n other address add 192.168.10.99/23 dev eth0
    ip link add theirs0 type veth peer name theirs1
    ip link set theirs0 alias landline:another-installation:shop:eth0 master br0 up`,
  ]);
  const look =
    'ip -4 -o address show; ip -o link show foreign0; ip -o link show theirs0; ip -n other -o link; ip -n other -4 -o address';
  return async () => {
    const lines = (await office.read('host', ['sh', '-c', look])).split('\n').filter((it) => /foreign0|theirs0|eth0/.test(it));
    return lines.map((it) => it.replace(/ (master|state) \S+/g, '')).join('\n');
  };
}

interface Drift {
  readonly what: string;
  /** Shell on the host; $netns is the path of the sandbox, $end the host's end of its link. */
  readonly script: string;
  readonly event: string;
  readonly within?: number;
  /** Services that have another process afterwards. */
  readonly restarted?: readonly string[];
}

const inside = 'nsenter --net=$netns';

const drifts: readonly Drift[] = [
  { what: 'the address is deleted', script: `${inside} ip address flush dev eth0`, event: 'endpoint mended' },
  { what: 'the default route is deleted', script: `${inside} ip route delete default`, event: 'endpoint mended' },
  { what: 'the link in the sandbox is deleted', script: `${inside} ip link delete eth0`, event: 'address bound' },
  { what: "the host's end is deleted", script: 'ip link delete $end', event: 'address bound' },
  { what: 'the port is taken off the bridge', script: 'ip link set $end nomaster', event: 'endpoint mended' },
  { what: "the host's end is set down", script: 'ip link set $end down', event: 'endpoint mended' },
  { what: 'the link in the sandbox is set down', script: `${inside} ip link set eth0 down`, event: 'endpoint mended' },
  { what: 'the MAC is changed', script: `${inside} ip link set eth0 address 02:66:66:66:66:66`, event: 'endpoint mended' },
  { what: 'the MTU is changed', script: `${inside} ip link set eth0 mtu 1280`, event: 'endpoint mended' },
  {
    what: 'the link in the sandbox has another name',
    script: `${inside} sh -c "ip link set eth0 down; ip link set eth0 name eth7"`,
    event: 'address bound',
  },
  { what: "the host's end has lost its mark", script: 'ip link set $end alias ""', event: 'address bound', within: 20_000 },
  { what: 'a service that is to run always is killed', script: 'kill -9 $db', event: 'service started', restarted: ['db'] },
  {
    what: 'the namespace is unbound',
    script: 'umount -l $netns',
    event: 'address bound',
    within: 20_000,
    restarted: ['db', 'web'],
  },
  {
    what: 'the namespace is unbound, and its file deleted',
    script: 'umount -l $netns; rm $netns',
    event: 'address bound',
    within: 20_000,
    restarted: ['db', 'web'],
  },
  {
    what: 'everything at once',
    script: `${inside} ip link delete eth0; kill -9 $db; umount -l $netns`,
    event: 'address bound',
    within: 20_000,
    restarted: ['db', 'web'],
  },
];

async function endOf(office: Office): Promise<string> {
  const [end, ...more] = (await office.links()).filter(
    (it) => it.ifalias?.endsWith(':shop:eth0') && !it.ifalias.includes('another'),
  );
  assert.ok(end !== undefined && more.length === 0, 'there is one link of the environment');
  return end.ifname;
}

async function drift(office: Office, events: EventLog, it: Drift): Promise<number> {
  const before = await office.ps('shop');
  const mac = before.endpoints[0]?.mac ?? '';
  const variables = `netns=$(ls -d /run/landline/netns/*/shop); end=${await endOf(office)}; db=${pidsOf(before)['db']}`;
  const begin = performance.now();
  await office.read('host', ['sh', '-c', `${variables}; ${it.script}`]);
  const within = it.within ?? 15_000;
  await events.next(it.event, { environment: 'shop' }, within);
  await until(async () => isWell(await office.ps('shop')), `${it.what}: it is well again`, within);
  const took = performance.now() - begin;
  assert.ok(took < within, `${it.what}: ${took} ms`);
  const after = await office.ps('shop');
  assert.deepEqual(after.endpoints, before.endpoints);
  for (const [name, pid] of Object.entries(pidsOf(before))) {
    if (it.restarted?.includes(name)) assert.notEqual(pidsOf(after)[name], pid, `${name} has another process`);
    else assert.equal(pidsOf(after)[name], pid, `${name} has the same process`);
  }
  await until(() => isReached(office, mac), `${it.what}: it is reached again`, 3000);
  await endOf(office);
  assert.match(await office.inside('shop', 'ip', 'link', 'show', 'eth0'), / mtu 1500 .* state UP/s);
  assert.match(await office.inside('shop', 'ip', 'route'), /^default via 192\.168\.11\.1 dev eth0/m);
  return took;
}

test('whatever somebody takes from an environment comes back', async (t) => {
  await withOffice(t, {}, async (office) => {
    const foreign = await makeForeign(office);
    const before = await foreign();
    await office.up(shop);
    const events = await listen(office);
    for (const it of drifts) {
      await t.test(it.what, async (t) => {
        const took = await drift(office, events, it);
        t.diagnostic(`well again after ${took.toFixed(0)} ms`);
        assert.equal(await foreign(), before, "other people's links and namespaces are as they were");
      });
    }

    await t.test('a service that is to run once and is killed is told of, and the others run on', async () => {
      const { services } = await office.ps('shop');
      const [db, web] = [services.find((it) => it.name === 'db'), services.find((it) => it.name === 'web')];
      await office.read('host', ['kill', '-9', String(web?.pid)]);
      await events.next('service ended', { service: 'web', status: 137 });
      const view = await office.ps('shop');
      assert.deepEqual([view.state, pidsOf(view)], ['degraded', { db: db?.pid, web: null }]);
      await office.up(shop);
      assert.equal((await office.ps('shop')).state, 'running');
      assert.equal(pidsOf(await office.ps('shop'))['db'], db?.pid);
    });

    await t.test('a bridge that is deleted is missed, told as a problem, and used again when it is back', async () => {
      const view = await office.ps('shop');
      await office.read('host', ['ip', 'link', 'delete', 'br0']);
      const missing = async (): Promise<boolean> => (await office.ps('shop')).problems[0]?.code === 'BRIDGE_MISSING';
      await until(missing, 'the bridge is missed', 5000);
      await events.next('environment in trouble', { environment: 'shop', code: 'BRIDGE_MISSING' });
      const degraded = await office.ps('shop');
      assert.deepEqual([degraded.state, pidsOf(degraded)], ['degraded', pidsOf(view)]);
      const refused = await office.landline('run', '--name', 'crm', '--network', 'office', '--', 'sleep', '60');
      assert.deepEqual([refused.status, refused.stderr.split(':')[1]], [1, ' BRIDGE_MISSING']);
      await office.read('host', ['sh', '-c', 'sleep 2; ip link add br0 address 52:54:00:00:00:20 type bridge']);
      await until(async () => (await office.ps('shop')).problems[0]?.code === 'BRIDGE_DOWN', 'it is there, and down', 16_000);
      await office.read('host', [
        'sh',
        '-c',
        'ip link set ens33 master br0 && ip link set br0 up && ip address add 192.168.11.20/23 dev br0',
      ]);
      await until(async () => isWell(await office.ps('shop')), 'it is well again', 20_000);
      assert.deepEqual(pidsOf(await office.ps('shop')), pidsOf(view));
      await until(() => isReached(office, view.endpoints[0]?.mac ?? ''), 'it is reached again', 15_000);
    });

    await t.test('thirty environments lose their links at once, and all are whole again', async () => {
      const names = Array.from({ length: 30 }, (_, at) => `many-${at}`);
      const file = (name: string): EnvironmentFile => ({
        name,
        'x-landline': { network: 'office' },
        services: { main: { command: ['sleep', 'infinity'] } },
      });
      await Promise.all(names.map((name) => office.up(file(name))));
      const before = (await Promise.all(names.map((name) => office.ps(name)))).map((it) => [it.endpoints, pidsOf(it)]);
      await office.read('host', [
        'sh',
        '-c',
        "ip -o link | grep -o 'll[0-9a-f]*@' | tr -d @ | sed 's/^/link delete /' | ip -batch -",
      ]);
      const all = async (): Promise<readonly EnvironmentView[]> => Promise.all(names.map((name) => office.ps(name)));
      const links = async (): Promise<number> => (await office.links()).filter((it) => it.ifalias?.includes(':many-')).length;
      await until(async () => (await links()) === 30 && (await all()).every(isWell), 'all are well again', 20_000);
      assert.deepEqual(
        (await all()).map((it) => [it.endpoints, pidsOf(it)]),
        before,
      );
    });
    events.stop();
    // The bridge took its ports along when it was deleted.
    await office.read('host', ['sh', '-c', 'ip link set foreign0 master br0; ip link set theirs0 master br0']);
    assert.equal(await foreign(), before);
  });
});
