import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSpec, EnvironmentSpec, LanNetwork, Lease, ServiceSpec } from '../core/model.ts';
import { ipv4 } from '../net/ipv4.ts';
import { formatPrefix, prefix } from '../net/prefix.ts';
import { desiredOf, desiredServices, endpointMac, gatewayOf, requireNames, requireNetwork, sandboxView } from './wish.ts';

const office: LanNetwork = {
  name: 'office',
  bridge: 'br0',
  subnet: prefix('192.168.10.0/23'),
  gateway: ipv4('192.168.11.1'),
  pool: [],
  exclude: [],
  resolvers: [ipv4('192.168.11.2')],
  domain: 'test.office.example',
  probe: 'fast',
};
const lab: LanNetwork = {
  name: 'lab',
  bridge: 'br1',
  subnet: prefix('10.9.0.0/24'),
  pool: [],
  exclude: [],
  resolvers: [ipv4('10.9.0.2'), ipv4('192.168.11.2'), ipv4('10.9.0.3'), ipv4('10.9.0.4')],
  probe: 'off',
};
const networks = [office, lab];

const endpoint = (network: string, name: string, more: Partial<EndpointSpec> = {}): EndpointSpec => ({
  network,
  interface: name,
  address: 'pool',
  routes: [],
  ...more,
});

const service = (name: string, more: Partial<ServiceSpec> = {}): ServiceSpec => ({
  name,
  command: [name, '-f'],
  environment: {},
  dependsOn: [],
  restart: 'no',
  stopSignal: 'SIGTERM',
  stopGraceMs: 10_000,
  ...more,
});

const shop = (change: Partial<EnvironmentSpec> = {}): EnvironmentSpec => ({
  name: 'shop',
  hostname: 'shop',
  directory: '/srv/shop',
  endpoints: [endpoint('office', 'eth0')],
  services: [],
  ...change,
});

const lease = (network: string, link: string, address: string): Lease => ({
  network,
  address: ipv4(address),
  environment: 'shop',
  interface: link,
  mac: '02:00:00:00:00:01',
  source: 'pool',
  since: 0,
});

test('a network is found by its name, and a mistyped one is told the nearest', () => {
  assert.equal(requireNetwork(networks, 'lab'), lab);
  assert.throws(() => requireNetwork(networks, 'ofice'), {
    code: 'NETWORK_UNKNOWN',
    message: "there is no network 'ofice'",
    next: "did you mean 'office'? there are office, lab",
  });
  assert.throws(() => requireNetwork([], 'office'), { next: 'configure one in landline.yaml' });
});

test('a hostname whose domain makes a name of more than 253 characters of it is refused', () => {
  const label = 'a'.repeat(63);
  const domain = `${label}.${label}.${label}`;
  const long = [{ ...lab, domain }];
  const of = (hostname: string): EnvironmentSpec => shop({ hostname, endpoints: [endpoint('lab', 'eth0')] });
  requireNames(long, of('b'.repeat(61)));
  assert.throws(() => requireNames(long, of('b'.repeat(62))), { code: 'NAME_TOO_LONG', message: /has 254 characters/ });
  requireNames([lab], of('b'.repeat(63)));
});

test('the MAC of an endpoint follows from installation, network and environment, and from nothing else', () => {
  const of = (installation: string, spec: EnvironmentSpec, at = 0): string =>
    endpointMac(installation, spec, spec.endpoints[at] ?? endpoint('', ''));
  const mac = of('a1b2', shop());
  assert.match(mac, /^02(:[0-9a-f]{2}){5}$/);
  const same = [
    shop(),
    shop({ hostname: 'other', directory: '/elsewhere', services: [service('web')] }),
    shop({ endpoints: [endpoint('office', 'eth5', { address: '192.168.11.101' })] }),
    shop({ endpoints: [endpoint('office', 'eth0'), endpoint('lab', 'eth1')] }),
  ];
  for (const spec of same) assert.equal(of('a1b2', spec), mac);
  const others = [
    of('a1b3', shop()),
    of('a1b2', shop({ name: 'shop2' })),
    of('a1b2', shop({ endpoints: [endpoint('lab', 'eth0')] })),
    of('a1b2', shop({ endpoints: [endpoint('office', 'eth0'), endpoint('office', 'eth1')] }), 1),
    of('a1b2', shop({ endpoints: [endpoint('office', 'eth0'), endpoint('office', 'eth1'), endpoint('office', 'eth2')] }), 2),
  ];
  assert.equal(new Set([mac, ...others]).size, others.length + 1);
  const chosen = shop({ endpoints: [endpoint('office', 'eth0', { mac: '02:00:00:00:00:42' })] });
  assert.equal(of('a1b2', chosen), '02:00:00:00:00:42');
});

test('the first endpoint carries the default route; where it has no router, the first that names one', () => {
  const gateways = (...endpoints: readonly EndpointSpec[]): (number | undefined)[] => {
    const spec = shop({ endpoints });
    return endpoints.map((it) => gatewayOf(networks, spec, it));
  };
  const router = ipv4('192.168.11.1');
  const named = endpoint('office', 'eth1', { gateway: '192.168.11.3' });
  assert.deepEqual(gateways(endpoint('office', 'eth0'), endpoint('office', 'eth1')), [router, undefined]);
  assert.deepEqual(gateways(endpoint('lab', 'eth0'), endpoint('office', 'eth1')), [undefined, undefined]);
  assert.deepEqual(gateways(endpoint('office', 'eth0', { gateway: 'none' })), [undefined]);
  assert.deepEqual(gateways(endpoint('office', 'eth0', { gateway: 'none' }), named), [undefined, ipv4('192.168.11.3')]);
  assert.deepEqual(gateways(endpoint('lab', 'eth0'), named), [undefined, ipv4('192.168.11.3')]);
  assert.deepEqual(gateways(endpoint('lab', 'eth0', { gateway: '10.9.0.1' }), named), [ipv4('10.9.0.1'), undefined]);
});

test('the wish has every endpoint with the address that the ledger gave, and its routes', () => {
  const endpoints = [
    endpoint('office', 'eth0', { routes: [{ to: '10.50.0.0/24', via: '192.168.11.9' }] }),
    endpoint('lab', 'eth1', { address: '10.9.0.7' }),
  ];
  const leases = [lease('lab', 'eth1', '10.9.0.7'), lease('office', 'eth0', '192.168.11.101')];
  const wish = desiredOf(networks, shop({ endpoints }), leases, { installation: 'a1b2' }).endpoints.map((it) => ({
    link: `${it.interface} on ${it.bridge} ${it.mac} ${formatPrefix(it.address)}`,
    routes: it.routes.map((route) => `${formatPrefix(route.to)} ${route.via === ipv4('192.168.11.1') ? 'router' : 'other'}`),
  }));
  assert.deepEqual(wish, [
    { link: 'eth0 on br0 02:00:00:00:00:01 192.168.11.101/23', routes: ['0.0.0.0/0 router', '10.50.0.0/24 other'] },
    { link: 'eth1 on br1 02:00:00:00:00:01 10.9.0.7/24', routes: [] },
  ]);
  assert.throws(() => desiredOf(networks, shop(), [lease('lab', 'eth0', '10.9.0.7')], { installation: 'a1b2' }), {
    message: 'no lease for shop eth0',
  });
});

test('a service has another digest when its process would be started otherwise, and only then', () => {
  const digest = (it: ServiceSpec, spec = shop()): string | undefined => desiredServices({ ...spec, services: [it] })[0]?.digest;
  const web = digest(service('web'));
  const same = [
    digest(service('web', { restart: 'always' })),
    digest(service('web', { dependsOn: [{ service: 'db', condition: 'service_started', required: true }] })),
    digest(service('web'), shop({ name: 'shop2', endpoints: [] })),
  ];
  for (const it of same) assert.equal(it, web);
  const others = [
    digest(service('web', { command: ['web'] })),
    digest(service('web', { environment: { A: '1' } })),
    digest(service('web', { workingDir: '/srv' })),
    digest(service('web', { user: 'www-data' })),
    digest(service('web'), shop({ hostname: 'other' })),
    digest(service('web'), shop({ directory: '/elsewhere' })),
  ];
  assert.equal(new Set([web, ...others]).size, others.length + 1);
  const [one, other] = [
    { A: '1', B: '2' },
    { B: '2', A: '1' },
  ].map((environment) => digest(service('web', { environment })));
  assert.equal(one, other, 'variables have no order');
});

test('hosts and resolv.conf of a sandbox: every service is localhost, its own names, the resolvers of its networks', () => {
  const services = ['db', 'web'].map((name) => service(name));
  const one = sandboxView(
    networks,
    shop({ hostname: 'shop-12', services }),
    [lease('office', 'eth0', '192.168.11.101')],
    '/run/netns/shop',
  );
  assert.deepEqual(one, {
    environment: 'shop',
    hostname: 'shop-12',
    netns: '/run/netns/shop',
    directory: '/srv/shop',
    hosts: `127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
127.0.0.1 db
127.0.0.1 web
192.168.11.101 shop-12.test.office.example shop-12
`,
    resolvConf: 'nameserver 192.168.11.2\nsearch test.office.example\n',
  });
});

test('of several networks the resolvers are taken in order, each once and at most three; without any the files are still whole', () => {
  const endpoints = [endpoint('office', 'eth0'), endpoint('lab', 'eth1')];
  const leases = [lease('office', 'eth0', '192.168.11.101'), lease('lab', 'eth1', '10.9.0.7')];
  const both = sandboxView(networks, shop({ endpoints }), leases, '');
  assert.equal(
    both.resolvConf,
    'nameserver 192.168.11.2\nnameserver 10.9.0.2\nnameserver 10.9.0.3\nsearch test.office.example\n',
  );
  assert.match(both.hosts, /^192\.168\.11\.101 shop\.test\.office\.example shop\n10\.9\.0\.7 shop\n$/m);
  const none = sandboxView(networks, shop({ endpoints: [], services: [service('localhost')] }), [], '');
  assert.equal(none.hosts, '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 shop\n');
  assert.equal(none.resolvConf, '');
});
