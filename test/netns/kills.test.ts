/** kill -9 of the daemon at random moments: the short form; the long one is in test/soak. */
import { test } from 'node:test';
import { killAtRandom } from '../support/kills.ts';

test('a daemon that is killed at any moment of ups and downs leaves what the next one makes whole', async (t) => {
  await killAtRandom(t, 12, Number(process.env.LANDLINE_SEED ?? Date.now() % 1_000_000));
});
