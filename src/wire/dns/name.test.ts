import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteReader, ByteWriter } from '../bytes.ts';
import { decodeName, encodeName, isWithin, sameName, type WrittenNames } from './name.ts';

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replace(/\s/g, ''), 'hex'));

/** The name at an offset of some bytes. */
function nameAt(bytes: Uint8Array, offset: number): string {
  return decodeName(new ByteReader(bytes.subarray(offset), offset), bytes);
}

function written(...names: readonly string[]): string {
  const writer = new ByteWriter();
  const known: WrittenNames = new Map();
  for (const name of names) encodeName(writer, name, known);
  return Buffer.from(writer.finish()).toString('hex');
}

test('a name is its labels, and the part that stands in the message already is a pointer to it', () => {
  assert.equal(
    written('shop.office.example', 'db.office.example', 'office.example', '.'),
    `0473686f70066f6666696365076578616d706c6500${'026462c005'}${'c005'}00`,
  );
  const bytes = bytesOf(written('shop.office.example', 'db.office.example'));
  assert.equal(nameAt(bytes, 0), 'shop.office.example');
  assert.equal(nameAt(bytes, 21), 'db.office.example');
});

test('case is kept, and makes no difference', () => {
  const bytes = bytesOf(written('sHoP.Office.example', 'DB.oFFICE.example'));
  assert.equal(nameAt(bytes, 0), 'sHoP.Office.example');
  assert.equal(nameAt(bytes, 21), 'DB.oFFICE.example');
  assert.equal(sameName('Shop.Office.Example', 'shop.office.example'), true);
});

test('a label may hold any byte, and is written as master files write it', () => {
  for (const [text, hex] of [
    ['a\\.b.example', '03612e62 076578616d706c65 00'],
    ['\\009\\255.example', '0209ff 076578616d706c65 00'],
    ['a\\\\.example', '02615c 076578616d706c65 00'],
    ['\\@\\$\\"\\(\\)\\;.', '06402422 28293b 00'],
  ] as const) {
    const bytes = bytesOf(hex);
    const bare = text.replace(/\.$/, '');
    assert.equal(nameAt(bytes, 0), bare);
    assert.equal(written(bare), Buffer.from(bytes).toString('hex'));
  }
});

test('a pointer to itself, ahead, or back and forth is refused where it stands', () => {
  assert.throws(() => nameAt(bytesOf('c000'), 0), {
    name: 'WireError',
    offset: 0,
    message: /points to byte 0, which is not before it/,
  });
  assert.throws(() => nameAt(bytesOf('c002 00'), 0), { name: 'WireError', offset: 0 });
  assert.throws(() => nameAt(bytesOf('0161 c002 c000'), 0), { name: 'WireError', offset: 2 });
  assert.throws(() => nameAt(bytesOf('0161 c000'), 2), { name: 'WireError', offset: 2, message: /not before it/ });
});

test('a name of more than 255 bytes is refused, also when pointers make it so long', () => {
  const label = `3f${'61'.repeat(63)}`;
  assert.equal(nameAt(bytesOf(`${label.repeat(3)}3d${'61'.repeat(61)}00`), 0).length, 253);
  assert.throws(() => nameAt(bytesOf(`${label.repeat(3)}3e${'61'.repeat(62)}00`), 0), { name: 'WireError', offset: 192 });
  const long = bytesOf(`${label.repeat(3)}00 ${label}c000`);
  assert.throws(() => nameAt(long, 193), { name: 'WireError', message: /longer than 255 bytes/ });
});

test('a label of a kind that is not known is refused', () => {
  assert.throws(() => nameAt(bytesOf('41 61'), 0), { name: 'WireError', offset: 0, message: /0x41 begins neither/ });
  assert.throws(() => nameAt(bytesOf('80 61'), 0), { name: 'WireError', offset: 0 });
});

test('what is no name is not written', () => {
  for (const name of ['', 'a..b', '.a', 'a.', 'x'.repeat(64), `${'abcdefg.'.repeat(32)}x`])
    assert.throws(() => written(name), RangeError, name);
});

test('a name lies within a zone when its last labels are the zone', () => {
  assert.equal(isWithin('shop.Office.example', 'office.example'), true);
  assert.equal(isWithin('office.example', 'office.example'), true);
  assert.equal(isWithin('backoffice.example', 'office.example'), false);
  assert.equal(isWithin('a\\.office.example', 'office.example'), false);
  assert.equal(isWithin('shop.example', '.'), true);
});
