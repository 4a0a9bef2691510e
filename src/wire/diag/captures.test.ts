import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCaptures } from '../../../test/support/captures.ts';
import { roundsFor, withstandsDamage } from '../../../test/support/damage.ts';
import { datagramToJson, writeAgain } from '../../../test/support/diag-notation.ts';

const captures = readCaptures(new URL('captures/', import.meta.url));

for (const { name, command, bytes, value } of captures) {
  test(`${name} of \`${command}\` reads as its value, and what was read writes the same bytes`, () => {
    assert.deepEqual(datagramToJson(bytes), value);
    assert.deepEqual(Buffer.from(writeAgain(bytes)).toString('hex'), Buffer.from(bytes).toString('hex'));
  });

  test(`${name}: a cut-off or changed copy is read or refused, and what is read can be written`, () => {
    withstandsDamage(bytes, roundsFor(captures.length), (copy) => {
      // Padding alone may differ, so the bytes are not compared.
      assert.deepEqual(datagramToJson(writeAgain(copy)), datagramToJson(copy));
    });
  });
}
