import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containsAddress6, formatPrefix6, overlaps6, parsePrefix6, prefix6, spellIpv6, subnetOf6 } from './prefix6.ts';

test('a prefix reads and writes as RFC 5952 has it', () => {
  assert.deepEqual(parsePrefix6('2001:DB8:10:0::101/64'), { address: '2001:db8:10::101', length: 64 });
  assert.equal(formatPrefix6(prefix6('2001:db8:0:0::/48')), '2001:db8::/48');
  for (const text of ['2001:db8::', '2001:db8::/129', '2001:db8::/064', '2001:db8::/64/1', '192.168.10.0/23', '/64', '::/-1'])
    assert.equal(parsePrefix6(text), undefined, text);
  assert.equal(spellIpv6('2001:0DB8::0'), '2001:db8::');
  assert.throws(() => prefix6('office'), /not an IPv6 prefix: office/);
});

test('a subnet has no host bits, at any length', () => {
  const cases = [
    ['2001:db8:10::101/64', '2001:db8:10::/64'],
    ['2001:db8:10:ffff::/50', '2001:db8:10:c000::/50'],
    ['2001:db8::ff/124', '2001:db8::f0/124'],
    ['2001:db8::1/128', '2001:db8::1/128'],
    ['2001:db8::1/0', '::/0'],
  ] as const;
  for (const [written, wanted] of cases) assert.equal(formatPrefix6(subnetOf6(prefix6(written))), wanted);
});

test('a subnet contains its addresses and no others', () => {
  const lan = prefix6('2001:db8:10::/64');
  assert.equal(containsAddress6(lan, '2001:db8:10::101'), true);
  assert.equal(containsAddress6(lan, '2001:db8:10:1::101'), false);
  assert.equal(overlaps6(lan, prefix6('2001:db8::/32')), true);
  assert.equal(overlaps6(prefix6('2001:db8:11::/64'), lan), false);
});
