import { test } from 'node:test';

test('never gets its turn', () => {});
throw new Error('thrown while loading');
