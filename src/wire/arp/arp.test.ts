import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arpFromJson, arpToJson } from '../../../test/support/arp-notation.ts';
import { readCaptures } from '../../../test/support/captures.ts';
import { roundsFor, withstandsDamage } from '../../../test/support/damage.ts';
import { ipv4 } from '../../net/ipv4.ts';
import { arpAnnouncement, arpProbe, conflictsWith, decodeArp, encodeArp } from './arp.ts';

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
    assert.deepEqual(arpToJson(decodeArp(bytes)), value);
    assert.equal(hex(encodeArp(arpFromJson(value))), hex(bytes));
  });

  test(`${name}: a cut-off or changed copy is read or refused, and what is read writes the same bytes`, () => {
    withstandsDamage(bytes, roundsFor(captures.length), (copy) => assert.equal(hex(encodeArp(decodeArp(copy))), hex(copy)));
  });
}

const shop = { mac: '02:4c:4c:00:00:07', address: ipv4('192.168.11.101') };

test('our probe is the one of RFC 5227: no sender address, and an empty target MAC', () => {
  // `arping -D` differs in the target MAC alone, which the RFC asks to be zero.
  const theirs = decodeArp(frame('probe-taken.request'));
  assert.deepEqual(arpProbe(theirs.senderMac, theirs.targetAddress), { ...theirs, targetMac: '00:00:00:00:00:00' });
});

test('our announcement is byte for byte what the kernel sends when a MAC changes', () => {
  assert.equal(hex(encodeArp(arpAnnouncement('02:4c:4c:00:00:03', ipv4('192.168.10.20')))), hex(frame('kernel-notify.request')));
});

test('the answer of whoever has the address is a conflict', () => {
  assert.equal(conflictsWith(decodeArp(frame('probe-taken.reply')), shop), true);
});

test('another who probes for the same address is a conflict, one who asks for it as a neighbour is not', () => {
  assert.equal(conflictsWith(decodeArp(frame('probe-taken.request')), shop), true);
  assert.equal(conflictsWith(decodeArp(frame('kernel.request')), shop), false);
});

test('an announcement of the address by another is a conflict, in either form', () => {
  const pc = { mac: shop.mac, address: ipv4('192.168.10.20') };
  assert.equal(conflictsWith(decodeArp(frame('announcement-request.request')), pc), true);
  assert.equal(conflictsWith(decodeArp(frame('announcement-reply.reply')), pc), true);
});

test('our own frames, heard again, are no conflict', () => {
  assert.equal(conflictsWith(arpProbe(shop.mac, shop.address), shop), false);
  assert.equal(conflictsWith(arpAnnouncement(shop.mac, shop.address), shop), false);
});

test('a frame that a switch has padded to sixty bytes reads as the same', () => {
  const bytes = frame('kernel.request');
  assert.deepEqual(decodeArp(Uint8Array.from([...bytes, ...new Array<number>(18).fill(0)])), decodeArp(bytes));
});

test('what is not ARP for IPv4 over Ethernet is refused with what it is', () => {
  const changed = (offset: number, byte: number): Uint8Array =>
    Uint8Array.from(frame('kernel.request')).fill(byte, offset, offset + 1);
  assert.throws(() => decodeArp(changed(12, 0x86)), { name: 'WireError', message: /^the EtherType is 34310, not 2054/ });
  assert.throws(() => decodeArp(changed(16, 0x86)), { name: 'WireError', message: /^ar\$pro is 34304, not 2048/ });
  assert.throws(() => decodeArp(changed(18, 8)), { name: 'WireError', message: /^ar\$hln is 8, not 6/ });
  assert.throws(() => decodeArp(changed(21, 3)), { name: 'WireError', message: /^ar\$op is 3, neither request nor reply/ });
});
