import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readKey } from './secret.ts';
import { DnsError, troubleOf } from './trouble.ts';

test('a secret is read from a file that nobody else may read, and which holds nothing else', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'landline-key-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const secretFile = join(folder, 'tsig.key');
  const read = (text: string | undefined, mode: number): string => {
    if (text !== undefined) writeFileSync(secretFile, text, { mode: 0o600 });
    execFileSync('chmod', [mode.toString(8), secretFile]);
    return readAgain(secretFile);
  };
  assert.equal(read('c2VjcmV0\n', 0o600), 'secret');
  assert.equal(read('c2VjcmV0', 0o400), 'secret');
  assert.match(read('c2VjcmV0', 0o640), /others may read or write it \(mode 0640\)/);
  assert.match(read('c2VjcmV0', 0o602), /mode 0602/);
  assert.match(read('key landline { secret "c2VjcmV0"; };', 0o600), /not the bare base64/);
  assert.match(read('', 0o600), /not the bare base64/);
  assert.match(readAgain(join(folder, 'nothing')), /cannot be read \(ENOENT\)/);
  assert.match(readAgain(folder), /no file of a few bytes/);
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  assert.match(readAgain(pipe), /no file of a few bytes/);
});

function readAgain(secretFile: string): string {
  try {
    return Buffer.from(readKey({ name: 'landline', algorithm: 'hmac-sha256', secretFile }).secret).toString();
  } catch (error) {
    assert.ok(error instanceof DnsError, String(error));
    return troubleOf('shop', error.trouble).message;
  }
}
