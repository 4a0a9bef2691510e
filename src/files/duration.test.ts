import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration } from './duration.ts';

test('durations as Compose writes them, in milliseconds', () => {
  const cases = [
    ['0', 0],
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['1.5s', 1_500],
    ['1h0m0.25s', 3_600_250],
    ['24h', 86_400_000],
    ['2500us', 3],
    ['1500µs', 2],
    ['999ns', 0],
  ] as const;
  for (const [text, milliseconds] of cases) assert.equal(parseDuration(text), milliseconds, text);
});

test('what is no duration, or longer than a day, is a mistake', () => {
  for (const text of ['', '10', '-1s', '1 s', '1d', 's', '1.s', '1m 30s', '24h1ms', `${'9'.repeat(400)}h`]) {
    assert.equal(typeof parseDuration(text), 'object', text);
  }
});
