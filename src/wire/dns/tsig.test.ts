import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { readCaptures } from '../../../test/support/captures.ts';
import { decodeMessage, type Message, rcodeName } from './message.ts';
import type { Tsig } from './records/tsig.ts';
import { type Hmac, signMessage, type TsigAlgorithm, type TsigKey, type Verdict, verifyMessage } from './tsig.ts';

const captures = readCaptures(new URL('captures/', import.meta.url));

const hmac: Hmac = (algorithm, secret, input) => createHmac(algorithm.slice('hmac-'.length), secret).update(input).digest();

/** As test/capture/dns.ts gave them to BIND and nsupdate. */
const secrets: Readonly<Record<string, string>> = {
  'hmac-sha256': 'a key of the captures, 256 bits.',
  'hmac-sha384': 'a key of the captures, for SHA-384, which has 48.',
  'hmac-sha512': 'a key of the captures, for SHA-512, which has sixty-four bytes..',
  'hmac-sha1': 'a key for SHA-1.',
};

const key = (algorithm: TsigAlgorithm): TsigKey => ({
  name: algorithm,
  algorithm,
  secret: Buffer.from(secrets[algorithm] ?? ''),
});

function bytesOf(name: string): Uint8Array {
  const found = captures.find((it) => it.name === name);
  assert.ok(found !== undefined, name);
  return found.bytes;
}

function tsigOf(message: Message): Tsig {
  const data = message.additionals.at(-1)?.data;
  assert.ok(data?.kind === 'TSIG');
  return data;
}

/** What is said of the answer of a capture by who made its request. */
function verdictOf(name: string, algorithm: TsigAlgorithm, { later = 0, bytes = bytesOf(`${name}.answer`) } = {}): Verdict {
  const request = tsigOf(decodeMessage(bytesOf(`${name}.request`)));
  return verifyMessage(bytes, key(algorithm), { time: request.time + later, requestMac: request.mac }, hmac).verdict;
}

for (const [name, algorithm] of [
  ['update-claim', 'hmac-sha256'],
  ['update-taken', 'hmac-sha384'],
  ['update-follow', 'hmac-sha512'],
  ['update-foreign', 'hmac-sha1'],
  ['signed', 'hmac-sha256'],
] as const) {
  test(`${name}: what a program of BIND signed with ${algorithm}, we sign byte for byte, and what BIND answered is verified`, () => {
    const bytes = bytesOf(`${name}.request`);
    const { time } = tsigOf(decodeMessage(bytes));
    const asked = verifyMessage(bytes, key(algorithm), { time }, hmac);
    assert.deepEqual(asked.verdict, { kind: 'verified' });
    const bare = Uint8Array.from(bytes.subarray(0, bytes.length - tsigLength(algorithm)));
    bare[11] = (bare[11] ?? 0) - 1;
    assert.deepEqual(
      Buffer.from(signMessage(bare, key(algorithm), { time }, hmac).bytes).toString('hex'),
      Buffer.from(bytes).toString('hex'),
    );
    assert.deepEqual(verdictOf(name, algorithm), { kind: 'verified' });
  });
}

/** Bytes of a TSIG record whose key is named as its algorithm. */
const tsigLength = (algorithm: TsigAlgorithm): number =>
  2 * (algorithm.length + 2) + 10 + 16 + hmac(algorithm, new Uint8Array(1), new Uint8Array(0)).length;

test('an answer in which one byte was changed is forged, or no message', () => {
  const answer = bytesOf('update-claim.answer');
  for (let at = 0; at < answer.length; at += 1) {
    const changed = Uint8Array.from(answer);
    changed[at] = (changed[at] ?? 0) ^ 0x01;
    try {
      const { kind } = verdictOf('update-claim', 'hmac-sha256', { bytes: changed });
      // The record's original id counts, and not the header's.
      if (kind === 'verified') assert.ok(at < 2, `byte ${at}`);
    } catch (error) {
      assert.equal((error as Error).name, 'WireError', `byte ${at}`);
    }
  }
});

test('the answer to another request, an unsigned one and one of another key are not verified', () => {
  assert.equal(verdictOf('update-claim', 'hmac-sha256', { bytes: bytesOf('update-remove.answer') }).kind, 'forged');
  assert.deepEqual(verdictOf('update-claim', 'hmac-sha256', { bytes: bytesOf('a.answer') }), { kind: 'unsigned' });
  assert.deepEqual(verdictOf('update-claim', 'hmac-sha256', { bytes: bytesOf('update-taken.answer') }), {
    kind: 'forged',
    reason: "it is signed with the key 'hmac-sha384'",
  });
});

test('a server that does not know the key, or finds the signature wrong, says so', () => {
  assert.deepEqual(verdictOf('update-badkey', 'hmac-sha256'), { kind: 'refused', error: 'BADKEY' });
  assert.deepEqual(verdictOf('update-badsig', 'hmac-sha256'), { kind: 'refused', error: 'BADSIG' });
});

test('an answer that was signed at another time is told apart from one with a wrong signature', () => {
  assert.deepEqual(verdictOf('update-claim', 'hmac-sha256', { later: 300 }), { kind: 'verified' });
  assert.deepEqual(verdictOf('update-claim', 'hmac-sha256', { later: 301 }), { kind: 'skewed', seconds: -301 });
});

test("BIND's signed BADTIME tells by how much its clock differs from that of whoever asked", () => {
  const verdict = verdictOf('signed-badtime', 'hmac-sha256');
  assert.equal(verdict.kind, 'skewed');
  assert.ok(verdict.kind === 'skewed' && Math.abs(verdict.seconds + 3600) <= 2, JSON.stringify(verdict));
  const answer = decodeMessage(bytesOf('signed-badtime.answer'));
  assert.deepEqual([rcodeName(answer.rcode), tsigOf(answer).error, tsigOf(answer).other.length], ['NOTAUTH', 18, 6]);
  // Who has not the key cannot say so.
  const changed = Uint8Array.from(bytesOf('signed-badtime.answer'));
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 0x01;
  assert.equal(verdictOf('signed-badtime', 'hmac-sha256', { bytes: changed }).kind, 'forged');
});

test('a signature that is not the last record is refused where it stands', () => {
  const bytes = bytesOf('update-claim.answer');
  const opt = [0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0];
  const more = Uint8Array.from([...bytes, ...opt]);
  more[11] = (more[11] ?? 0) + 1;
  assert.throws(() => verdictOf('update-claim', 'hmac-sha256', { bytes: more }), { name: 'WireError', offset: bytes.length });
});
