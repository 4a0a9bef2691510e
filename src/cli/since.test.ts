import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSince } from './since.ts';

const now = Date.parse('2026-01-31T14:05:00Z');

test('a duration is before now, anything else is a time', () => {
  assert.equal(parseSince('--since', '10m', now), '2026-01-31T13:55:00.000Z');
  assert.equal(parseSince('--since', '1h30m', now), '2026-01-31T12:35:00.000Z');
  assert.equal(parseSince('--since', '2026-01-30T10:00:00Z', now), '2026-01-30T10:00:00.000Z');
  assert.equal(Date.parse(parseSince('--since', '9:30', now)), new Date(now).setHours(9, 30, 0, 0));
  for (const word of ['yesterday', '5', 'May 1', '2026-13-01']) {
    assert.throws(() => parseSince('--since', word, now), { code: 'USAGE', message: `--since: '${word}' is no time` });
  }
});
