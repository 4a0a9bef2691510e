/** The long form of test/netns/kills.test.ts. */
import { test } from 'node:test';
import { killAtRandom } from '../support/kills.ts';

test('five hundred kills at random moments', async (t) => {
  for (let round = 0; round < 10; round += 1)
    await killAtRandom(t, 50, (Number(process.env.LANDLINE_SEED ?? Date.now()) + round) % 1_000_000);
});
