import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, isIpv4, parseAddress } from './address.ts';

test('addresses of either family are read, and written in their one spelling', () => {
  for (const [text, wanted] of [
    ['192.168.11.101', '192.168.11.101'],
    ['2001:DB8:10:0:0:0:0:101', '2001:db8:10::101'],
    ['192.168.11.256', undefined],
    ['2001:db8::/64', undefined],
    ['office', undefined],
  ] as const) {
    const address = parseAddress(text);
    assert.equal(address === undefined ? undefined : formatAddress(address), wanted, text);
  }
  assert.deepEqual([isIpv4(parseAddress('0.0.0.0') ?? ''), isIpv4(parseAddress('::') ?? 0)], [true, false]);
});
