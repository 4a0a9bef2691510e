import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { formatIpv4, ipv4 } from '../../src/net/ipv4.ts';
import { prefix } from '../../src/net/prefix.ts';
import { inRoom, ipJson, run } from './host-room.ts';

inRoom(
  'ip sees the veth that was asked for: both MACs, the MTU, one queue each way, the group and the alias',
  async ({ host, addNetns }) => {
    const shop = await addNetns('shop');
    const bridge = await host.kernel.addLink({ kind: 'bridge', name: 'br0', mac: '02:4c:4c:00:00:fe', up: true });
    const peer = { name: 'eth0', mac: '02:4c:4c:00:00:01', netns: shop };
    const veth = {
      kind: 'veth',
      name: 'll0',
      mac: 'fe:4c:4c:00:00:01',
      mtu: 1400,
      group: 76,
      alias: 'landline:shop',
      controller: bridge.index,
    } as const;
    const added = await host.kernel.addLink({ ...veth, up: true, peer });

    const [outside] = ipJson('link show dev ll0');
    assert.equal(outside.ifindex, added.index);
    assert.equal(outside.address, 'fe:4c:4c:00:00:01');
    assert.equal(outside.mtu, 1400);
    assert.equal(outside.group, '76');
    assert.equal(outside.ifalias, 'landline:shop');
    assert.equal(outside.master, 'br0');
    assert.equal(outside.link_index, added.peer);
    assert.deepEqual([outside.num_tx_queues, outside.num_rx_queues], [1, 1]);
    assert.ok(outside.flags.includes('UP'));

    const [inside] = ipJson('link show dev eth0', shop);
    assert.equal(inside.ifindex, added.peer);
    assert.equal(inside.address, '02:4c:4c:00:00:01');
    assert.equal(inside.mtu, 1400);
    assert.equal(inside.group, 'default');
    assert.equal(inside.link_index, added.index);
    assert.deepEqual([inside.num_tx_queues, inside.num_rx_queues], [1, 1]);
    assert.ok(!inside.flags.includes('UP'));
  },
);

inRoom('a bridge has no spanning tree, and keeps its MAC whatever port it gets', async ({ host }) => {
  const { index } = await host.kernel.addLink({ kind: 'bridge', name: 'br0', mac: '02:4c:4c:00:00:fe', up: true });
  await host.kernel.addLink({
    kind: 'veth',
    name: 'a',
    mac: '02:00:00:00:00:01',
    mtu: 1400,
    controller: index,
    peer: { name: 'b' },
  });
  const [bridge] = ipJson('link show dev br0');
  assert.equal(bridge.linkinfo.info_kind, 'bridge');
  assert.equal(bridge.linkinfo.info_data.stp_state, 0);
  assert.equal(bridge.address, '02:4c:4c:00:00:fe');
  await host.kernel.addLink({ kind: 'bridge', name: 'br1', stp: true });
  assert.equal(ipJson('link show dev br1')[0].linkinfo.info_data.stp_state, 1);
});

inRoom('ip sees the addresses and routes of a sandbox', async ({ host, addNetns }) => {
  const shop = await addNetns('shop');
  const { peer: link = 0, index } = await host.kernel.addLink({
    kind: 'veth',
    name: 'll0',
    up: true,
    peer: { name: 'eth0', netns: shop },
  });
  assert.equal(ipJson('link show dev ll0')[0].ifindex, index);
  await host.within(shop, ({ kernel }) =>
    kernel.configure(link, {
      up: true,
      address: prefix('192.168.11.101/23'),
      routes: [
        { to: prefix('0.0.0.0/0'), via: ipv4('192.168.11.1'), link },
        { to: prefix('10.50.0.0/24'), via: ipv4('192.168.11.2'), link, metric: 50, source: ipv4('192.168.11.101') },
      ],
    }),
  );
  const [{ addr_info: addresses }] = ipJson('-4 address show dev eth0', shop);
  const [address] = addresses;
  assert.deepEqual(
    [addresses.length, address.local, address.prefixlen, address.broadcast],
    [1, '192.168.11.101', 23, '192.168.11.255'],
  );
  const routes = ipJson('-4 route show table main', shop);
  const fields = (dst: string): unknown[] => {
    const found = routes.find((it: { readonly dst: string }) => it.dst === dst);
    return [found.gateway, found.dev, found.protocol, found.metric, found.prefsrc];
  };
  assert.equal(routes.length, 3);
  assert.deepEqual(fields('default'), ['192.168.11.1', 'eth0', 'static', undefined, undefined]);
  assert.deepEqual(fields('10.50.0.0/24'), ['192.168.11.2', 'eth0', 'static', 50, '192.168.11.101']);
  assert.deepEqual(fields('192.168.10.0/23'), [undefined, 'eth0', 'kernel', undefined, '192.168.11.101']);
  assert.equal(ipJson('link show dev lo', shop)[0].flags.includes('UP'), true);
});

inRoom('neighbours are listed as ip has them, and forgotten', async ({ host, addNetns }) => {
  const shop = await addNetns('shop');
  const { index, peer: link = 0 } = await host.kernel.addLink({
    kind: 'veth',
    name: 'll0',
    up: true,
    peer: { name: 'eth0', mac: '02:4c:4c:00:00:01', netns: shop },
  });
  await host.kernel.addAddress({ link: index, address: prefix('192.168.11.20/23') });
  await host.within(shop, ({ kernel }) => kernel.configure(link, { up: true, address: prefix('192.168.11.101/23'), routes: [] }));
  run('ip neighbour add 192.168.11.50 lladdr 02:4c:4c:00:00:50 dev ll0 nud permanent');
  run('ip neighbour add 192.168.11.101 lladdr 02:4c:4c:00:00:01 dev ll0 nud stale');
  run('ip neighbour add 192.168.11.60 dev ll0 nud failed');
  const neighbours = await host.kernel.listNeighbours();
  const listed = neighbours.map((it) => `${formatIpv4(it.address)} ${it.mac ?? '-'} ${it.state} ${it.link === index}`).sort();
  assert.deepEqual(listed, [
    '192.168.11.101 02:4c:4c:00:00:01 stale true',
    '192.168.11.50 02:4c:4c:00:00:50 permanent true',
    '192.168.11.60 - failed true',
  ]);
  await host.kernel.deleteNeighbour({ link: index, address: ipv4('192.168.11.50') });
  assert.doesNotMatch(run('ip neighbour show nud all'), /192\.168\.11\.50/);
});

inRoom('the forwarding database is that of one bridge, as bridge has it', async ({ host }) => {
  const [first, second] = await Promise.all(
    ['br0', 'br1'].map((name) => host.kernel.addLink({ kind: 'bridge', name, up: true })),
  );
  assert.ok(first !== undefined && second !== undefined);
  const { index: port } = await host.kernel.addLink({
    kind: 'veth',
    name: 'a',
    controller: first.index,
    up: true,
    peer: { name: 'b' },
  });
  await host.kernel.addLink({ kind: 'veth', name: 'c', controller: second.index, up: true, peer: { name: 'd' } });
  run('bridge fdb add 02:4c:4c:00:00:09 dev a master static');
  run('bridge fdb add 02:4c:4c:00:00:0a dev a master dynamic');
  const theirs = JSON.parse(run('bridge -j fdb show br br0'));
  const ours = await host.kernel.listForwarding(first.index);
  assert.equal(ours.length, theirs.length);
  const of = (mac: string): unknown => ours.filter((it) => it.mac === mac);
  assert.deepEqual(of('02:4c:4c:00:00:09'), [{ port, mac: '02:4c:4c:00:00:09', permanent: false }]);
  assert.deepEqual(of('02:4c:4c:00:00:0a'), [{ port, mac: '02:4c:4c:00:00:0a', permanent: false }]);
  const nameOf = new Map((await host.kernel.listLinks()).map((link) => [link.index, link.name]));
  const told = ours.map((it) => `${it.mac} ${nameOf.get(it.port)}`).sort();
  assert.deepEqual(told, theirs.map((it: { mac: string; ifname: string }) => `${it.mac} ${it.ifname}`).sort());
});

/** Lines for `ip -batch`, which makes a veth in half a millisecond. */
const veths = (count: number, name: string): string =>
  Array.from({ length: count }, (_, index) => `link add ${name}${index} type veth peer name ${name}p${index}`).join('\n');

inRoom('a thousand links are listed right, also while others come and go', async ({ host }) => {
  host.sysctl('ipv6/conf/default/disable_ipv6', '1', { optional: true });
  run('ip -batch -', { input: veths(500, 'a') });
  const names = async (): Promise<readonly string[]> => (await host.kernel.listLinks()).map((link) => link.name);
  const stable = ipJson('link show').map((link: { ifname: string }) => link.ifname);
  assert.equal(stable.length, 1001);
  assert.deepEqual(await names(), stable);

  const churn = spawn('ip', ['-batch', '-'], { stdio: ['pipe', 'ignore', 'inherit'] });
  churn.stdin.end('link add c type bridge\nlink delete c\n'.repeat(50));
  const ended = once(churn, 'exit');
  let listings = 0;
  while (churn.exitCode === null) {
    const seen = await names();
    assert.equal(new Set(seen).size, seen.length, 'no link twice');
    const known = new Set(seen);
    assert.deepEqual(
      stable.filter((name: string) => !known.has(name)),
      [],
    );
    listings += 1;
    await new Promise(setImmediate);
  }
  await ended;
  assert.ok(listings > 5, `${listings} listings while links came and went`);
  assert.deepEqual(await names(), stable);
});
