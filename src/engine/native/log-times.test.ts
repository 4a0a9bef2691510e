import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTimes, timesOf } from './log-times.ts';

const times = timesOf(parseTimes('100 1000\n250 2000\n251 9000\ncut o'));

test('a line was written by the first look that covers its end', () => {
  assert.deepEqual([1, 100, 101, 250, 251].map(times.timeOf), [1000, 1000, 2000, 2000, 9000]);
  assert.equal(times.timeOf(252), undefined, 'nobody has looked since');
});

test('what was written since a time begins where the look before it ended', () => {
  assert.deepEqual([0, 1000, 1001, 2000, 2001, 9000, 9001].map(times.offsetAt), [0, 0, 100, 100, 250, 250, 251]);
});

test('without looks nothing is known, and all counts', () => {
  assert.equal(timesOf([]).timeOf(5), undefined);
  assert.equal(timesOf([]).offsetAt(5), 0);
});
