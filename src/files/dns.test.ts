import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DnsConfiguration } from '../core/model.ts';
import { isLandlineError } from '../errors.ts';
import { parseConfiguration } from './configuration.ts';

const dns = (text: string): DnsConfiguration => parseConfiguration(`dns: ${text}`, 'landline.yaml').dns;

/** `COLUMN: what is → what to write`, of each mistake. */
function mistakes(text: string): readonly string[] {
  try {
    dns(text);
  } catch (error) {
    assert.ok(isLandlineError(error, 'FILE_INVALID'));
    return error.details.problems.map((it) => `${it.column}: ${it.message} → ${it.next}`);
  }
  return assert.fail(`it was not refused: ${text}`);
}

test('updates need a zone alone: the server is found, nothing is signed, and a record lives a minute', () => {
  assert.deepEqual(dns('{ update: { zone: test.office.example } }'), {
    update: { servers: [], zone: 'test.office.example', reverse: [], ttl: 60 },
  });
});

test('a key is of hmac-sha256 unless it says otherwise', () => {
  const { update } = dns('{ update: { zone: office.example, key: { name: landline, secretFile: /etc/landline/tsig.key } } }');
  assert.equal(update?.key?.algorithm, 'hmac-sha256');
});

test('a mistake is told with its place and what to write', () => {
  assert.deepEqual(
    mistakes('{ update: { zone: test.office.example., server: dns1 } }'),
    [
      "54: 'dns1' is no address of a DNS server → write an IPv4 address, or ADDRESS:PORT, as in 192.168.11.2:53",
      "24: 'test.office.example.' is no domain name → write 'test.office.example', without the dot at its end",
    ].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)),
  );
  assert.deepEqual(mistakes('{ serve: { listen: 192.168.11.20:99999, zone: lab.office.example } }'), [
    "25: '192.168.11.20:99999' is no address of a DNS server → write an IPv4 address, or ADDRESS:PORT, as in 192.168.11.2:53",
  ]);
  assert.match(
    mistakes('{ update: { zone: office.example, key: { name: k, algorithm: hmac-md5, secretFile: key } } }').join('\n'),
    /'hmac-md5' is no algorithm/,
  );
  assert.match(mistakes('{ serve: { zone: lab.office.example } }').join('\n'), /'serve' has no 'listen'/);
  assert.match(mistakes('{ update: { zone: office.example, ttl: 100000 } }').join('\n'), /ttl/);
});
