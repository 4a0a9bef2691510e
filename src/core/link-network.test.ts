import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPrefix, prefix } from '../net/prefix.ts';
import { hasOwnBridge, linkNetworkName, parseLinkNetwork } from './link-network.ts';

test('the name of a network that nobody configured says all of it', () => {
  const name = linkNetworkName('bridge', 'br1', prefix('192.168.1.7/24'));
  assert.equal(name, 'bridge:br1:192.168.1.0/24');
  const network = parseLinkNetwork(name);
  assert.deepEqual([network?.name, network?.bridge, network && formatPrefix(network.subnet)], [name, 'br1', '192.168.1.0/24']);
  assert.deepEqual(parseLinkNetwork('macvlan:ens34:10.60.0.0/24')?.parent, { kind: 'macvlan', link: 'ens34' });
  assert.deepEqual([hasOwnBridge(name), hasOwnBridge('macvlan:ens34:10.60.0.0/24')], [true, false]);
});

for (const name of [
  'office',
  'bridge',
  'container:shop',
  'bridge:br1',
  'bridge:br1:192.168.1.7/24',
  'bridge::192.168.1.0/24',
  'bridge:br1:192.168.1.0/24:x',
  'bridge:a/b:192.168.1.0/24',
  'bridge:sixteen-bytes-xx:192.168.1.0/24',
  'vxlan:br1:192.168.1.0/24',
])
  test(`'${name}' is no such name`, () => assert.equal(parseLinkNetwork(name), undefined));
