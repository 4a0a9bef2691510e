import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIpv4, type Ipv4, ipv4 } from '../../net/ipv4.ts';
import { containsAddress, prefix } from '../../net/prefix.ts';
import { parseRange, type Range, rangeContains } from '../../net/range.ts';
import type { LanNetwork } from '../model.ts';
import { type AddressAsk, type AddressFacts, choose, mayReserve, mergeRanges, type Outcome, type Ranges } from './index.ts';

const range = (text: string): Range => {
  const parsed = parseRange(text);
  assert.ok(parsed, text);
  return parsed;
};

const office: LanNetwork = {
  name: 'office',
  bridge: 'br0',
  subnet: prefix('192.168.10.0/23'),
  gateway: ipv4('192.168.11.1'),
  pool: [range('192.168.11.100-192.168.11.104')],
  exclude: [range('192.168.11.102')],
  resolvers: [ipv4('192.168.11.2'), ipv4('8.8.8.8')],
  probe: 'off',
};

const now = Date.UTC(2026, 2, 2, 14, 5);

function ask(wish: string, change: Partial<AddressAsk> = {}): AddressAsk {
  return {
    network: office,
    environment: 'shop',
    interface: 'eth0',
    wish: wish === 'pool' ? 'pool' : ipv4(wish),
    hostAddresses: [ipv4('192.168.11.20')],
    avoid: [],
    now,
    ...change,
  };
}

interface Standing {
  /** Address → environment, or environment/interface. */
  readonly leases?: Readonly<Record<string, string>>;
  readonly reservations?: Readonly<Record<string, string>>;
  /** Address → environment; all rest for another second. */
  readonly resting?: Readonly<Record<string, string>>;
  readonly current?: string;
  readonly source?: 'static' | 'pool';
  readonly last?: string;
}

const rangesOf = (addresses: Iterable<Ipv4>): Ranges => mergeRanges(Array.from(addresses, (it) => ({ first: it, last: it })));

function facts(it: Standing = {}): AddressFacts {
  const map = <T>(entries: Readonly<Record<string, string>> | undefined, value: (text: string) => T): ReadonlyMap<Ipv4, T> =>
    new Map(Object.entries(entries ?? {}).map(([address, text]) => [ipv4(address), value(text)]));
  const leased = Object.keys(it.leases ?? {}).map(ipv4);
  return {
    leased: rangesOf(leased),
    leases: map(it.leases, (text) => ({ environment: text.split('/')[0] ?? '', interface: text.split('/')[1] ?? 'eth0' })),
    reservations: map(it.reservations, (text) => text),
    resting: map(it.resting, (environment) => ({ environment, until: now + 1_000 })),
    ...(it.current === undefined
      ? {}
      : { current: { network: 'office', address: ipv4(it.current), source: it.source ?? 'pool' } }),
    ...(it.last === undefined ? {} : { last: ipv4(it.last) }),
  };
}

/** The outcome in one line: `192.168.11.101`, or `held 192.168.11.101 by crm`. */
function say(it: Outcome): string {
  const address = 'address' in it ? formatIpv4(it.address) : '';
  switch (it.kind) {
    case 'granted':
      return address;
    case 'outside':
      return `outside ${address}`;
    case 'unusable':
      return `unusable ${address}: ${it.reason}`;
    case 'held':
      return `held ${address} by ${it.environment}`;
    case 'reserved':
      return `reserved ${address} for ${it.holder}`;
    case 'quarantined':
      return `quarantined ${address} from ${it.environment} for ${it.until - now} ms`;
    case 'pool-missing':
      return 'pool-missing';
    case 'pool-full':
      return `pool-full ${it.size}: ${it.holdings.map((h) => `${formatIpv4(h.address)} ${h.kind}`).join(', ')}`;
  }
}

type Row = readonly [title: string, wish: string, standing: Standing, wanted: string, change?: Partial<AddressAsk>];

const fixed: readonly Row[] = [
  ['a free address of the pool', '192.168.11.101', {}, '192.168.11.101'],
  ['a free address beside the pool', '192.168.10.7', {}, '192.168.10.7'],
  ['an excluded address: that binds the pool alone', '192.168.11.102', {}, '192.168.11.102'],
  ['an address of another subnet', '192.168.12.5', {}, 'outside 192.168.12.5'],
  ['a resolver of another subnet is merely outside', '8.8.8.8', {}, 'outside 8.8.8.8'],
  ['the gateway', '192.168.11.1', {}, 'unusable 192.168.11.1: the gateway'],
  ['a resolver', '192.168.11.2', {}, 'unusable 192.168.11.2: a resolver'],
  ["the host's own", '192.168.11.20', {}, "unusable 192.168.11.20: this host's own address"],
  ['the network address', '192.168.10.0', {}, 'unusable 192.168.10.0: the network address'],
  ['the broadcast address', '192.168.11.255', {}, 'unusable 192.168.11.255: the broadcast address'],
  ['an address that only looks like the end of a /24', '192.168.10.255', {}, '192.168.10.255'],
  ['its own, once more', '192.168.11.101', { leases: { '192.168.11.101': 'shop' }, current: '192.168.11.101' }, '192.168.11.101'],
  ["another environment's", '192.168.11.101', { leases: { '192.168.11.101': 'crm' } }, 'held 192.168.11.101 by crm'],
  ['its own, of another link', '192.168.11.101', { leases: { '192.168.11.101': 'shop/eth1' } }, 'held 192.168.11.101 by shop'],
  ['reserved for it', '192.168.11.101', { reservations: { '192.168.11.101': 'shop' } }, '192.168.11.101'],
  ['reserved for another', '192.168.11.101', { reservations: { '192.168.11.101': 'crm' } }, 'reserved 192.168.11.101 for crm'],
  ['resting from itself', '192.168.11.101', { resting: { '192.168.11.101': 'shop' } }, '192.168.11.101'],
  [
    'resting from another',
    '192.168.11.101',
    { resting: { '192.168.11.101': 'crm' } },
    'quarantined 192.168.11.101 from crm for 1000 ms',
  ],
  ['rested', '192.168.11.101', { resting: { '192.168.11.101': 'crm' } }, '192.168.11.101', { now: now + 1_000 }],
  [
    'held before reserved before resting',
    '192.168.11.101',
    { leases: { '192.168.11.101': 'crm' }, reservations: { '192.168.11.101': 'erp' }, resting: { '192.168.11.101': 'old' } },
    'held 192.168.11.101 by crm',
  ],
];

for (const [title, wish, standing, wanted, change] of fixed) {
  test(`a fixed address: ${title}`, () => {
    assert.equal(say(choose(ask(wish, change), facts(standing))), wanted);
  });
}

const full = { '192.168.11.100': 'a', '192.168.11.101': 'b', '192.168.11.103': 'c', '192.168.11.104': 'd' };

const pool: readonly Row[] = [
  ['an empty one gives its lowest', 'pool', {}, '192.168.11.100'],
  ['the lowest free', 'pool', { leases: { '192.168.11.100': 'a' } }, '192.168.11.101'],
  ['excluded addresses are skipped', 'pool', { leases: { '192.168.11.100': 'a', '192.168.11.101': 'b' } }, '192.168.11.103'],
  [
    'promised and resting addresses are skipped',
    'pool',
    { reservations: { '192.168.11.100': 'a' }, resting: { '192.168.11.101': 'b' } },
    '192.168.11.103',
  ],
  ['what answers on the wire is skipped', 'pool', {}, '192.168.11.101', { avoid: [ipv4('192.168.11.100')] }],
  [
    'what it has, it keeps',
    'pool',
    { leases: { '192.168.11.104': 'shop' }, current: '192.168.11.104', last: '192.168.11.104' },
    '192.168.11.104',
  ],
  [
    'what it has, it keeps though a reservation was made meanwhile',
    'pool',
    { leases: { '192.168.11.104': 'shop' }, current: '192.168.11.104', reservations: { '192.168.11.103': 'shop' } },
    '192.168.11.104',
  ],
  [
    'what it has from a pool that has moved away, it keeps',
    'pool',
    { leases: { '192.168.11.90': 'shop' }, current: '192.168.11.90' },
    '192.168.11.90',
  ],
  [
    'a former fixed address in the pool is kept',
    'pool',
    { leases: { '192.168.11.104': 'shop' }, current: '192.168.11.104', source: 'static' },
    '192.168.11.104',
  ],
  [
    'a former fixed address beside the pool is given up',
    'pool',
    { leases: { '192.168.11.90': 'shop' }, current: '192.168.11.90', source: 'static', last: '192.168.11.90' },
    '192.168.11.100',
  ],
  [
    'what it has but answers from elsewhere is given up',
    'pool',
    { leases: { '192.168.11.104': 'shop' }, current: '192.168.11.104', last: '192.168.11.104' },
    '192.168.11.100',
    { avoid: [ipv4('192.168.11.104')] },
  ],
  [
    "what it has and became the host's own is given up",
    'pool',
    { leases: { '192.168.11.20': 'shop' }, current: '192.168.11.20' },
    '192.168.11.100',
  ],
  [
    'its reservation before all others',
    'pool',
    { reservations: { '192.168.11.103': 'shop' }, last: '192.168.11.101' },
    '192.168.11.103',
  ],
  ['its reservation beside the pool too', 'pool', { reservations: { '192.168.10.9': 'shop' } }, '192.168.10.9'],
  [
    'the lowest of its reservations',
    'pool',
    { reservations: { '192.168.11.103': 'shop', '192.168.11.101': 'shop' } },
    '192.168.11.101',
  ],
  [
    'its second link gets its second reservation',
    'pool',
    { reservations: { '192.168.11.101': 'shop', '192.168.11.103': 'shop' }, leases: { '192.168.11.101': 'shop/eth1' } },
    '192.168.11.103',
  ],
  [
    'its reservation that rests from another is waited for',
    'pool',
    { reservations: { '192.168.11.103': 'shop' }, resting: { '192.168.11.103': 'crm' } },
    'quarantined 192.168.11.103 from crm for 1000 ms',
  ],
  [
    'its reservation that answers from elsewhere is walked around',
    'pool',
    { reservations: { '192.168.11.103': 'shop' } },
    '192.168.11.100',
    { avoid: [ipv4('192.168.11.103')] },
  ],
  [
    "its reservation that became the gateway's is walked around",
    'pool',
    { reservations: { '192.168.11.1': 'shop' } },
    '192.168.11.100',
  ],
  ['the one it had last', 'pool', { last: '192.168.11.103' }, '192.168.11.103'],
  [
    'the one it had last, resting from itself',
    'pool',
    { last: '192.168.11.103', resting: { '192.168.11.103': 'shop' } },
    '192.168.11.103',
  ],
  [
    'not the one it had last when another has it',
    'pool',
    { last: '192.168.11.103', leases: { '192.168.11.103': 'crm' } },
    '192.168.11.100',
  ],
  ['not the one it had last when it is excluded', 'pool', { last: '192.168.11.102' }, '192.168.11.100'],
  [
    'a full one says who holds what',
    'pool',
    { leases: { '192.168.11.100': 'a' }, reservations: { '192.168.11.101': 'b' }, resting: { '192.168.11.103': 'c' } },
    'pool-full 4: 192.168.11.100 leased, 192.168.11.101 reserved, 192.168.11.103 resting, 192.168.11.104 on-the-wire',
    { avoid: [ipv4('192.168.11.104')] },
  ],
  [
    'a full one, and its own rests',
    'pool',
    { leases: { ...full, '192.168.11.101': 'x' }, last: '192.168.11.101' },
    'pool-full 4: 192.168.11.100 leased, 192.168.11.101 leased, 192.168.11.103 leased, 192.168.11.104 leased',
  ],
  ['a network without one', 'pool', {}, 'pool-missing', { network: { ...office, pool: [] } }],
  [
    'a network without one, but a reservation',
    'pool',
    { reservations: { '192.168.10.9': 'shop' } },
    '192.168.10.9',
    { network: { ...office, pool: [] } },
  ],
  [
    'one that is wholly excluded',
    'pool',
    {},
    'pool-missing',
    { network: { ...office, exclude: [range('192.168.11.0-192.168.11.255')] } },
  ],
  [
    'overlapping ranges in any order',
    'pool',
    { leases: { '192.168.10.9': 'a' } },
    '192.168.10.10',
    { network: { ...office, pool: [range('192.168.10.10-192.168.10.30'), range('192.168.10.9-192.168.10.20')] } },
  ],
  [
    "the LAN's own in it are never given",
    'pool',
    {},
    '192.168.11.3',
    { network: { ...office, pool: [range('192.168.11.1-192.168.11.9')] } },
  ],
  [
    'reaching over the ends of the subnet, it gives host addresses alone',
    'pool',
    {},
    '192.168.10.1',
    { network: { ...office, pool: [range('192.168.9.0-192.168.12.255')] } },
  ],
];

for (const [title, wish, standing, wanted, change] of pool) {
  test(`the pool: ${title}`, () => {
    assert.equal(say(choose(ask(wish, change), facts(standing))), wanted);
  });
}

test('both addresses of a /31 are for hosts (RFC 3021), and the one of a /32', () => {
  const line: LanNetwork = {
    ...office,
    subnet: prefix('10.0.0.4/31'),
    gateway: ipv4('10.0.0.5'),
    pool: [range('10.0.0.0-10.0.0.9')],
  };
  assert.equal(say(choose(ask('10.0.0.4', { network: line }), facts())), '10.0.0.4');
  assert.equal(say(choose(ask('pool', { network: line }), facts())), '10.0.0.4');
  assert.equal(say(choose(ask('10.0.0.5', { network: line }), facts())), 'unusable 10.0.0.5: the gateway');
  const one: LanNetwork = { ...office, subnet: prefix('10.0.0.7/32'), pool: [range('10.0.0.7')] };
  assert.equal(say(choose(ask('pool', { network: one }), facts())), '10.0.0.7');
  assert.equal(say(choose(ask('10.0.0.8', { network: one }), facts())), 'outside 10.0.0.8');
});

test('a full pool of 65,536 tells its size and its first 300 holders', () => {
  const network: LanNetwork = { ...office, subnet: prefix('10.0.0.0/8'), pool: [range('10.1.0.0-10.1.255.255')], exclude: [] };
  const leases = new Map(
    Array.from({ length: 65_536 }, (_, i) => [ipv4('10.1.0.0') + i, { environment: `e${i}`, interface: 'eth0' }]),
  );
  const outcome = choose(ask('pool', { network }), { ...facts(), leases, leased: rangesOf(leases.keys()) });
  assert.equal(outcome.kind === 'pool-full' && outcome.size, 65_536);
  assert.equal(outcome.kind === 'pool-full' && outcome.holdings.length, 300);
  leases.delete(ipv4('10.1.255.255'));
  assert.equal(say(choose(ask('pool', { network }), { ...facts(), leases, leased: rangesOf(leases.keys()) })), '10.1.255.255');
});

test('a reservation is for an address that nobody else has or was promised', () => {
  const standing = facts({
    leases: { '192.168.11.100': 'crm', '192.168.11.101': 'shop' },
    reservations: { '192.168.11.103': 'crm', '192.168.11.104': 'shop' },
    resting: { '192.168.10.9': 'crm' },
  });
  const reserve = (address: string): string =>
    say(
      mayReserve({ network: office, hostAddresses: [ipv4('192.168.11.20')], address: ipv4(address), holder: 'shop' }, standing),
    );
  assert.equal(reserve('192.168.11.100'), 'held 192.168.11.100 by crm');
  assert.equal(reserve('192.168.11.101'), '192.168.11.101');
  assert.equal(reserve('192.168.11.103'), 'reserved 192.168.11.103 for crm');
  assert.equal(reserve('192.168.11.104'), '192.168.11.104');
  assert.equal(reserve('192.168.10.9'), '192.168.10.9');
  assert.equal(reserve('192.168.11.20'), "unusable 192.168.11.20: this host's own address");
  assert.equal(reserve('10.0.0.1'), 'outside 10.0.0.1');
});

/** Everything within 192.0.2.0/28, so that asks and facts meet often. */
const place = fc.integer({ min: -2, max: 17 }).map((offset): Ipv4 => ipv4('192.0.2.0') + offset);
const someRange = fc.tuple(place, place).map(([a, b]): Range => ({ first: Math.min(a, b), last: Math.max(a, b) }));
const name = fc.constantFrom('shop', 'crm', 'erp');
const anyNetwork = fc
  .record({
    pool: fc.array(someRange, { maxLength: 3 }),
    exclude: fc.array(someRange, { maxLength: 2 }),
    resolvers: fc.array(place, { maxLength: 2 }),
    gateway: place,
    length: fc.constantFrom(28, 29, 30, 31, 32),
  })
  .map(({ length, ...it }): LanNetwork => ({ ...office, ...it, subnet: { address: ipv4('192.0.2.0'), length } }));
const anyAsk = fc.record({
  network: anyNetwork,
  environment: name,
  interface: fc.constantFrom('eth0', 'eth1'),
  wish: fc.oneof(place, fc.constant('pool' as const)),
  hostAddresses: fc.array(place, { maxLength: 2 }),
  avoid: fc.array(place, { maxLength: 4 }),
  now: fc.constant(now),
});
const mapOf = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<ReadonlyMap<Ipv4, T>> =>
  fc.array(fc.tuple(place, value), { maxLength: 10 }).map((entries) => new Map(entries));
const anyFacts = fc
  .record({
    leases: mapOf(fc.record({ environment: name, interface: fc.constantFrom('eth0', 'eth1') })),
    reservations: mapOf(name),
    resting: mapOf(fc.record({ environment: name, until: fc.constantFrom(now - 1, now, now + 1) })),
    last: fc.option(place, { nil: undefined }),
  })
  .map(
    ({ last, ...it }): AddressFacts => ({ ...it, leased: rangesOf(it.leases.keys()), ...(last === undefined ? {} : { last }) }),
  );

/** Why this endpoint must not have this address, found in the plainest way. */
function whyNot(it: AddressAsk, standing: AddressFacts, address: Ipv4): string | undefined {
  const { subnet, gateway, resolvers } = it.network;
  const size = 2 ** (32 - subnet.length);
  const lease = standing.leases.get(address);
  const rest = standing.resting.get(address);
  if (!containsAddress(subnet, address)) return 'outside';
  if (address === gateway || resolvers.includes(address) || it.hostAddresses.includes(address)) return 'unusable';
  if (size > 2 && (address === subnet.address || address === subnet.address + size - 1)) return 'unusable';
  if (lease !== undefined) return lease.environment === it.environment && lease.interface === it.interface ? undefined : 'held';
  if ((standing.reservations.get(address) ?? it.environment) !== it.environment) return 'reserved';
  return rest !== undefined && rest.until > now && rest.environment !== it.environment ? 'quarantined' : undefined;
}

test('property: a fixed address is granted exactly when nothing speaks against it, and refused with what does', () => {
  fc.assert(
    fc.property(anyAsk, place, anyFacts, (base, wish, standing) => {
      const it = { ...base, wish };
      assert.equal(choose(it, standing).kind, whyNot(it, standing, wish) ?? 'granted');
    }),
    { numRuns: 2_000 },
  );
});

test('property: the pool gives what is free and its own, and is full only when nothing is left', () => {
  fc.assert(
    fc.property(anyAsk, anyFacts, (base, standing) => {
      const it = { ...base, wish: 'pool' as const };
      const outcome = choose(it, standing);
      const { pool: ranges, exclude } = it.network;
      const isPooled = (address: Ipv4): boolean =>
        ranges.some((r) => rangeContains(r, address)) && !exclude.some((r) => rangeContains(r, address));
      const promised = (address: Ipv4): boolean => standing.reservations.get(address) === it.environment;
      const free = Array.from({ length: 24 }, (_, i) => ipv4('192.0.2.0') - 4 + i).filter(
        // A lease of its own that is not its current one cannot be in a real ledger; the pool does not hand it out again.
        (a) =>
          whyNot(it, standing, a) === undefined &&
          !it.avoid.includes(a) &&
          (isPooled(a) || promised(a)) &&
          (promised(a) || !standing.leases.has(a)),
      );
      if (outcome.kind === 'granted') {
        assert.equal(whyNot(it, standing, outcome.address), undefined);
        assert.ok(!it.avoid.includes(outcome.address));
        assert.ok(isPooled(outcome.address) || promised(outcome.address));
      } else if (outcome.kind === 'quarantined') {
        assert.ok(promised(outcome.address));
      } else {
        assert.deepEqual(free, [], outcome.kind);
        assert.ok(outcome.kind === 'pool-full' || outcome.kind === 'pool-missing');
      }
    }),
    { numRuns: 2_000 },
  );
});
