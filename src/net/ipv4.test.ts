import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIpv4, ipv4, ipv4Bytes, ipv4FromBytes, parseIpv4 } from './ipv4.ts';

const address = fc.integer({ min: 0, max: 0xffff_ffff });

test('a dotted quad is read as an unsigned 32-bit number', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['0.0.0.0', 0],
    ['0.0.0.1', 1],
    ['127.0.0.1', 0x7f00_0001],
    ['128.0.0.0', 0x8000_0000],
    ['192.168.11.101', 0xc0a8_0b65],
    ['255.255.255.255', 0xffff_ffff],
  ];
  for (const [text, number] of cases) assert.equal(parseIpv4(text), number, text);
});

test('what is no dotted quad is refused, with leading zeros too', () => {
  const wrong = [
    ...['', '1', '1.2.3', '1.2.3.4.5', '1.2.3.', '.1.2.3', '1..2.3', '1.2.3.256', '1.2.3.-1', '1.2.3.4e0', '1.2.3.0x4'],
    ...[' 1.2.3.4', '1.2.3.4 ', '1.2.3.4\n', '01.2.3.4', '1.2.3.04', '1.2.3.00', '192.168.11.101/23', '::1', '1.2.3.４'],
  ];
  for (const text of wrong) assert.equal(parseIpv4(text), undefined, JSON.stringify(text));
});

test('checked text that is no address is a mistake of ours', () => {
  assert.equal(ipv4('192.168.11.1'), 0xc0a8_0b01);
  assert.throws(() => ipv4('192.168.11'), { name: 'Error', message: 'not an IPv4 address: 192.168.11' });
});

test('every address is written in the one way in which it is read, and its bytes are in network order', () => {
  assert.deepEqual([...ipv4Bytes(ipv4('192.168.11.101'))], [192, 168, 11, 101]);
  fc.assert(
    fc.property(address, fc.nat({ max: 8 }), (it, at) => {
      assert.equal(parseIpv4(formatIpv4(it)), it);
      assert.equal(formatIpv4(it), [...ipv4Bytes(it)].join('.'));
      assert.equal(ipv4FromBytes(Uint8Array.of(...new Uint8Array(at).fill(7), ...ipv4Bytes(it)), at), it);
    }),
  );
});
