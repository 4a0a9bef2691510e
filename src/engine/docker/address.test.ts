import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseDockerAddress, defaultDockerSocket, formatDockerAddress, parseDockerAddress } from './address.ts';

test('an Engine is named as DOCKER_HOST names it, or by its socket', () => {
  const cases: readonly [string, string][] = [
    ['unix:///run/docker.sock', '/run/docker.sock'],
    ['/run/docker.sock', '/run/docker.sock'],
    ['tcp://192.168.11.20:2376', 'tcp://192.168.11.20:2376'],
    ['tcp://localhost', 'tcp://localhost:2375'],
    ['tcp://[fd00::20]:2375/', 'tcp://[fd00::20]:2375'],
  ];
  for (const [text, shown] of cases) assert.equal(formatDockerAddress(parseDockerAddress(text)), shown, text);
});

test('what is no address of an Engine is refused', () => {
  for (const text of [
    '',
    'docker.sock',
    'unix://docker.sock',
    'ssh://host',
    'tcp://',
    'tcp://host:99999',
    'tcp://host:0',
    'npipe:////./pipe/x',
  ])
    assert.throws(() => parseDockerAddress(text), { code: 'USAGE' }, text);
});

test('the configured one goes before DOCKER_HOST, and that before the default', () => {
  const choose = (configured: string | undefined, host?: string): string =>
    formatDockerAddress(chooseDockerAddress(configured, host === undefined ? {} : { DOCKER_HOST: host }));
  assert.equal(choose('/run/a.sock', 'unix:///run/b.sock'), '/run/a.sock');
  assert.equal(choose(undefined, 'unix:///run/b.sock'), '/run/b.sock');
  assert.equal(choose(undefined, ''), defaultDockerSocket);
  assert.equal(choose(undefined), defaultDockerSocket);
});
