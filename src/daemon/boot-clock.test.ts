import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Grant, Instant } from '../core/dhcp/model.ts';
import type { ClockReading, LeaseTerms } from '../core/model.ts';
import { ipv4 } from '../net/ipv4.ts';
import { bootNow, grantNow, readClock } from './boot-clock.ts';

const minute = 60_000;
const noon = Date.parse('2026-01-31T12:00:00Z');

/** An hour's lease, granted an hour after the boot, at noon. */
const granted = 60 * minute;
const grant: Grant = {
  address: ipv4('192.168.10.100'),
  server: ipv4('192.168.11.2'),
  routes: [],
  resolvers: [],
  search: [],
  ntpServers: [],
  since: granted,
  ends: { renewAt: granted + 30 * minute, rebindAt: granted + 52 * minute, expiresAt: granted + 60 * minute },
};
const terms: LeaseTerms = { grant, clock: { boot: 'first', offset: noon - granted } };

/** Minutes that the lease has left, for a daemon that starts at this time of day, so long after the boot. */
function left(boot: string, minutesAfterBoot: number, timeOfDay: string): number | undefined {
  const at: Instant = minutesAfterBoot * minute;
  const clock: ClockReading = { boot, offset: Date.parse(`2026-01-31T${timeOfDay}Z`) - at };
  const now = grantNow(terms, clock, at);
  return now.ends === undefined ? undefined : (now.ends.expiresAt - at) / minute;
}

test('a daemon that starts again goes by the clock that does not step, whatever the time of day is now', () => {
  for (const timeOfDay of ['12:10:00', '03:00:00', '23:59:59']) assert.equal(left('first', 70, timeOfDay), 50);
  assert.equal(left('first', 200, '12:10:00'), -80);
});

test('after another boot the time of day tells how much of a lease is left', () => {
  assert.equal(left('second', 1, '12:20:00'), 40);
  assert.equal(left('second', 1, '14:00:00'), -60);
});

test('a clock that was set back, or a machine put back to an older state, makes no lease longer than it was', () => {
  assert.equal(left('second', 1, '02:00:00'), 60);
  assert.equal(left('first', 10, '12:10:00'), 60);
});

test('a lease without end stays so', () => {
  const { ends: _, ...endless } = grant;
  assert.equal(grantNow({ ...terms, grant: endless }, { boot: 'second', offset: 0 }, 0).ends, undefined);
});

test('the clock goes on, and its reading gives the time of day', () => {
  const reading = readClock();
  assert.ok(Math.abs(bootNow() + reading.offset - Date.now()) < 1000);
  assert.match(reading.boot, /^[0-9a-f-]{36}$/);
});
