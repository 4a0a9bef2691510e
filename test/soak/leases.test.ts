import { test } from 'node:test';
import { manyLeases } from '../support/many-leases.ts';

test('four hundred leases on two bridges are held by one daemon and by the next, and given back', async (t) => {
  await manyLeases(t, { count: 400, renewal: 15, watchSeconds: 40 });
});
