import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLandlineError } from '../errors.ts';
import { parseEnvironment } from './environment.ts';

const files: Readonly<Record<string, string>> = {
  '/srv/shop/shop.env': 'ONE=file\nTWO=file\nTHREE="quoted $SHELL_SAYS"\n',
  '/srv/shop/more.env': 'TWO=more\nFOUR=more\n',
  '/etc/raw.env': '# a comment\nONE="quoted $SHELL_SAYS"\nbad line\n',
  '/srv/shop/bad.env': 'ONE=1\n=2\n',
};

function read(says: string, readFile = true): Readonly<Record<string, string>> | string {
  const text = `name: shop\nx-landline: { network: office }\nservices:\n  web:\n    command: x\n    ${says}\n`;
  const bytes = (file: string): Uint8Array | undefined =>
    files[file] === undefined ? undefined : new TextEncoder().encode(files[file]);
  const options = { file: 'shop.yaml', directory: '/srv/shop', variables: { SHELL_SAYS: 'shell', FIVE: 'shell' } };
  try {
    return parseEnvironment(text, { ...options, ...(readFile ? { readFile: bytes } : {}) }).spec.services[0]?.environment ?? {};
  } catch (error) {
    if (!isLandlineError(error, 'FILE_INVALID')) throw error;
    return error.details.problems.map((it) => `${it.line}:${it.column}: ${it.message} → ${it.next}`).join('\n');
  }
}

test('later files go before earlier ones, and `environment` before all', () => {
  assert.deepEqual(read('env_file: shop.env'), { ONE: 'file', TWO: 'file', THREE: 'quoted shell' });
  assert.deepEqual(read('env_file: [shop.env, ./more.env]\n    environment: { FOUR: here, FIVE: }'), {
    ONE: 'file',
    TWO: 'more',
    THREE: 'quoted shell',
    FOUR: 'here',
    FIVE: 'shell',
  });
});

test('a file may be missing where it is not required, and raw values are taken as they are', () => {
  assert.deepEqual(read('env_file: [{ path: none.env, required: false }, more.env]'), { TWO: 'more', FOUR: 'more' });
  assert.deepEqual(read('env_file: [{ path: /etc/raw.env, format: raw }]'), { ONE: '"quoted $SHELL_SAYS"' });
});

test('mistakes are told with the place of the file, and the place in it', () => {
  assert.equal(
    read('env_file: none.env'),
    '6:15: there is no file /srv/shop/none.env → check the path, or write { path: FILE, required: false }',
  );
  assert.equal(
    read('env_file: [shop.env, bad.env]'),
    "6:26: /srv/shop/bad.env:2:1: this line gives no variable a value → write NAME=value, the name of letters, digits and '_'",
  );
  assert.equal(
    read('env_file: shop.env', false),
    "6:5: 'env_file' is read where the environment file is, not here → write the variables under 'environment'",
  );
});
