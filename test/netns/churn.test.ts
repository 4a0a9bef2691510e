import { test } from 'node:test';
import { churn } from '../support/churn.ts';

test('ten environments of three services up, restarted and down, twice: nothing gathers', async (t) => {
  await churn(t, { environments: 10, rounds: 2 });
});
