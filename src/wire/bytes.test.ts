import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteReader, ByteWriter, WireError } from './bytes.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

test('byte order is in the name: network order, and le for netlink', () => {
  const reader = (): ByteReader => new ByteReader(unhex('0102030405060708'));
  assert.equal(reader().u8(), 0x01);
  assert.equal(reader().u16(), 0x0102);
  assert.equal(reader().u16le(), 0x0201);
  assert.equal(reader().u32(), 0x01020304);
  assert.equal(reader().u32le(), 0x04030201);
  assert.equal(reader().u64le(), 0x0807060504030201n);
});

test('numbers with their highest bit set stay positive, but for the one with a sign', () => {
  const reader = (): ByteReader => new ByteReader(unhex('fffffffffffffffe'));
  assert.equal(reader().u32(), 0xffffffff);
  assert.equal(reader().u32le(), 0xffffffff);
  assert.equal(reader().s32le(), -1);
  assert.equal(reader().u64le(), 0xfeffffffffffffffn);
});

test('what is written stands in the order that the name says', () => {
  const writer = new ByteWriter().u8(1).u16(0x0203).u16le(0x0504).u32(0x06070809).u32le(0x0d0c0b0a).s32le(-2).u64le(0x0102n);
  assert.equal(hex(writer.finish()), '01' + '0203' + '0405' + '06070809' + '0a0b0c0d' + 'feffffff' + '0201000000000000');
});

test('every number that fits comes back, and one that does not is our own mistake', () => {
  const kinds = {
    u8: [0, 0xff],
    u16: [0, 0xffff],
    u16le: [0, 0xffff],
    u32: [0, 0xffffffff],
    u32le: [0, 0xffffffff],
    s32le: [-0x80000000, 0x7fffffff],
  } as const;
  for (const [name, [least, most]] of Object.entries(kinds)) {
    // The names are those of the table above.
    const kind = name as keyof typeof kinds;
    const comesBack = (value: number): void =>
      assert.equal(new ByteReader(new ByteWriter()[kind](value).finish())[kind](), value);
    fc.assert(fc.property(fc.integer({ min: least, max: most }), comesBack), { examples: [[least], [most]] });
    for (const wrong of [least - 1, most + 1, 0.5, Number.NaN]) {
      assert.throws(() => new ByteWriter()[kind](wrong), RangeError, `${name} ${wrong}`);
    }
  }
  assert.throws(() => new ByteWriter().u64le(-1n), RangeError);
  assert.throws(() => new ByteWriter().u64le(2n ** 64n), RangeError);
});

test('a read past the end says what was read, how much is left, and where', () => {
  const reader = new ByteReader(unhex('010203'));
  reader.u8();
  assert.throws(() => reader.u32('the length'), {
    name: 'WireError',
    message: 'the length needs 4 bytes and 2 are left (at byte 1)',
    offset: 1,
  });
  assert.equal(reader.u16(), 0x0203, 'the refused read has not moved');
  assert.throws(() => reader.u8(), WireError);
  assert.throws(() => reader.bytes(-1), WireError);
});

test('offsets within a part count from the start of the whole', () => {
  const reader = new ByteReader(unhex('0000aabb'));
  reader.u16();
  const part = reader.part(2);
  assert.equal(reader.left, 0);
  part.u8();
  assert.equal(part.offset, 3);
  assert.throws(() => part.fail('no such thing'), { message: 'no such thing (at byte 3)', offset: 3 });
});

test('peek does not move, rest reads to the end, skip and view find the same bytes again', () => {
  const reader = new ByteReader(unhex('01020304'));
  reader.u8();
  assert.equal(hex(reader.peek()), '020304');
  const start = reader.skip(2);
  assert.equal(hex(reader.view(start, start + 2)), '0203');
  assert.equal(hex(reader.rest()), '04');
  assert.equal(hex(reader.rest()), '');
});

test('a reader aligns over padding of any content, and ends where the padding is cut off', () => {
  const reader = new ByteReader(unhex('01ffffff02ff'));
  reader.u8();
  reader.align(4);
  assert.equal(reader.u8(), 0x02);
  reader.align(4);
  assert.equal(reader.left, 0);
  reader.align(4);
  assert.equal(reader.offset, 6);
});

test('a writer pads with zeros, patches what was left free, and grows past its first buffer', () => {
  const long = new Uint8Array(1000).fill(7);
  const writer = new ByteWriter().u16le(0).u8(9).align(4).bytes(long).u32le(0);
  writer.patch16le(0, writer.length).patch32le(writer.length - 4, 0xdeadbeef);
  const written = writer.finish();
  assert.equal(writer.length, 1008);
  assert.equal(hex(written.subarray(0, 4)), 'f0030900');
  assert.ok(written.subarray(4, 1004).every((byte) => byte === 7));
  assert.equal(hex(written.subarray(1004)), 'efbeadde');
});

test('what is finished is a copy: writing on does not change it', () => {
  const writer = new ByteWriter().u8(1);
  const first = writer.finish();
  writer.patch16le(0, 0xffff);
  assert.equal(hex(first), '01');
});
