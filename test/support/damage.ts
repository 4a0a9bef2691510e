/** Bytes as a bad cable, or an enemy, hands them on. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { WireError } from '../../src/wire/bytes.ts';

/** LANDLINE_SOAK=1 asks for a million damaged copies in all. */
const soak = process.env.LANDLINE_SOAK === '1';
const inAll = 1_000_000;

/** How many damaged copies of one of `captures` captures to try. */
export const roundsFor = (captures: number): number => (soak ? Math.ceil(inAll / captures) : 300);

/** A copy that is cut off somewhere, or has one byte changed. */
function damaged(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const position = fc.nat({ max: bytes.length - 1 });
  const cut = position.map((at) => bytes.slice(0, at));
  const changed = fc.tuple(position, fc.nat({ max: 255 })).map(([at, byte]) => Uint8Array.from(bytes).fill(byte, at, at + 1));
  return fc.oneof(cut, changed);
}

/**
 * Hands `read` damaged copies of `bytes`: it returns, or refuses with a WireError whose offset lies within the copy.
 * Anything else fails the test, and so does what `read` itself asserts of the copies that it can read.
 */
export function withstandsDamage(bytes: Uint8Array, rounds: number, read: (copy: Uint8Array) => void): void {
  fc.assert(
    fc.property(damaged(bytes), (copy) => {
      try {
        read(copy);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        assert.ok(error.offset >= 0 && error.offset <= copy.length, `offset ${error.offset} of ${copy.length} bytes`);
      }
    }),
    { numRuns: rounds },
  );
}
