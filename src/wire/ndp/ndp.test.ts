import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCaptures } from '../../../test/support/captures.ts';
import { roundsFor, withstandsDamage } from '../../../test/support/damage.ts';
import { ndpFromJson, ndpToJson } from '../../../test/support/ndp-notation.ts';
import { decodeNdp, encodeNdp, holderIn, ndpAnnouncement, ndpProbe } from './ndp.ts';

const captures = readCaptures(new URL('captures/', import.meta.url));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A frame that was captured. */
function frame(name: string): Uint8Array {
  const found = captures.find((it) => it.name === name);
  assert.ok(found !== undefined, name);
  return found.bytes;
}

for (const { name, command, bytes, value } of captures) {
  test(`${name} of \`${command}\` reads as its value, and its value writes the same bytes`, () => {
    assert.deepEqual(ndpToJson(decodeNdp(bytes)), value);
    assert.equal(hex(encodeNdp(ndpFromJson(value))), hex(bytes));
  });

  test(`${name}: a cut-off or changed copy is read or refused, and what is read writes the same bytes`, () => {
    withstandsDamage(bytes, roundsFor(captures.length), (copy) => assert.equal(hex(encodeNdp(decodeNdp(copy))), hex(copy)));
  });
}

const shop = { mac: '02:4c:4c:00:00:07', address: '2001:db8:10::101' };

test("our probe is the kernel's, but for the nonce of RFC 7527", () => {
  const theirs = decodeNdp(frame('dad-taken.solicitation'));
  assert.deepEqual(ndpProbe(theirs.source, theirs.target), { ...theirs, options: [] });
});

test('our announcement is byte for byte what the kernel sends when a MAC changes', () => {
  assert.equal(hex(encodeNdp(ndpAnnouncement('02:4c:4c:00:00:03', '2001:db8:10::20'))), hex(frame('notify.advertisement')));
  assert.equal(decodeNdp(encodeNdp(ndpAnnouncement('02:4c:4c:00:00:03', '2001:db8:10::20', 'router'))).flags, 0xa0000000);
});

test('whoever answers for the address, or probes for it too, is its holder; who asks for it as a neighbour is not', () => {
  assert.equal(holderIn(decodeNdp(frame('dad-taken.advertisement')), shop), '02:4c:4c:00:00:01');
  assert.equal(holderIn(decodeNdp(frame('dad-taken.solicitation')), shop), '02:4c:4c:00:00:02');
  assert.equal(holderIn(decodeNdp(frame('ping.solicitation')), shop), undefined);
  assert.equal(holderIn(decodeNdp(frame('dad-free.solicitation')), shop), undefined);
  assert.equal(holderIn(ndpProbe(shop.mac, shop.address), shop), undefined, 'our own, heard again');
});

test('what is no neighbour discovery of this link is refused with what it is', () => {
  const changed = (offset: number, byte: number): Uint8Array =>
    Uint8Array.from(frame('ping.solicitation')).fill(byte, offset, offset + 1);
  assert.throws(() => decodeNdp(changed(12, 0x08)), { name: 'WireError', message: /^the EtherType is 2269, not 34525/ });
  assert.throws(() => decodeNdp(changed(20, 6)), { name: 'WireError', message: /^the next header is 6, not 58/ });
  assert.throws(() => decodeNdp(changed(21, 64)), { name: 'WireError', message: /^the hop limit is 64, not 255/ });
  assert.throws(() => decodeNdp(changed(54, 128)), { name: 'WireError', message: /^the checksum is wrong/ });
});
