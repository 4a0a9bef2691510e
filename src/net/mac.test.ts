import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { broadcastMac, isMulticast, macBytes, macFromBytes, macFromDigest, parseMac, zeroMac } from './mac.ts';

const sixBytes = fc.uint8Array({ minLength: 6, maxLength: 6 });

test('a MAC has one spelling, however it was written', () => {
  for (const text of ['02:4c:4c:00:00:1a', '02:4C:4C:00:00:1A', '02-4c-4c-00-00-1a', '02-4C-4C-00-00-1A']) {
    assert.equal(parseMac(text), '02:4c:4c:00:00:1a', text);
  }
});

test('what is no MAC is refused', () => {
  const wrong = [
    '',
    '02:4c:4c:00:00',
    '02:4c:4c:00:00:1a:00',
    '02:4c-4c:00:00:1a',
    '024c4c00001a',
    '2:4c:4c:0:0:1a',
    '02:4c:4c:00:00:1g',
  ];
  for (const text of [...wrong, ' 02:4c:4c:00:00:1a', '02:4c:4c:00:00:1a\n']) assert.equal(parseMac(text), undefined, text);
});

test('the group bit, and nothing else, makes a MAC multicast', () => {
  const cases: readonly (readonly [string, boolean])[] = [
    [zeroMac, false],
    ['02:00:00:00:00:01', false],
    ['fe:ff:ff:ff:ff:ff', false],
    ['01:00:5e:00:00:01', true],
    ['33:33:00:00:00:01', true],
    [broadcastMac, true],
  ];
  for (const [mac, multicast] of cases) assert.equal(isMulticast(mac), multicast, mac);
});

test('bytes and text say the same', () => {
  fc.assert(
    fc.property(sixBytes, fc.nat({ max: 4 }), (bytes, at) => {
      const text = macFromBytes(bytes);
      assert.equal(parseMac(text), text);
      assert.deepEqual(macBytes(text), bytes);
      assert.equal(macFromBytes(Uint8Array.of(...new Uint8Array(at).fill(9), ...bytes), at), text);
    }),
  );
});

test('a MAC from a digest begins with the byte that was chosen, and is never multicast', () => {
  const digest = Uint8Array.of(0x11, 0x22, 0x33, 0x44, 0x55, 0x66);
  assert.equal(macFromDigest(digest, 0x02), '02:11:22:33:44:55');
  assert.equal(macFromDigest(digest, 0xfe), 'fe:11:22:33:44:55');
  fc.assert(
    fc.property(sixBytes, fc.constantFrom(0x02 as const, 0xfe as const), (it, first) => !isMulticast(macFromDigest(it, first))),
  );
});
