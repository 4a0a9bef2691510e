import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseApiVersion, formatApiVersion, isAtLeast, newestApi, oldestApi, parseApiVersion } from './version.ts';

test('the newest version that both speak is chosen', () => {
  const chosen = (theirs: string): string => formatApiVersion(chooseApiVersion(theirs, '/run/docker.sock'));
  assert.equal(chosen('1.41'), '1.41');
  assert.equal(chosen('1.44'), '1.44');
  assert.equal(chosen('1.99'), formatApiVersion(newestApi));
  assert.equal(chosen('2.0'), formatApiVersion(newestApi));
});

test('an Engine that is too old, or none at all, is refused', () => {
  for (const theirs of ['1.40', '0.99', undefined, '', '1', 'latest'])
    assert.throws(() => chooseApiVersion(theirs, '/run/docker.sock'), { code: 'DOCKER_TOO_OLD' }, theirs);
});

test('versions are numbers, not texts', () => {
  assert.deepEqual(parseApiVersion('1.9'), { major: 1, minor: 9 });
  assert.ok(!isAtLeast({ major: 1, minor: 9 }, oldestApi));
  assert.ok(isAtLeast({ major: 1, minor: 100 }, newestApi));
});
