import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCaptures } from '../../../test/support/captures.ts';
import { roundsFor, withstandsDamage } from '../../../test/support/damage.ts';
import { datagramFromJson, datagramToJson } from '../../../test/support/netlink-notation.ts';
import { decodeMessages } from './message.ts';
import { describeMessage } from './rtnetlink.ts';

const captures = readCaptures(new URL('captures/', import.meta.url));

for (const { name, command, bytes, value } of captures) {
  test(`${name} of \`${command}\` reads as its value, and its value writes the same bytes`, () => {
    assert.deepEqual(datagramToJson(bytes), value);
    assert.deepEqual(Buffer.from(datagramFromJson(value)).toString('hex'), Buffer.from(bytes).toString('hex'));
  });

  test(`${name}: a cut-off or changed copy is read or refused, and what is read can be written`, () => {
    withstandsDamage(bytes, roundsFor(captures.length), (copy) => {
      const read = datagramToJson(copy);
      decodeMessages(copy).forEach(describeMessage);
      // Padding alone may differ, so the bytes are not compared.
      assert.deepEqual(datagramToJson(datagramFromJson(read)), read);
    });
  });
}

test('what our schemas do not know comes back unchanged: a kind of link, a multipath route, a message type', () => {
  const kept = (name: string): string => JSON.stringify(captures.find((it) => it.name === name)?.value);
  assert.match(kept('link-add-vxlan.request'), /"IFLA_INFO_KIND":"vxlan".*"IFLA_INFO_DATA":\[.*\{"type":1,"bytes":"4c000000"\}/);
  assert.match(kept('route-add-multipath.request'), /\{"type":9,"bytes":"[0-9a-f]+"\}/);
  // A message type that nobody has given out yet.
  const strange = Uint8Array.from(captures.find((it) => it.name === 'netnsid-list.reply')?.bytes ?? []);
  strange[5] = 0x7f;
  assert.match(JSON.stringify(datagramToJson(strange)), /"type":"32600",.*"kind":"other","body":"[0-9a-f]+"/);
  assert.deepEqual(datagramFromJson(datagramToJson(strange)), strange);
});

test('a datagram of lies is refused where the lie stands', () => {
  const [first] = captures;
  assert.ok(first !== undefined);
  const tooLong = Uint8Array.from(first.bytes);
  tooLong[0] = 0xff;
  assert.throws(() => decodeMessages(tooLong), {
    name: 'WireError',
    offset: 16,
    message: /the message needs \d+ bytes and \d+ are left/,
  });
  assert.throws(() => decodeMessages(Uint8Array.of(15, 0, 0, 0)), {
    name: 'WireError',
    message: /nlmsg_len 15 is shorter than the header/,
  });
});
