import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSpec } from '../core/model.ts';
import { isLandlineError } from '../errors.ts';
import { type EnvironmentOptions, parseEnvironment } from './environment.ts';
import { formatEnvironment } from './format.ts';

type Extra = Partial<EnvironmentOptions>;

const services = 'services: { web: { command: sleep 60, ports: ["8080:80"] } }\n';

const read = (block: string, more: Extra = {}): ReturnType<typeof parseEnvironment> =>
  parseEnvironment(`name: shop\nx-landline:\n${block}\n${services}`, { file: 'shop.yaml', directory: '/srv', ...more });

/** The endpoints, which are the same when the wish is written down and read again. */
function endpointsOf(block: string, more: Extra = {}): readonly EndpointSpec[] {
  const { spec } = read(block, more);
  assert.deepEqual(parseEnvironment(formatEnvironment(spec), { file: 'again', directory: '/srv' }).spec, spec);
  return spec.endpoints;
}

function problemsOf(block: string): readonly string[] {
  try {
    read(block);
  } catch (error) {
    if (!isLandlineError(error, 'FILE_INVALID')) throw error;
    return error.details.problems.map((it) => `${it.line}:${it.column}: ${it.message} → ${it.next}`);
  }
  return [];
}

const office = { network: 'office', interface: 'eth0', address: 'default', routes: [] };
const lab = { network: 'lab', interface: 'eth1', address: 'default', routes: [] };

test('several endpoints: all that is said of each', () => {
  const block = `
  hostname: shop
  networks:
    - network: office
      address: 192.168.11.101
      hostname: shop-office
      mac: 02-4C-4C-00-00-01
      gateway: 192.168.11.2
      routes: [{ to: 10.60.0.0/16, via: 192.168.11.3 }]
    - { network: lab, interface: lab0, gateway: none }
    - { network: bridge }`;
  assert.deepEqual(endpointsOf(block), [
    {
      network: 'office',
      interface: 'eth0',
      address: '192.168.11.101',
      mac: '02:4c:4c:00:00:01',
      gateway: '192.168.11.2',
      hostname: 'shop-office',
      routes: [{ to: '10.60.0.0/16', via: '192.168.11.3' }],
    },
    { network: 'lab', interface: 'lab0', address: 'default', gateway: 'none', routes: [] },
    { network: 'bridge', interface: 'eth1', address: 'default', routes: [] },
  ]);
});

test("names alone, and Compose's mapping of names, mean the same", () => {
  for (const block of [
    '  networks: [office, lab]',
    '  networks: [{ network: office }, lab]',
    '  networks: { office: , lab: }',
    '  networks: { office: {}, lab: { interface: eth1 } }',
  ]) {
    assert.deepEqual(endpointsOf(block), [office, lab], block);
  }
});

test('a list of one is one endpoint, whose hostname may be its own', () => {
  assert.deepEqual(endpointsOf('  networks: [office]'), [office]);
  const block = '  hostname: shop\n  networks: [{ network: office, hostname: store }]';
  assert.deepEqual(endpointsOf(block), [{ ...office, hostname: 'store' }]);
});

test('a link without a name takes the first free of eth0, eth1, …', () => {
  const block = '  networks: [office, { network: lab, interface: eth0 }, { network: bridge, interface: eth2 }, shop]';
  assert.deepEqual(
    endpointsOf(block).map((it) => it.interface),
    ['eth1', 'eth0', 'eth2', 'eth3'],
  );
});

test('--address and --network mean the first', () => {
  const block = '  networks: [{ network: office, address: nonsense }, lab]';
  const overrides = { network: 'bridge', address: '10.88.0.7' };
  assert.deepEqual(endpointsOf(block, { overrides }), [{ ...office, network: 'bridge', address: '10.88.0.7' }, lab]);
  const mapped = '  networks: { office: { address: 192.168.11.101 }, lab: }';
  assert.deepEqual(endpointsOf(mapped, { overrides: { address: 'pool' } }), [{ ...office, address: 'pool' }, lab]);
});

test('--network none, host and container:NAME leave all of them without effect, and say so', () => {
  for (const network of ['none', 'host', 'container:base']) {
    const { spec, notes } = read('  networks: [office, lab]', { overrides: { network } });
    assert.deepEqual(spec.endpoints, []);
    assert.equal(notes[0]?.message, `'networks' has no effect on network '${network}'`);
  }
});

test('ports are honoured where one of several is the private network', () => {
  assert.deepEqual(read('  networks: [office, bridge]').spec.ports, [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }]);
  const { spec, notes } = read('  networks: [{ network: office, address: 192.168.11.101 }, lab]');
  assert.equal(spec.ports, undefined);
  assert.equal(notes[0]?.message, "'8080:80' is not needed: open http://192.168.11.101/");
});

const malformed: readonly (readonly [title: string, block: string, says: readonly string[]])[] = [
  [
    'no list',
    '  networks: office',
    ["3:13: 'networks' is text and should be a list or a mapping → write 'networks: [office, lab]'"],
  ],
  ['nothing', '  networks:', ["3:3: 'networks' is empty → write 'networks: [office, lab]'"]],
  ['an empty list', '  networks: []', ["3:13: 'networks' names no network → write 'networks: [office]'"]],
  ['an empty mapping', '  networks: {}', ["3:13: 'networks' names no network → write 'networks: [office]'"]],
  [
    'an item without network, and one that is nothing',
    '  networks:\n    - { address: 192.168.11.101 }\n    -\n    - 5\n    - []',
    [
      "4:7: this item has no 'network' → add 'network: office'",
      '5:6: this item is empty → write { network: office }',
      '6:7: this item is the number 5 and should be a mapping → write { network: office }',
      '7:7: this item is a list and should be a mapping → write { network: office }',
    ],
  ],
  [
    'networks that stand alone',
    '  networks: [host, none, { network: "container:base" }]',
    [
      "3:14: network 'host' stands alone → write 'network: host' instead of 'networks'",
      "3:20: network 'none' stands alone → write 'network: none' instead of 'networks'",
      "3:37: network 'container:base' stands alone → write 'network: container:base' instead of 'networks'",
    ],
  ],
  [
    'keys of one endpoint beside the list',
    '  network: office\n  address: 192.168.11.101\n  networks: [office]',
    [
      "3:3: 'network' stands beside 'networks' → move it into one of the networks",
      "4:3: 'address' stands beside 'networks' → move it into one of the networks",
    ],
  ],
  [
    'what no two can have alike',
    `  networks:
    - { network: office, interface: lan0, mac: "02:4c:4c:00:00:01", address: 192.168.11.101 }
    - { network: office, interface: lan0, mac: "02:4C:4C:00:00:01", address: 192.168.11.101 }`,
    [
      '5:37: two endpoints have the interface lan0 → give each its own, or leave it out',
      '5:48: two endpoints have the mac 02:4c:4c:00:00:01 → give each its own, or leave it out',
      '5:78: two endpoints have the address 192.168.11.101 → give each its own, or leave it out',
    ],
  ],
  [
    'the private network twice',
    '  networks: [bridge, { network: bridge }]',
    ["3:22: two endpoints join the network 'bridge' → name it once: ports lead to one address"],
  ],
  [
    'two routes to one place',
    '  networks: [{ network: office, routes: [{ to: 10.50.0.0/24, via: 192.168.11.1 }, { to: 10.50.0.0/24, via: 192.168.11.2 }] }]',
    ['3:89: two routes lead to 10.50.0.0/24 → keep one of them'],
  ],
  [
    "Compose's words, a typing mistake, and a network that is named twice",
    '  networks:\n    office: { ipv4_address: 192.168.11.101, network: office }\n    lab: { adress: 10.9.0.7, gw_priority: 1 }\n    "a/b":\n    shop: here',
    [
      "4:15: 'ipv4_address' is no key of an endpoint here → write 'address: 192.168.11.101'",
      "4:45: 'network' is no key of an endpoint here → remove it: the key above it is the network's name",
      "5:12: 'adress' is no key of an endpoint → did you mean 'address'?",
      "5:30: 'gw_priority' is no key of an endpoint here → remove it: the first of the networks carries the default route",
      "6:5: 'a/b' cannot be the name of a network → write letters, digits, '-', '_' and '.', at most 63, beginning with a letter or digit",
      "7:11: 'shop' is text and should be a mapping → write 'shop: { address: 192.168.11.101 }'",
    ],
  ],
];

for (const [title, block, says] of malformed) {
  test(`refused: ${title}`, () => {
    assert.deepEqual(problemsOf(block), says);
  });
}
