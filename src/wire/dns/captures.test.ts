import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCaptures } from '../../../test/support/captures.ts';
import { roundsFor, withstandsDamage } from '../../../test/support/damage.ts';
import { messageFromJson, messageToJson } from '../../../test/support/dns-notation.ts';
import { decodeMessage, encodeMessage } from './message.ts';

const captures = readCaptures(new URL('captures/', import.meta.url));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Where BIND makes less of the names that stand there already than it could, and we do not. */
const compressedLess = ['a-case.answer'];

for (const { name, command, bytes, value } of captures) {
  test(`${name} of \`${command}\` reads as its value, and its value writes the same bytes`, () => {
    assert.deepEqual(messageToJson(decodeMessage(bytes)), value);
    const written = encodeMessage(messageFromJson(value));
    if (!compressedLess.includes(name)) return assert.equal(hex(written), hex(bytes));
    assert.deepEqual(messageToJson(decodeMessage(written)), value);
    assert.ok(written.length < bytes.length);
  });

  test(`${name}: a cut-off or changed copy is read or refused, and what is read can be written and reads as the same`, () => {
    withstandsDamage(bytes, roundsFor(captures.length), (copy) => {
      const message = decodeMessage(copy);
      assert.deepEqual(decodeMessage(encodeMessage(message)), message);
    });
  });
}
