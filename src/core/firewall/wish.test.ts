import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, ipv4 } from '../../net/ipv4.ts';
import { prefix } from '../../net/prefix.ts';
import { formatRange } from '../../net/range.ts';
import { choose } from '../ipam/index.ts';
import { formatHostPort, privateGateway, privateNetwork } from './wish.ts';

test('the private network gives out all of its subnet but the network’s, the gateway’s and the broadcast address', () => {
  const cases: readonly (readonly [subnet: string, gateway: string, pool: string])[] = [
    ['10.88.0.0/16', '10.88.0.1', '10.88.0.2-10.88.255.254'],
    ['10.88.7.9/16', '10.88.0.1', '10.88.0.2-10.88.255.254'],
    ['172.30.5.0/24', '172.30.5.1', '172.30.5.2-172.30.5.254'],
    ['172.30.5.0/30', '172.30.5.1', '172.30.5.2'],
  ];
  for (const [subnet, gateway, pool] of cases) {
    const network = privateNetwork(prefix(subnet));
    assert.equal(formatIpv4(privateGateway(prefix(subnet))), gateway);
    assert.deepEqual([network.gateway, network.pool.map(formatRange)], [ipv4(gateway), [pool]]);
  }
});

test('the ledger gives the first environment on it the address after the gateway’s', () => {
  const ask = { network: { ...privateNetwork(prefix('10.88.0.0/16')), bridge: '' }, environment: 'shop', interface: 'eth0' };
  const facts = { leases: new Map(), leased: [], reservations: new Map(), resting: new Map() };
  const chosen = choose({ ...ask, wish: 'pool', hostAddresses: [ipv4('10.88.0.1')], avoid: [], now: 0 }, facts);
  assert.deepEqual(chosen, { ...chosen, kind: 'granted', address: ipv4('10.88.0.2') });
});

test('a port is written as people write it', () => {
  assert.equal(formatHostPort({ hostPort: 8080, protocol: 'tcp' }), '8080/tcp');
  assert.equal(formatHostPort({ hostAddress: ipv4('192.168.11.20'), hostPort: 53, protocol: 'udp' }), '192.168.11.20:53/udp');
});
