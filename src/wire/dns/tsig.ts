/**
 * Transaction signatures (RFC 8945): signing a request, and believing its answer.
 *
 * The MAC itself is somebody else's: it is handed in, so that this room needs no cryptography.
 */
import { ByteReader, ByteWriter } from '../bytes.ts';
import { ANY, decodeWithEnd, encodeRecord, type Message } from './message.ts';
import { encodeName, sameName } from './name.ts';
import type { Tsig } from './records/tsig.ts';

/** The algorithms that are spoken (section 6), by the name that stands in a record. */
export const tsigAlgorithms = ['hmac-sha256', 'hmac-sha384', 'hmac-sha512', 'hmac-sha1'] as const;

export type TsigAlgorithm = (typeof tsigAlgorithms)[number];

export interface TsigKey {
  readonly name: string;
  readonly algorithm: TsigAlgorithm;
  readonly secret: Uint8Array;
}

/** HMAC (RFC 2104) of `input` under a key. */
export type Hmac = (algorithm: TsigAlgorithm, secret: Uint8Array, input: Uint8Array) => Uint8Array;

/** Error of a TSIG record (section 3). */
const tsigErrors = { BADSIG: 16, BADKEY: 17, BADTIME: 18, BADTRUNC: 22 } as const;

/** By so many seconds the clocks may differ (section 10). */
const fudge = 300;

/** A message and the MAC that its answer is bound to. */
export interface Signed {
  readonly bytes: Uint8Array;
  readonly mac: Uint8Array;
}

/**
 * Signs a message.
 * @param time seconds since 1970
 * @param requestMac of an answer: the MAC of its request
 */
export function signMessage(
  bytes: Uint8Array,
  key: TsigKey,
  { time, requestMac }: { readonly time: number; readonly requestMac?: Uint8Array },
  hmac: Hmac,
): Signed {
  const reader = new ByteReader(bytes);
  const originalId = reader.u16();
  const unsigned: Tsig = {
    algorithm: key.algorithm,
    time,
    fudge,
    mac: new Uint8Array(0),
    originalId,
    error: 0,
    other: new Uint8Array(0),
  };
  const mac = hmac(key.algorithm, key.secret, digested(bytes, key.name, unsigned, requestMac));
  const writer = new ByteWriter().bytes(bytes);
  encodeRecord(writer, { name: key.name, class: ANY, ttl: 0, data: { kind: 'TSIG', ...unsigned, mac } });
  return { bytes: writer.patch16(arcountAt, countAt(bytes) + 1).finish(), mac };
}

/** Where the header counts the additional records. */
const arcountAt = 10;

function countAt(bytes: Uint8Array): number {
  const reader = new ByteReader(bytes);
  reader.skip(arcountAt);
  return reader.u16();
}

/** Sections 4.3.2 and 4.3.3: the request's MAC, the message without its signature, and the record's variables. */
function digested(unsigned: Uint8Array, keyName: string, it: Tsig, requestMac?: Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  if (requestMac !== undefined) writer.u16(requestMac.length).bytes(requestMac);
  writer.bytes(unsigned);
  encodeName(writer, keyName.toLowerCase());
  writer.u16(ANY).u32(0);
  encodeName(writer, it.algorithm.toLowerCase());
  writer.u16(Math.floor(it.time / 2 ** 32)).u32(it.time % 2 ** 32);
  return writer.u16(it.fudge).u16(it.error).u16(it.other.length).bytes(it.other).finish();
}

/** What a signature says of a message. */
export type Verdict =
  | { readonly kind: 'verified' }
  /** Nobody signed it. */
  | { readonly kind: 'unsigned' }
  /** The server says that it does not know the key, or that our signature is wrong; itself it signs nothing then. */
  | { readonly kind: 'refused'; readonly error: 'BADKEY' | 'BADSIG' | 'BADTRUNC' }
  /** The signature is right, and the clocks differ: by so many seconds theirs is ahead. */
  | { readonly kind: 'skewed'; readonly seconds: number }
  /** Signed, and not with the key. */
  | { readonly kind: 'forged'; readonly reason: string };

/**
 * Whether a message was made by who has the key (section 5).
 * @param time seconds since 1970
 * @param requestMac of an answer: the MAC of its request
 * @throws WireError for what is no message
 */
export function verifyMessage(
  bytes: Uint8Array,
  key: TsigKey,
  { time, requestMac }: { readonly time: number; readonly requestMac?: Uint8Array },
  hmac: Hmac,
): { readonly message: Message; readonly verdict: Verdict } {
  const { message, lastRecordAt } = decodeWithEnd(bytes);
  const last = message.additionals.at(-1);
  const signatures = [...message.answers, ...message.authorities, ...message.additionals].filter((it) => it.data.kind === 'TSIG');
  if (signatures.length === 0) return { message, verdict: { kind: 'unsigned' } };
  const atLast = new ByteReader(bytes.subarray(lastRecordAt), lastRecordAt);
  if (last?.data.kind !== 'TSIG' || signatures.length > 1) return atLast.fail('a TSIG record stands before another record');
  if (last.class !== ANY || last.ttl !== 0) return atLast.fail('a TSIG record has a class that is not ANY, or a TTL');
  const { data, name } = last;
  const stripped = new ByteWriter()
    .bytes(bytes.subarray(0, lastRecordAt))
    .patch16(0, data.originalId)
    .patch16(arcountAt, message.additionals.length - 1)
    .finish();
  const bare: Message = { ...message, additionals: message.additionals.slice(0, -1) };
  const expected = hmac(key.algorithm, key.secret, digested(stripped, name, data, requestMac));
  return { message: bare, verdict: judge(name, data, key, expected, time) };
}

function judge(name: string, it: Tsig, key: TsigKey, expected: Uint8Array, now: number): Verdict {
  const named = errorName(it.error);
  if (named !== undefined && named !== 'BADTIME') return { kind: 'refused', error: named };
  if (!sameName(name, key.name)) return { kind: 'forged', reason: `it is signed with the key '${name}'` };
  if (!sameName(it.algorithm, key.algorithm)) return { kind: 'forged', reason: `it is signed with ${it.algorithm}` };
  if (!sameBytes(it.mac, expected)) return { kind: 'forged', reason: 'its signature is wrong' };
  if (named === 'BADTIME') return { kind: 'skewed', seconds: theirTime(it) - now };
  if (Math.abs(it.time - now) > it.fudge) return { kind: 'skewed', seconds: it.time - now };
  return { kind: 'verified' };
}

function errorName(error: number): keyof typeof tsigErrors | undefined {
  // The keys are those of the table.
  return (Object.keys(tsigErrors) as (keyof typeof tsigErrors)[]).find((name) => tsigErrors[name] === error);
}

/** Section 5.2.3: the server's time, in the record's other data. */
function theirTime({ other, time }: Tsig): number {
  if (other.length !== 6) return time;
  const reader = new ByteReader(other);
  return reader.u16() * 2 ** 32 + reader.u32();
}

/** In a time that does not depend on where they differ. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (const [index, byte] of a.entries()) difference |= byte ^ (b.at(index) ?? 0);
  return difference === 0;
}
