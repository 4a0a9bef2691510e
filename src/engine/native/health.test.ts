import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Healthcheck } from '../../core/model.ts';
import { afterCheck, unchecked, untilNextMs } from './health.ts';

const check: Healthcheck = {
  test: ['x'],
  intervalMs: 10_000,
  timeoutMs: 1000,
  retries: 3,
  startPeriodMs: 5000,
  startIntervalMs: 500,
};

/** `6+` is a check that succeeded six seconds after the start, `6-` one that failed. Gives the states after each. */
function states(...checks: readonly string[]): string {
  let health = unchecked;
  return checks
    .map((text) => {
      const exitStatus = text.endsWith('+') ? 0 : 1;
      health = afterCheck(health, { exitStatus, output: text, sinceStartMs: Number.parseFloat(text) * 1000 }, check);
      assert.equal(health.output, text);
      assert.equal(health.exitStatus, exitStatus);
      return health.state;
    })
    .join(' ');
}

test('one success makes it healthy, retries failures in a row unhealthy', () => {
  assert.equal(states('6+'), 'healthy');
  assert.equal(states('6-', '16-', '26-', '36+'), 'starting starting unhealthy healthy');
  assert.equal(
    states('6+', '16-', '26-', '36+', '46-', '56-', '66-'),
    'healthy healthy healthy healthy healthy healthy unhealthy',
  );
});

test('failures in the start period do not count, unless it was healthy before', () => {
  assert.equal(
    states('1-', '2-', '3-', '4-', '4.9-', '5-', '6-', '7-'),
    'starting starting starting starting starting starting starting unhealthy',
  );
  assert.equal(states('1+', '2-', '3-', '4-'), 'healthy healthy healthy unhealthy');
});

test('in the start period the start interval counts, until it is healthy', () => {
  assert.equal(untilNextMs(unchecked, 0, check), 500);
  assert.equal(untilNextMs(unchecked, 5000, check), 10_000);
  assert.equal(untilNextMs({ ...unchecked, state: 'healthy' }, 0, check), 10_000);
  assert.equal(untilNextMs(unchecked, 0, { ...check, startPeriodMs: 0 }), 10_000);
});
