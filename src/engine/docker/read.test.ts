import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFrames, readJson, readJsonLines, readLines } from './read.ts';

/** The bytes in pieces of so many. */
async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const sizes = [1, 2, 3, 7, 8, 9, 1000];
const text = (it: string): Uint8Array => Buffer.from(it);

test('lines come whole, however the bytes come, also in the middle of a letter', async () => {
  for (const size of sizes)
    assert.deepEqual(await Array.fromAsync(readLines(pieces(text('one\r\nzwölf\n\nlast'), size))), ['one', 'zwölf', '', 'last']);
});

test('JSON, of each line and of all', async () => {
  for (const size of sizes)
    assert.deepEqual(await Array.fromAsync(readJsonLines(pieces(text('{"a":1}\r\n{"b":2}\n'), size))), [{ a: 1 }, { b: 2 }]);
  assert.deepEqual(await readJson(pieces(text('[1]'), 1)), [1]);
  assert.equal(await readJson(pieces(text(''), 1)), undefined);
});

// docker logs of `sh -c 'echo out; echo err >&2'`, as Docker 20.10.24 sends it.
const frames = Buffer.from('01000000000000046f75740a02000000000000046572720a', 'hex');

test('stdout and stderr are taken out of their frames', async () => {
  for (const size of sizes) {
    const found = await Array.fromAsync(readFrames(pieces(frames, size)), ({ stream, bytes }) => [
      stream,
      Buffer.from(bytes).toString(),
    ]);
    assert.deepEqual(found, [
      ['stdout', 'out\n'],
      ['stderr', 'err\n'],
    ]);
  }
});

test('a stream that breaks off within a frame, or is none, is refused', async () => {
  for (let length = 1; length < frames.length; length += 1) {
    if (length === 12) continue;
    await assert.rejects(Array.fromAsync(readFrames(pieces(frames.subarray(0, length), 5))), /into a frame/, String(length));
  }
  for (const wrong of ['0300000000000001aa', '0100000100000001aa', '01000000ffffffffaa', '48545450'.repeat(4)])
    await assert.rejects(Array.fromAsync(readFrames(pieces(Buffer.from(wrong, 'hex'), 3))), /is no header/, wrong);
});
