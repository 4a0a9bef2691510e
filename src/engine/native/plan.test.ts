import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { commonMounts, escapeField, quote } from './plan.ts';

test('a quoted word is to the shell what it was, whatever is in it', () => {
  const words = [
    '',
    "'",
    "''",
    "it's",
    '$HOME `id` $(id) \\ " !! * ~ # ; & | <',
    '\n',
    'a\n',
    '-n',
    Array.from({ length: 0x2ff }, (_, i) => String.fromCodePoint(i + 1)).join(''),
    '☃ 👩‍💻',
  ];
  const said = execFileSync('sh', ['-c', `printf '%s\\0' ${words.map(quote).join(' ')}`], { encoding: 'utf8' });
  assert.equal(said, `${words.join('\0')}\0`);
});

test('a NUL, which no argument can hold, is refused', () => {
  assert.throws(() => quote('a\0b'), /a NUL in "a\\u0000b"/);
});

test('a field of fstab has in octal what would end it or begin an escape', () => {
  assert.equal(escapeField('/srv/my shop#1\t\\x\n'), '/srv/my\\040shop\\0431\\011\\134x\\012');
  assert.equal(escapeField('/srv/naïve\u00a0☃'), '/srv/naïve\u00a0☃');
});

test('a sysfs of its own is mounted only where there is one', () => {
  assert.equal(commonMounts(false), 'landline-proc /proc proc nosuid,nodev,noexec 0 0\n');
  assert.match(commonMounts(true), /^landline-sys \/sys\/class\/net sysfs/m);
});
