import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allowedGrowth } from './churn.ts';
import { growthPerRound } from './growth.ts';

/** MiB of a daemon after each round of two hundred environments, before anything was collected: it went up early, and stayed. */
const plateau = [158, 158, 244, 232, 204, 221, 275, 235];

const leaking = (weights: readonly number[], each: number): readonly number[] => weights.map((it, at) => it + each * at);

test('a plateau is none, however steep the way up to it was; a leak beside it is seen for what it is', () => {
  assert.equal(growthPerRound(plateau), 1);
  assert.equal(growthPerRound(leaking(plateau, 10)), (305 - 262) / 3);
  assert.equal(growthPerRound([100, 300, 300, 300, 300, 300]), 0);
  assert.equal(growthPerRound(leaking([100, 300, 300, 300, 300, 300], 7)), 7);
});

test('one odd round says nothing, as high as it may be', () => {
  assert.equal(growthPerRound([24, 24, 24, 24, 24, 24, 24, 90]), 0);
  assert.equal(growthPerRound(leaking([24, 24, 24, 24, 90, 24, 24, 24], 2)), 2);
});

test('two rounds tell nothing, and four little', () => {
  assert.equal(growthPerRound([24, 31]), undefined);
  assert.equal(growthPerRound([24, 31, 32]), undefined);
  assert.equal(growthPerRound([24, 31, 32, 33]), 1);
});

/** MiB of a heap after a collection, after each of eight rounds of twenty environments. */
const heaps = [22, 22.6, 22.8, 23, 22.5, 22.2, 22.4, 22.4];

test('eight KiB that stay of each of two hundred environments are too much, and what a heap does by itself is not', () => {
  const most = allowedGrowth(200).heap;
  assert.ok((growthPerRound(heaps) ?? most) < most);
  assert.ok((growthPerRound(leaking(heaps, (200 * 8) / 1024)) ?? 0) > most);
  assert.ok((growthPerRound(leaking(heaps.slice(0, 4), (200 * 8) / 1024)) ?? 0) > most, 'after four rounds too');
});
