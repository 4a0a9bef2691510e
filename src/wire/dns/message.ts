/**
 * DNS messages: queries and answers (RFC 1035 section 4), updates (RFC 2136), which are the same bytes with other words.
 *
 * Unknown types, opcodes and codes survive. A message that lies about what it holds is refused where that shows.
 */
import { ByteReader, ByteWriter } from '../bytes.ts';
import { decodeName, encodeName, type WrittenNames } from './name.ts';
import { codecOf, type RecordData, typeNumber, typeOf } from './records/index.ts';

/** CLASS of RFC 1035 section 3.2.4 and of RFC 2136. */
export const IN = 1;
export const NONE = 254;
export const ANY = 255;

/** QTYPE for every type that a name has (RFC 1035 section 3.2.3). */
export const anyType = 255;

export const opcodes = { QUERY: 0, NOTIFY: 4, UPDATE: 5 } as const;

/** RCODE of RFC 1035 section 4.1.1, RFC 2136 section 2.2, and RFC 6891 (BADVERS, of which a header holds the lower part). */
export const rcodes = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  BADVERS: 16,
} as const;

/** `NXDOMAIN` for 3; `RCODE11` for one without a name. */
export function rcodeName(rcode: number): string {
  return Object.entries(rcodes).find(([, code]) => code === rcode)?.[0] ?? `RCODE${rcode}`;
}

export interface Question {
  readonly name: string;
  /** QTYPE. */
  readonly type: number;
  /** QCLASS. */
  readonly class: number;
}

export interface ResourceRecord {
  readonly name: string;
  readonly class: number;
  /** Seconds; of an OPT record, flags. */
  readonly ttl: number;
  readonly data: RecordData;
}

/** ```
 *  ID (16) | QR (1) | Opcode (4) | AA | TC | RD | RA | Z | AD | CD | RCODE (4) | four counts (16 each)
 * ``` */
export interface Header {
  readonly id: number;
  /** QR: an answer. */
  readonly response: boolean;
  readonly opcode: number;
  /** AA. */
  readonly authoritative: boolean;
  /** TC: ask again over TCP. */
  readonly truncated: boolean;
  /** RD. */
  readonly recursionDesired: boolean;
  /** RA. */
  readonly recursionAvailable: boolean;
  /** Z, AD and CD (RFC 4035 section 3), as bits 6 to 4 of the second byte of flags. */
  readonly reserved: number;
  /** The lower four bits; EDNS has eight more. */
  readonly rcode: number;
}

/** In an update: zone, prerequisites, updates, additional (RFC 2136 section 2). */
export interface Message extends Header {
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}

/** Bytes of the header. */
export const headerLength = 12;

/** Longest message over TCP, whose length stands before it in 16 bits. */
export const longestMessage = 0xffff;

/** @throws WireError where the message is not what it says it is, or something follows it */
export function decodeMessage(bytes: Uint8Array): Message {
  return decodeWithEnd(bytes).message;
}

/** The same, and where its last record begins: what stands before it is what TSIG signs. */
export function decodeWithEnd(bytes: Uint8Array): { readonly message: Message; readonly lastRecordAt: number } {
  const reader = new ByteReader(bytes);
  const header = decodeHeader(reader);
  const [questions, answers, authorities, additionals] = [0, 0, 0, 0].map(() => reader.u16('a count'));
  let lastRecordAt = headerLength;
  const records = (count = 0): ResourceRecord[] =>
    repeat(count, () => {
      lastRecordAt = reader.offset;
      return decodeRecord(reader, bytes);
    });
  const message: Message = {
    ...header,
    questions: repeat(questions ?? 0, () => decodeQuestion(reader, bytes)),
    answers: records(answers),
    authorities: records(authorities),
    additionals: records(additionals),
  };
  if (reader.left > 0) reader.fail(`${reader.left} bytes follow the message`);
  return { message, lastRecordAt };
}

/** One after the other, so that a count that lies ends where the bytes do, and costs no memory. */
function repeat<T>(count: number, decode: () => T): T[] {
  const items: T[] = [];
  for (let index = 0; index < count; index += 1) items.push(decode());
  return items;
}

function decodeHeader(reader: ByteReader): Header {
  const id = reader.u16('the id');
  const flags = reader.u16('the flags');
  const bit = (position: number): boolean => (flags & (1 << position)) !== 0;
  return {
    id,
    response: bit(15),
    opcode: (flags >> 11) & 15,
    authoritative: bit(10),
    truncated: bit(9),
    recursionDesired: bit(8),
    recursionAvailable: bit(7),
    reserved: (flags >> 4) & 7,
    rcode: flags & 15,
  };
}

function decodeQuestion(reader: ByteReader, message: Uint8Array): Question {
  return { name: decodeName(reader, message), type: reader.u16('QTYPE'), class: reader.u16('QCLASS') };
}

function decodeRecord(reader: ByteReader, message: Uint8Array): ResourceRecord {
  const name = decodeName(reader, message);
  const type = reader.u16('TYPE');
  const klass = reader.u16('CLASS');
  const ttl = reader.u32('TTL');
  const part = reader.part(reader.u16('RDLENGTH'), 'RDATA');
  return { name, class: klass, ttl, data: decodeData(type, klass, part, message) };
}

function decodeData(type: number, klass: number, reader: ByteReader, message: Uint8Array): RecordData {
  const isMeant = type === typeNumber.OPT || [IN, NONE, ANY].includes(klass);
  const known = isMeant ? codecOf(type) : undefined;
  if (reader.left === 0 && (klass === ANY || klass === NONE)) return { kind: 'empty', type };
  if (known === undefined) return { kind: 'other', type, bytes: reader.rest() };
  const value = known.codec.decode(reader, message);
  if (reader.left > 0) reader.fail(`${reader.left} bytes follow the data of ${known.name}`);
  // The codec was found by the name.
  return { kind: known.name, ...value } as RecordData;
}

/** @throws RangeError for what is no message: our own mistake */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter();
  const names: WrittenNames = new Map();
  const { questions, answers, authorities, additionals } = message;
  writer.u16(message.id).u16(flagsOf(message));
  for (const section of [questions, answers, authorities, additionals]) writer.u16(section.length);
  for (const it of questions) {
    encodeName(writer, it.name, names);
    writer.u16(it.type).u16(it.class);
  }
  for (const record of [...answers, ...authorities, ...additionals]) encodeRecord(writer, record, names);
  return writer.finish();
}

function flagsOf(it: Header): number {
  const bits = [it.response, it.authoritative, it.truncated, it.recursionDesired, it.recursionAvailable].map(Number);
  const [qr = 0, aa = 0, tc = 0, rd = 0, ra = 0] = bits;
  return (qr << 15) | (it.opcode << 11) | (aa << 10) | (tc << 9) | (rd << 8) | (ra << 7) | (it.reserved << 4) | it.rcode;
}

/** Writes one record; without `names` nothing in it is compressed. */
export function encodeRecord(writer: ByteWriter, { name, class: klass, ttl, data }: ResourceRecord, names?: WrittenNames): void {
  encodeName(writer, name, names);
  writer.u16(typeOf(data)).u16(klass).u32(ttl);
  const at = writer.length;
  writer.u16(0);
  encodeData(writer, data, names ?? new Map());
  writer.patch16(at, writer.length - at - 2);
}

function encodeData(writer: ByteWriter, data: RecordData, names: WrittenNames): void {
  if (data.kind === 'empty') return;
  if (data.kind === 'other') writer.bytes(data.bytes);
  else codecOf(typeNumber[data.kind])?.codec.encode(writer, data, names);
}
