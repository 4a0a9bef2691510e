import { test } from 'node:test';

test('in the unit phase', () => {});
