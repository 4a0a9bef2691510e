import assert from 'node:assert/strict';
import { test } from 'node:test';

test('knows that it may take long', () => assert.equal(process.env.LANDLINE_SOAK, '1'));
