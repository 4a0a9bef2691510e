/** The long form of test/netns/churn.test.ts. */
import { test } from 'node:test';
import { churn } from '../support/churn.ts';

test('two hundred environments of three services up, restarted and down, eight times: nothing gathers', async (t) => {
  await churn(t, { environments: 200, rounds: 8 });
});
