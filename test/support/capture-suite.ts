/** What every capture of a netlink family proves of the codec that reads it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCaptures } from './captures.ts';
import { roundsFor, withstandsDamage } from './damage.ts';

/** A family's notation. Both throw WireError. */
export interface Notation {
  readonly datagramToJson: (datagram: Uint8Array) => unknown;
  /** Reads a datagram and writes what was read. */
  readonly writeAgain: (datagram: Uint8Array) => Uint8Array;
}

/** Makes two tests of each capture of a folder. */
export function testCaptures(folder: URL, { datagramToJson, writeAgain }: Notation): void {
  const captures = readCaptures(folder);
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
}
