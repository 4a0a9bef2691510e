import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Healthcheck } from '../core/model.ts';
import { isLandlineError } from '../errors.ts';
import { parseEnvironment } from './environment.ts';

function read(healthcheck: string): Healthcheck | undefined | string {
  const text = `name: shop\nx-landline: { network: office }\nservices:\n  web:\n    command: x\n    healthcheck: ${healthcheck}\n`;
  try {
    return parseEnvironment(text, { file: 'shop.yaml', directory: '/' }).spec.services[0]?.healthcheck;
  } catch (error) {
    if (!isLandlineError(error, 'FILE_INVALID')) throw error;
    return error.details.problems.map((it) => `${it.line}:${it.column}: ${it.message} → ${it.next}`).join('\n');
  }
}

const plain = { intervalMs: 30_000, timeoutMs: 30_000, retries: 3, startPeriodMs: 0, startIntervalMs: 5000 };

test('a text and CMD-SHELL are for the shell, CMD is run as it is', () => {
  const shell = { ...plain, test: ['/bin/sh', '-c', 'curl -f localhost || exit 1'] };
  assert.deepEqual(read('{ test: curl -f localhost || exit 1 }'), shell);
  assert.deepEqual(read('{ test: [CMD-SHELL, curl -f localhost || exit 1] }'), shell);
  assert.deepEqual(read('{ test: [CMD, pg_isready, -q] }'), { ...plain, test: ['pg_isready', '-q'] });
});

test('times and retries are as written, and 0 stands for the default', () => {
  assert.deepEqual(read('{ test: x, interval: 1m30s, timeout: 500ms, retries: 5, start_period: 40s, start_interval: 1s }'), {
    test: ['/bin/sh', '-c', 'x'],
    intervalMs: 90_000,
    timeoutMs: 500,
    retries: 5,
    startPeriodMs: 40_000,
    startIntervalMs: 1000,
  });
  assert.deepEqual(read('{ test: x, interval: 0s, timeout: 0s, retries: 0 }'), { ...plain, test: ['/bin/sh', '-c', 'x'] });
});

test('NONE and disable mean that there is no check', () => {
  assert.equal(read('{ test: [NONE] }'), undefined);
  assert.equal(read('{ disable: true }'), undefined);
  assert.equal(read('{ test: [CMD, x], disable: true }'), undefined);
});

test('mistakes have their place', () => {
  assert.equal(
    read('{ test: [pg_isready, -q] }'),
    "6:26: the first word of a test is CMD, CMD-SHELL or NONE, not 'pg_isready' → write [CMD, pg_isready, -q], or one text for the shell",
  );
  assert.equal(read('{ test: [CMD] }'), '6:26: there is nothing to run after CMD → write the command behind it');
  assert.equal(read('{ test: [CMD-SHELL, a, b] }'), '6:26: CMD-SHELL takes one text → put the whole command in one text');
  assert.equal(
    read('{ interval: 5s }'),
    "6:5: 'healthcheck' has no 'test' → add 'test: [CMD, curl, -f, http://localhost/]', or 'disable: true'",
  );
  assert.equal(read('{ test: x, interval: 5 }'), "6:39: 'interval' is the number 5 and should be text → write 'interval: 10s'");
  assert.equal(read('{ test: x, retires: 5 }'), "6:29: 'retires' is no key of healthcheck → did you mean 'retries'?");
});
