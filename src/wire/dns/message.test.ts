import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { roundsFor, withstandsDamage } from '../../../test/support/damage.ts';
import { ednsOf, ednsRecord } from './edns.ts';
import { decodeMessage, encodeMessage, IN, type Message } from './message.ts';
import type { RecordData } from './records/index.ts';

const empty: Message = {
  id: 0x4c4c,
  response: true,
  opcode: 0,
  authoritative: true,
  truncated: false,
  recursionDesired: true,
  recursionAvailable: false,
  reserved: 0,
  rcode: 0,
  questions: [],
  answers: [],
  authorities: [],
  additionals: [],
};

const answering = (data: RecordData): Message => ({
  ...empty,
  answers: [{ name: 'shop.office.example', class: IN, ttl: 60, data }],
});

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replace(/\s/g, ''), 'hex'));

const header = (counts: string): string => `4c4c 8400 ${counts}`;

test('a count that promises more than there is is refused where the bytes end', () => {
  assert.throws(() => decodeMessage(bytesOf(header('ffff 0000 0000 0000'))), { name: 'WireError', offset: 12 });
  assert.throws(() => decodeMessage(bytesOf(header('0000 ffff ffff ffff'))), { name: 'WireError', offset: 12 });
  assert.throws(() => decodeMessage(bytesOf(`${header('0001 0001 0000 0000')} 00 0001 0001`)), { name: 'WireError', offset: 17 });
});

test('what follows the last record is refused', () => {
  assert.throws(() => decodeMessage(bytesOf(`${header('0000 0000 0000 0000')} 00`)), {
    name: 'WireError',
    offset: 12,
    message: /^1 bytes follow the message/,
  });
});

test('data that is shorter or longer than its type needs is refused', () => {
  const record = (length: string, data: string): Uint8Array =>
    bytesOf(`${header('0000 0001 0000 0000')} 00 0001 0001 00000000 ${length} ${data}`);
  assert.throws(() => decodeMessage(record('0003', 'c0a80b')), {
    name: 'WireError',
    offset: 23,
    message: /an IPv4 address needs 4/,
  });
  assert.throws(() => decodeMessage(record('0005', 'c0a80b6500')), {
    name: 'WireError',
    offset: 27,
    message: /1 bytes follow the data of A/,
  });
  assert.throws(() => decodeMessage(record('0000', '')), { name: 'WireError' });
});

test('a pointer out of the data of a record is followed, and one into itself is not', () => {
  const record = (data: string): Uint8Array => bytesOf(`${header('0000 0001 0000 0000')} 00 000c 0001 00000000 0002 ${data}`);
  const { data } = decodeMessage(record('c00c')).answers[0] ?? assert.fail();
  assert.deepEqual(data, { kind: 'PTR', target: '.' });
  assert.throws(() => decodeMessage(record('c017')), { name: 'WireError', offset: 23 });
});

test('a record type that is not known, or of another class, comes back as it was', () => {
  const data: RecordData = { kind: 'other', type: 4711, bytes: Uint8Array.of(1, 2, 3) };
  assert.deepEqual(decodeMessage(encodeMessage(answering(data))), answering(data));
  const chaos = bytesOf(`${header('0000 0001 0000 0000')} 00 0001 0003 00000000 0001 07`);
  assert.deepEqual(decodeMessage(chaos).answers[0]?.data, { kind: 'other', type: 1, bytes: Uint8Array.of(7) });
  assert.deepEqual(encodeMessage(decodeMessage(chaos)), chaos);
});

test('what EDNS says stands in the class and the TTL of its record', () => {
  const edns = { udpSize: 1232, version: 0, upperRcode: 1, dnssec: true };
  const record = ednsRecord(edns);
  assert.deepEqual(ednsOf(decodeMessage(encodeMessage({ ...empty, additionals: [record] }))), edns);
  assert.equal(ednsOf({ ...empty, additionals: [record, record] }), 'twice');
  assert.equal(ednsOf(empty), undefined);
});

test('any bytes at all are read or refused, and what is read can be written', () => {
  const start = fc.uint8Array({ minLength: 0, maxLength: 80 });
  const small = fc.array(fc.nat({ max: 3 }), { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(start, small, (rest, counts) => {
      const bytes = Uint8Array.from([1, 2, 0x84, 0, ...counts.flatMap((count) => [0, count]), ...rest]);
      withstandsDamage(bytes, 1, (copy) => {
        const message = decodeMessage(copy);
        assert.deepEqual(decodeMessage(encodeMessage(message)), message);
      });
    }),
    { numRuns: roundsFor(1) * 10 },
  );
});
