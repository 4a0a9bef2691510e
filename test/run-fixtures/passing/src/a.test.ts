import { describe, test } from 'node:test';

test('one', () => {});
test('a parent is not counted', async (t) => {
  await t.test('two', () => {});
  await t.test('three', () => {});
});
describe('a suite is not counted', () => {
  test('four', () => {});
});
