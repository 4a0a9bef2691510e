import { test } from 'node:test';

test('passes', () => {});
test('needs what is not there', { skip: 'no bridge' }, () => {});
