/**
 * What the docker command itself sends, in versions of the API that no Engine of the tests speaks: see the head of each
 * capture. 1.44 is the first in which a MAC belongs to an endpoint.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import type { ContainerCreate } from './types.ts';
import { parseApiVersion, writeCreate } from './version.ts';

const folder = new URL('captures/', import.meta.url);

/** The wish behind all of them. */
const wish: ContainerCreate = {
  Image: 'busybox',
  Cmd: ['sleep', '60'],
  Labels: { a: 'b' },
  MacAddress: '02:4c:4c:00:00:01',
  HostConfig: { NetworkMode: 'lan' },
  NetworkingConfig: { EndpointsConfig: { lan: { IPAMConfig: { IPv4Address: '192.168.11.101' } } } },
};

/** What is said of `value`, and of all that it has within, as the other says it. */
function inTheWordsOf(value: unknown, other: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return other;
  // A cast: the keys of any object are looked up in another.
  const theirs = (other ?? {}) as Readonly<Record<string, unknown>>;
  return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, inTheWordsOf(it, theirs[key])]));
}

for (const file of fs.readdirSync(folder).sort()) {
  test(`a container's wish is written as the docker command writes it: ${file}`, () => {
    const [head = '', ...rest] = fs
      .readFileSync(new URL(file, folder), 'utf8')
      .replaceAll(/^#.*\n/gm, '')
      .split('\n\n');
    const version = parseApiVersion(/^POST \/v([\d.]+)\/containers\/create\?name=shop$/.exec(head)?.[1]);
    assert.ok(version, head);
    // A cast: a body of this request is recorded.
    const theirs = JSON.parse(rest.join('\n')) as ContainerCreate;
    const ours = writeCreate(wish, version);
    assert.deepEqual(ours, inTheWordsOf(ours, theirs));
    assert.equal('MacAddress' in ours, typeof theirs.MacAddress === 'string' && theirs.MacAddress !== '');
  });
}
