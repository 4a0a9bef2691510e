import { test } from 'node:test';

test('is in no phase', () => {});
