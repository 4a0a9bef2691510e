import { test } from 'node:test';

test('leaves in the middle', () => process.exit(0));
test('never gets its turn', () => {});
