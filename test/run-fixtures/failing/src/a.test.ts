import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

test('passes', () => {});
test('parent', async (t) => {
  await t.test('child', () => assert.equal('192.168.11.101', '192.168.11.102'));
});
describe('suite', () => {
  before(() => {
    throw new Error('the hook broke');
  });
  test('never gets its turn', () => {});
});
