import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BootChange, BootWish } from '../core/bridge/boot.ts';
import type { Process } from './machine.ts';
import { tellsOf } from './tell.ts';

const boot: BootWish = {
  link: 'ens33',
  bridge: 'br0',
  mac: '52:54:00:00:00:20',
  uuid: '6c616e64-6c69-8e65-8000-525400000020',
  bridgeHooks: true,
  automatic: false,
};
const processes = (...names: readonly string[]): readonly Process[] => names.map((name, pid) => ({ pid, name, args: [name] }));
const file = (path: string, after = 'text'): BootChange => ({ path, after, mode: 0o644 });
const nothing = { before: [], during: [], backFirst: [], back: [], settle: [] };

test('a manager that does not run, or keeps no eye on links, is told nothing', () => {
  const changes = [file('/etc/network/interfaces')];
  const said = (manager: string | undefined, ...names: readonly string[]): unknown =>
    tellsOf({ direction: 'apply', manager, boot, changes, processes: processes(...names) });
  assert.deepEqual(said('ifupdown', 'NetworkManager'), nothing);
  assert.deepEqual(said('systemd-networkd', 'NetworkManager'), nothing);
  assert.deepEqual(said('NetworkManager'), nothing);
  assert.deepEqual(said(undefined, 'systemd-network'), nothing);
});

test('networkd has the files of the next boot below /run, until they are below /etc', () => {
  const changes = [file('/etc/systemd/network/05-landline-br0.netdev'), file('/etc/systemd/network/05-landline-ens33.network')];
  const said = tellsOf({
    direction: 'apply',
    manager: 'systemd-networkd',
    boot,
    changes,
    processes: processes('systemd-network'),
  });
  const gone = 'rm -f /run/systemd/network/05-landline-br0.netdev /run/systemd/network/05-landline-ens33.network';
  assert.deepEqual(said.during.slice(0, 3), [
    'mkdir -p /run/systemd/network && cp -p after/0 /run/systemd/network/05-landline-br0.netdev',
    'mkdir -p /run/systemd/network && cp -p after/1 /run/systemd/network/05-landline-ens33.network',
    'networkctl reload',
  ]);
  assert.deepEqual(said.back.slice(0, 2), [gone, 'networkctl reload']);
  assert.deepEqual([said.before, said.backFirst, said.settle], [[], [], [gone]]);
});

test("netplan's files are below /run/netplan, and what it does not know goes to networkd afterwards", () => {
  const drop = '/etc/systemd/network/10-netplan-br0.network.d/landline.conf';
  const changes = [file('/etc/netplan/50-cloud-init.yaml'), file('/etc/cloud/cloud.cfg.d/99-landline-network.cfg'), file(drop)];
  const said = tellsOf({ direction: 'apply', manager: 'netplan', boot, changes, processes: processes('systemd-network') });
  assert.deepEqual(said.during.slice(0, 3), [
    'mkdir -p /run/netplan && cp -p after/0 /run/netplan/50-cloud-init.yaml',
    'netplan generate',
    `mkdir -p /run/systemd/network/10-netplan-br0.network.d && cp -p after/2 ${drop.replace('/etc', '/run')}`,
  ]);
  assert.deepEqual(said.settle, [`rm -f /run/netplan/50-cloud-init.yaml ${drop.replace('/etc', '/run')}`]);
});

const profile = '[connection]\nuuid=7f1a3d64-5d0c-4f7e-a3b1-9c3bb3a2d9d4\n';
const profiles: readonly BootChange[] = [
  {
    path: '/etc/NetworkManager/system-connections/office.nmconnection',
    before: profile,
    after: `${profile}slave-type=bridge\n`,
    mode: 0o600,
  },
  file('/etc/NetworkManager/system-connections/br0.nmconnection', `[connection]\nuuid=${boot.uuid}\n`),
];

test('NetworkManager has its profiles below /run once the bridge is there, and others before it goes', () => {
  const said = tellsOf({
    direction: 'apply',
    manager: 'NetworkManager',
    boot,
    changes: profiles,
    processes: processes('NetworkManager'),
  });
  const run = '/run/NetworkManager/system-connections';
  const gone = [`rm -f ${run}/landline-0.nmconnection ${run}/landline-1.nmconnection`, 'nmcli connection reload'];
  assert.deepEqual(said.before, []);
  assert.equal(said.during[3], `nmcli --wait 0 connection up uuid ${boot.uuid}`);
  assert.deepEqual(said.backFirst, gone);
  assert.deepEqual(said.back, ['nmcli --wait 20 connection up uuid 7f1a3d64-5d0c-4f7e-a3b1-9c3bb3a2d9d4 ifname ens33']);
  assert.deepEqual(said.settle, gone);
});

test('a DHCP client of its own stands still, goes on, or is replaced by one on the bridge', () => {
  const dhclient = { pid: 7, name: 'dhclient', args: ['/sbin/dhclient', '-lf', '/var/lib/dhcp/dhclient.ens33.leases', 'ens33'] };
  const said = tellsOf({ direction: 'apply', manager: 'ifupdown', boot, changes: [], processes: [dhclient] });
  assert.deepEqual(said, {
    ...nothing,
    before: ['kill -STOP 7'],
    back: ['kill -CONT 7'],
    settle: [
      `sed 's/"ens33"/"br0"/' '/var/lib/dhcp/dhclient.ens33.leases' >'/var/lib/dhcp/dhclient.br0.leases'`,
      'kill -KILL 7',
      `setsid '/sbin/dhclient' '-lf' '/var/lib/dhcp/dhclient.br0.leases' 'br0' </dev/null >/dev/null 2>&1 &`,
    ],
  });
});
