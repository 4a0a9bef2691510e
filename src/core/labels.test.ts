import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameForContainer, readLabels } from './labels.ts';

const wish = (container: string, ...pairs: readonly string[]): ReturnType<typeof readLabels> =>
  readLabels(Object.fromEntries(pairs.map((it) => it.split('=', 2))), container);

test('labels of others, and those that Landline itself sets, ask for nothing', () => {
  assert.deepEqual(wish('web', 'com.docker.compose.project=shop', 'landline.environment=shop'), { kind: 'none' });
  assert.deepEqual(wish('web'), { kind: 'none' });
  for (const own of ['installation', 'service', 'digest', 'joined', 'made', 'generation', 'note'])
    assert.deepEqual(wish('web', `landline.${own}=1`), { kind: 'none' }, own);
});

test('the network alone is enough', () => {
  assert.deepEqual(wish('Shop_web.1', 'landline.network=office', 'maintainer=lin'), {
    kind: 'endpoint',
    name: 'shop-web-1',
    hostname: 'shop-web-1',
    endpoint: { network: 'office', interface: 'eth0', address: 'default', routes: [] },
  });
});

test('all of them', () => {
  const given = [
    'network=office',
    'address=192.168.11.120',
    'hostname=shop',
    'mac=02:4C:4c:00:00:01',
    'interface=lan0',
    'gateway=none',
  ];
  assert.deepEqual(wish('web', ...given.map((it) => `landline.${it}`)), {
    kind: 'endpoint',
    name: 'web',
    hostname: 'shop',
    endpoint: {
      network: 'office',
      interface: 'lan0',
      address: '192.168.11.120',
      routes: [],
      mac: '02:4c:4c:00:00:01',
      gateway: 'none',
    },
  });
});

test('what cannot be right is named, with what to write instead', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['landline.network=', 'landline.network', /names no network/],
    ['landline.network=host', 'landline.network', /Docker's own to give/],
    ['landline.network=container:db', 'landline.network', /Docker's own to give/],
    ['landline.address=192.168.11.120/23', 'landline.address', /no address/],
    ['landline.address=192.168.11.300', 'landline.address', /no address/],
    ['landline.hostname=a_b', 'landline.hostname', /no hostname/],
    ['landline.mac=01:00:5e:00:00:01', 'landline.mac', /no unicast MAC/],
    ['landline.mac=00:00:00:00:00:00', 'landline.mac', /no unicast MAC/],
    ['landline.interface=lo', 'landline.interface', /no name of a link/],
    ['landline.interface=a-name-that-is-long', 'landline.interface', /no name of a link/],
    ['landline.gateway=router', 'landline.gateway', /no gateway/],
    ['landline.adress=192.168.11.120', 'landline.adress', /no such label/],
  ];
  for (const [pair, label, problem] of cases) {
    const found = wish('web', 'landline.network=office', pair);
    assert.ok(found.kind === 'wrong', pair);
    assert.equal(found.label, label);
    assert.match(found.problem, problem);
  }
  const nowhere = wish('web', 'landline.netwrok=office');
  assert.equal(nowhere.kind === 'wrong' ? nowhere.advice : '', "did you mean 'landline.network'?");
  const mistyped = wish('web', 'landline.network=office', 'landline.adress=x');
  assert.equal(mistyped.kind === 'wrong' ? mistyped.advice : '', "did you mean 'landline.address'?");
});

test('a name is made of every name that Docker takes', () => {
  assert.deepEqual(['web', 'Web_1', 'a.b', 'shop__', '0', `x${'y'.repeat(80)}`].map(nameForContainer), [
    'web',
    'web-1',
    'a-b',
    'shop',
    '0',
    `x${'y'.repeat(62)}`,
  ]);
});
