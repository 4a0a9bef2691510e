import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseImageName } from './image-name.ts';

test('names of images, taken apart', () => {
  const cases: readonly [string, ReturnType<typeof parseImageName>][] = [
    ['postgres', { registry: 'docker.io', repository: 'postgres' }],
    ['shop/web:42', { registry: 'docker.io', repository: 'shop/web', tag: '42' }],
    ['localhost/shop', { registry: 'localhost', repository: 'localhost/shop' }],
    [
      'registry.office.example:5000/shop/web',
      { registry: 'registry.office.example:5000', repository: 'registry.office.example:5000/shop/web' },
    ],
    ['192.168.11.2:5000/web:1', { registry: '192.168.11.2:5000', repository: '192.168.11.2:5000/web', tag: '1' }],
    ['postgres@sha256:ab', { registry: 'docker.io', repository: 'postgres', digest: 'sha256:ab' }],
    ['postgres:17@sha256:ab', { registry: 'docker.io', repository: 'postgres', tag: '17', digest: 'sha256:ab' }],
  ];
  for (const [text, parsed] of cases) assert.deepEqual(parseImageName(text), parsed, text);
});
