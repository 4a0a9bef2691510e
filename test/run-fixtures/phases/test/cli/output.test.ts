import { test } from 'node:test';

test('in the cli phase', () => {});
