import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { resolvePath } from './paths.ts';

test('paths are resolved as node:path does it', () => {
  for (const written of ['', '.', 'a', './a//b/', '../x', '../../../..', '/abs/../y', '/', 'a/./b/../c', '...', '..a']) {
    assert.equal(resolvePath('/srv/shop', written), path.posix.resolve('/srv/shop', written), written);
  }
});
