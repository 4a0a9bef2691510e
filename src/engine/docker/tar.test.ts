import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { tarOf } from './tar.ts';

test('tar(1) reads it: files, folders, links, modes and owners', () => {
  const bytes = tarOf([
    { path: 'tmp', mode: 0o1777 },
    { path: 'etc/motd', bytes: 'hello\n' },
    { path: 'bin/run', mode: 0o4755, bytes: new Uint8Array(1000), user: 1000 },
    { path: 'bin/sh', link: 'run' },
    { path: 'empty', bytes: '' },
  ]);
  const listed = execFileSync('tar', ['--list', '--verbose', '--numeric-owner', '--utc', '--file=-'], {
    input: bytes,
    encoding: 'utf8',
  });
  assert.deepEqual(
    listed
      .trim()
      .split('\n')
      .map((line) => line.replaceAll(/\s+/g, ' ').replace(' 1970-01-01 00:00', '')),
    [
      'drwxrwxrwt 0/0 0 tmp/',
      '-rw-r--r-- 0/0 6 etc/motd',
      '-rwsr-xr-x 1000/1000 1000 bin/run',
      'lrwxrwxrwx 0/0 0 bin/sh -> run',
      '-rw-r--r-- 0/0 0 empty',
    ],
  );
  assert.equal(
    execFileSync('tar', ['--extract', '--to-stdout', '--file=-', 'etc/motd'], { input: bytes, encoding: 'utf8' }),
    'hello\n',
  );
});

test('a path that does not fit is refused', () => {
  assert.throws(() => tarOf([{ path: 'a'.repeat(101), bytes: '' }]), /does not fit/);
});
