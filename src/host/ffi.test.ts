import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { closeAsync, openMemory, sendAsync } from './ffi.ts';

test('a thousand calls that are handed to the pool at once all come back, also those that are refused', async () => {
  const files = Array.from({ length: 500 }, () => openMemory('of a test'));
  const sent = await Promise.allSettled(files.map((fd) => sendAsync(fd, Uint8Array.of(1))));
  assert.deepEqual([...new Set(sent.map((it) => (it.status === 'rejected' ? String(it.reason) : it.status)))].length, 1);
  assert.match(String(sent[0]?.status === 'rejected' && sent[0].reason), /ENOTSOCK/);
  await Promise.all(files.map(closeAsync));
  for (const fd of files) assert.throws(() => fs.fstatSync(fd), { code: 'EBADF' });
});
