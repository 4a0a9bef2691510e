import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Range } from '../../net/range.ts';
import { addAddress, clipRanges, deleteAddress, firstOutside, mergeRanges, type Ranges, subtractRanges } from './ranges.ts';

const members = (ranges: readonly Range[]): readonly number[] => {
  const all = ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
  return [...new Set(all)].sort((a, b) => a - b);
};

/** A set, and that it is one: in order, and apart. */
const checked = (set: Ranges): Ranges => {
  set.forEach((range, i) => {
    assert.ok(range.first <= range.last);
    const before = set[i - 1];
    assert.ok(before === undefined || before.last + 1 < range.first);
  });
  return set;
};

const place = fc.integer({ min: 0, max: 24 });
const anyRange = fc.tuple(place, place).map(([a, b]): Range => ({ first: Math.min(a, b), last: Math.max(a, b) }));
const anyRanges = fc.array(anyRange, { maxLength: 6 });

test('property: merged ranges hold what the ranges held', () => {
  fc.assert(fc.property(anyRanges, (ranges) => assert.deepEqual(members(checked(mergeRanges(ranges))), members(ranges))));
});

test('property: clipping and subtracting are those of sets', () => {
  fc.assert(
    fc.property(anyRanges, anyRanges, anyRange, (a, b, bounds) => {
      const [set, without] = [mergeRanges(a), mergeRanges(b)];
      const isIn = (it: number): boolean => it >= bounds.first && it <= bounds.last;
      assert.deepEqual(members(checked(clipRanges(set, bounds))), members(set).filter(isIn));
      assert.deepEqual(
        members(checked(subtractRanges(set, without))),
        members(set).filter((it) => !members(without).includes(it)),
      );
    }),
  );
});

test('property: addresses come and go one by one as in a set', () => {
  const change = fc.record({ add: fc.boolean(), address: place });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      let set: Ranges = [];
      const model = new Set<number>();
      for (const { add, address } of changes) {
        set = checked(add ? addAddress(set, address) : deleteAddress(set, address));
        if (add) model.add(address);
        else model.delete(address);
        assert.deepEqual(
          members(set),
          [...model].sort((a, b) => a - b),
        );
      }
      for (let from = 0; from <= 26; from += 1) {
        let wanted = from;
        while (model.has(wanted)) wanted += 1;
        assert.equal(firstOutside(set, from), wanted);
      }
    }),
  );
});
