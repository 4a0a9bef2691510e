import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPacer } from './pacer.ts';

for (const rate of [1, 5, 50, 100, 1000]) {
  test(`of 500 that start together no second has more than ${rate}, and after a silence the first goes at once`, () => {
    const pacer = openPacer(rate);
    for (const start of [0, 10_000_000]) {
      const slots = Array.from({ length: 500 }, () => pacer.take(start));
      assert.equal(slots[0], start);
      for (const from of slots) assert.ok(slots.filter((at) => at >= from && at < from + 1000).length <= rate);
      assert.ok((slots.at(-1) ?? 0) - start <= (500 / Math.max(1, rate * 0.88 - 0.5)) * 1000, 'and hardly a slot is wasted');
    }
  });
}

for (const rate of [5, 15, 100]) {
  test(`where two messages follow each other, no second has more than ${rate} either`, () => {
    const pacer = openPacer(rate);
    const sent = Array.from({ length: 300 }, (_, at) => {
      const messages = at % 3 === 0 ? 1 : 2;
      const slot = pacer.take(0, messages);
      return messages === 1 ? [slot] : [slot, slot + 1];
    }).flat();
    for (const from of sent) assert.ok(sent.filter((at) => at >= from && at < from + 1000).length <= rate);
  });
}
