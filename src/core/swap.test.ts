import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prefix } from '../net/prefix.ts';
import type { EnvironmentSpec, MountSpec, Network, ServiceSpec } from './model.ts';
import { sharedMounts, whyNoSwap } from './swap.ts';

const common = { pool: [], exclude: [], resolvers: [], probe: 'fast' as const };
const networks: readonly Network[] = [
  { name: 'office', bridge: 'br0', subnet: prefix('192.168.10.0/23'), ...common },
  { name: 'lab', parent: { kind: 'macvlan', link: 'ens33' }, subnet: prefix('192.168.10.0/23'), ...common },
  { name: 'docker', bridge: 'br0', backend: 'docker-network', subnet: prefix('192.168.10.0/23'), ...common },
  { name: 'bridge', subnet: prefix('10.88.0.0/16'), ...common },
];

const service = (name: string, mounts: readonly MountSpec[] = []): ServiceSpec => ({
  name,
  command: [],
  environment: {},
  dependsOn: [],
  restart: 'no',
  stopGraceMs: 10_000,
  container: { image: 'shop/web:42' },
  mounts,
});

const shop = (network: string | undefined, more: Partial<EnvironmentSpec> = {}): EnvironmentSpec => ({
  name: 'shop',
  engine: 'docker',
  hostname: 'shop',
  directory: '/srv/shop',
  endpoints: network === undefined ? [] : [{ network, interface: 'eth0', address: '192.168.11.101', routes: [] }],
  services: [service('web')],
  ...more,
});

const why = (before: EnvironmentSpec, wish: EnvironmentSpec = before): string | undefined =>
  whyNoSwap(before, wish, networks)?.reason;

test('an environment on the bridge of a LAN can be swapped, and one without a network too', () => {
  assert.equal(why(shop('office')), undefined);
  assert.equal(why(shop(undefined)), undefined);
  assert.equal(why(shop('office'), shop('office', { services: [service('web'), service('api')] })), undefined);
});

test('what has no port of a bridge of its own cannot, and is told why', () => {
  assert.match(why(shop(undefined, { sandbox: { kind: 'host' } })) ?? '', /the host's own network/);
  assert.match(why(shop(undefined, { sandbox: { kind: 'environment', name: 'tools' } })) ?? '', /shares the network of 'tools'/);
  assert.match(why(shop('lab')) ?? '', /'lab' it is a macvlan of ens33/);
  assert.match(why(shop('docker')) ?? '', /'docker' Docker makes its link/);
  assert.match(why(shop('bridge')) ?? '', /'bridge' it is behind the host/);
  const { engine: _docker, ...native } = shop('office');
  assert.match(why(native) ?? '', /processes of this host/);
});

test('another address, MAC or network is no swap', () => {
  const [eth0] = shop('office').endpoints;
  assert.ok(eth0);
  for (const it of [{ address: '192.168.11.102' }, { mac: '02:4c:4c:00:00:09' }, { gateway: 'none' }])
    assert.match(why(shop('office'), shop('office', { endpoints: [{ ...eth0, ...it }] })) ?? '', /a swap keeps them/);
});

test('both generations would write to volumes, folders and what an image makes a volume; read-only, tmpfs and text are alone', () => {
  const mounts: readonly MountSpec[] = [
    { kind: 'volume', volume: 'data', target: '/data', readOnly: false },
    { kind: 'volume', volume: 'assets', target: '/assets', readOnly: true },
    { kind: 'bind', source: '/srv/up', target: '/up', readOnly: false, create: true },
    { kind: 'bind', source: '/srv/conf', target: '/conf', readOnly: true, create: false },
    { kind: 'tmpfs', target: '/tmp', options: '' },
    { kind: 'text', target: '/run/secrets/key', text: 'x' },
  ];
  const wish = shop('office', { services: [service('db', mounts), service('web')] });
  const declared = (name: string): readonly string[] => (name === 'db' ? ['/data', '/tmp', '/var/spool'] : []);
  assert.deepEqual(sharedMounts(wish, declared), [
    { service: 'db', mount: 'data at /data' },
    { service: 'db', mount: '/srv/up at /up' },
    { service: 'db', mount: '/var/spool, which its image makes a volume' },
  ]);
});
