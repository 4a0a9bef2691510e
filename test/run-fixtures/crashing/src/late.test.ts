import { test } from 'node:test';

test('passes, and throws afterwards', () => {
  setTimeout(() => {
    throw new Error('thrown too late');
  }, 50);
});
