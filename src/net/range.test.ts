import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIpv4, ipv4 } from './ipv4.ts';
import { addressesOf, formatRange, parseRange, type Range, rangeContains, rangeSize } from './range.ts';

const range = (text: string): Range => {
  const parsed = parseRange(text);
  assert.ok(parsed, text);
  return parsed;
};

const anyRange: fc.Arbitrary<Range> = fc
  .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 12 }))
  .map(([first, more]) => ({ first, last: first + more }));

test('a range is two addresses, or one; spaces around the hyphen are left out', () => {
  const cases: readonly (readonly [string, string, number])[] = [
    ['192.168.11.100-192.168.11.250', '192.168.11.100-192.168.11.250', 151],
    ['192.168.11.100 - 192.168.11.101', '192.168.11.100-192.168.11.101', 2],
    ['192.168.11.200', '192.168.11.200', 1],
    ['192.168.11.200-192.168.11.200', '192.168.11.200', 1],
    ['0.0.0.0-255.255.255.255', '0.0.0.0-255.255.255.255', 2 ** 32],
  ];
  for (const [text, written, size] of cases)
    assert.deepEqual([formatRange(range(text)), rangeSize(range(text))], [written, size], text);
});

test('what is no range is refused, one that ends before it starts too', () => {
  for (const text of [
    '',
    '-',
    '192.168.11.100-',
    '-192.168.11.100',
    '192.168.11.101-192.168.11.100',
    '10.0.0.1-10.0.0.2-10.0.0.3',
    '10.0.0.0/8',
  ]) {
    assert.equal(parseRange(text), undefined, JSON.stringify(text));
  }
});

test('both ends belong to a range', () => {
  const pool = range('192.168.11.100-192.168.11.250');
  const inside = ['192.168.11.99', '192.168.11.100', '192.168.11.250', '192.168.11.251'].map((it) =>
    rangeContains(pool, ipv4(it)),
  );
  assert.deepEqual(inside, [false, true, true, false]);
});

test('the addresses of ranges come in order and once, however the ranges lie', () => {
  const addresses = [
    ...addressesOf([range('10.0.0.5-10.0.0.7'), range('10.0.0.1-10.0.0.2'), range('10.0.0.6'), range('10.0.0.7-10.0.0.8')]),
  ];
  assert.deepEqual(addresses.map(formatIpv4), ['10.0.0.1', '10.0.0.2', '10.0.0.5', '10.0.0.6', '10.0.0.7', '10.0.0.8']);
  fc.assert(
    fc.property(fc.array(anyRange, { maxLength: 6 }), (ranges) => {
      const wanted = Array.from({ length: 60 }, (_, it) => it).filter((it) => ranges.some((one) => rangeContains(one, it)));
      assert.deepEqual([...addressesOf(ranges)], wanted);
    }),
  );
});
