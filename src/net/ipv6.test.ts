import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv6FromBytes, parseIpv6 } from './ipv6.ts';

const spelled = (text: string): string | undefined => {
  const bytes = parseIpv6(text);
  return bytes === undefined ? undefined : ipv6FromBytes(bytes);
};

test('an address in any form has the one spelling of RFC 5952', () => {
  for (const [written, wanted] of [
    ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::', '::'],
    ['::1', '::1'],
    ['fe80::', 'fe80::'],
    ['::ffff:192.168.11.101', '::ffff:c0a8:b65'],
  ] as const)
    assert.equal(spelled(written), wanted, written);
});

test('what is no address is none', () => {
  for (const text of [
    '',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    'g::',
    'fe80::1%eth0',
    '::1.2.3.256',
    '1:2:3:4:5:6:7::8',
  ])
    assert.equal(spelled(text), undefined, text);
});
