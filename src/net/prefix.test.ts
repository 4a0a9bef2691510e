import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIpv4, ipv4 } from './ipv4.ts';
import {
  broadcastOf,
  containsAddress,
  formatPrefix,
  netmask,
  overlaps,
  type Prefix,
  parsePrefix,
  prefix,
  subnetOf,
} from './prefix.ts';

const address = fc.integer({ min: 0, max: 0xffff_ffff });
const anyPrefix: fc.Arbitrary<Prefix> = fc
  .tuple(address, fc.integer({ min: 0, max: 32 }))
  .map(([it, length]) => ({ address: it, length }));

test('an address with the length of its network part is read and written', () => {
  for (const text of ['0.0.0.0/0', '192.168.10.0/23', '192.168.11.101/23', '10.0.0.1/32', '128.0.0.0/1', '10.0.0.0/9']) {
    assert.equal(formatPrefix(prefix(text)), text);
  }
  fc.assert(fc.property(anyPrefix, (it) => assert.deepEqual(parsePrefix(formatPrefix(it)), it)));
});

test('what is no prefix is refused', () => {
  for (const text of [
    '',
    '/',
    '10.0.0.0',
    '10.0.0.0/',
    '/8',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/ 8',
    '10/8',
  ]) {
    assert.equal(parsePrefix(text), undefined, JSON.stringify(text));
  }
  assert.throws(() => prefix('10.0.0.0/33'), { name: 'Error', message: 'not an IPv4 prefix: 10.0.0.0/33' });
});

test('netmask, subnet and broadcast address of the lengths at the ends and in between', () => {
  const cases: readonly (readonly [string, string, string, string])[] = [
    ['192.168.11.101/0', '0.0.0.0', '0.0.0.0/0', '255.255.255.255'],
    ['192.168.11.101/1', '128.0.0.0', '128.0.0.0/1', '255.255.255.255'],
    ['192.168.11.101/23', '255.255.254.0', '192.168.10.0/23', '192.168.11.255'],
    ['192.168.11.101/24', '255.255.255.0', '192.168.11.0/24', '192.168.11.255'],
    ['192.168.11.101/31', '255.255.255.254', '192.168.11.100/31', '192.168.11.101'],
    ['192.168.11.101/32', '255.255.255.255', '192.168.11.101/32', '192.168.11.101'],
  ];
  for (const [text, mask, subnet, broadcast] of cases) {
    const it = prefix(text);
    assert.deepEqual(
      [formatIpv4(netmask(it.length)), formatPrefix(subnetOf(it)), formatIpv4(broadcastOf(it))],
      [mask, subnet, broadcast],
      text,
    );
  }
});

test('a subnet contains the addresses from its first to its broadcast address, and no other', () => {
  const office = prefix('192.168.10.0/23');
  const cases: readonly (readonly [string, boolean])[] = [
    ['192.168.9.255', false],
    ['192.168.10.0', true],
    ['192.168.11.255', true],
    ['192.168.12.0', false],
  ];
  for (const [text, inside] of cases) assert.equal(containsAddress(office, ipv4(text)), inside, text);
  fc.assert(
    fc.property(anyPrefix, address, (it, other) => {
      const inside = other >= subnetOf(it).address && other <= broadcastOf(it);
      assert.equal(containsAddress(it, other), inside);
      assert.deepEqual(subnetOf(subnetOf(it)), subnetOf(it));
    }),
  );
});

test('two subnets overlap when one contains the other', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['192.168.10.0/23', '192.168.11.0/24', true],
    ['192.168.10.0/24', '192.168.11.0/24', false],
    ['0.0.0.0/0', '10.0.0.0/8', true],
    ['10.0.0.1/32', '10.0.0.1/32', true],
    ['10.0.0.1/32', '10.0.0.2/32', false],
  ];
  for (const [a, b, wanted] of cases) {
    assert.equal(overlaps(prefix(a), prefix(b)), wanted, `${a} ${b}`);
    assert.equal(overlaps(prefix(b), prefix(a)), wanted, `${b} ${a}`);
  }
  fc.assert(
    fc.property(anyPrefix, anyPrefix, (a, b) => {
      const shared = subnetOf(a).address <= broadcastOf(b) && subnetOf(b).address <= broadcastOf(a);
      assert.equal(overlaps(a, b), shared);
    }),
  );
});
