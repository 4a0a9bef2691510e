import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WireError } from '../bytes.ts';
import { withTcpChecksum } from './whole.ts';

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));

/** `tcpdump -xxvn -i lo` of a connection that Linux 6.18 refuses at 192.168.11.101:9: its checksum is correct, says tcpdump. */
const whole = bytesOf(`
  0000 0000 0000 0000 0000 0000 0800 4500
  0028 0000 4000 4006 a2b5 c0a8 0b65 c0a8
  0b65 0009 c29e 0000 0000 baba 52d5 5014
  0000 477e 0000
`);

test('a segment that was left without its checksum gets the one that others give it', () => {
  const without = Uint8Array.from(whole);
  without.set([0xfe, 0x28], 14 + 20 + 16);
  assert.deepEqual(withTcpChecksum(without), whole);
  assert.deepEqual(withTcpChecksum(whole), whole);
});

test('padding behind a segment is left off, and what is cut off is refused', () => {
  assert.deepEqual(withTcpChecksum(Uint8Array.of(...whole, 0, 0, 0, 0, 0, 0)), whole);
  for (let length = 0; length < whole.length; length += 1)
    assert.throws(() => withTcpChecksum(whole.subarray(0, length)), WireError, `${length} bytes`);
});
