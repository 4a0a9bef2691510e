import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PublishedPort } from '../core/firewall/wish.ts';
import { formatIpv4, ipv4 } from '../net/ipv4.ts';
import { staleConnections } from './stale-connections.ts';

const port = (hostPort: number, protocol: 'tcp' | 'udp', address: string, more: Partial<PublishedPort> = {}): PublishedPort => ({
  hostPort,
  protocol,
  address: ipv4(address),
  containerPort: 53,
  ...more,
});
const own = [ipv4('192.168.11.20'), ipv4('172.17.0.1')];

const say = (before: readonly PublishedPort[], after: readonly PublishedPort[]): string[] =>
  staleConnections(before, after, own).map((it) => `${it.protocol} ${formatIpv4(it.address)}:${it.port}`);

test('flows of UDP are forgotten where a port led, and where a new one goes past the host’s own programs', () => {
  const shop = port(5353, 'udp', '10.88.0.2');
  const crm = port(5353, 'udp', '10.88.0.3');
  assert.deepEqual(say([shop], [shop]), []);
  assert.deepEqual(say([shop], []), ['udp 10.88.0.2:53']);
  assert.deepEqual(say([], [shop]), ['udp 192.168.11.20:5353', 'udp 172.17.0.1:5353']);
  assert.deepEqual(say([], [{ ...shop, hostAddress: ipv4('192.168.11.20') }]), ['udp 192.168.11.20:5353']);
  assert.deepEqual(say([shop], [crm]), ['udp 10.88.0.2:53', 'udp 192.168.11.20:5353', 'udp 172.17.0.1:5353']);
});

test('connections of TCP are left to their end', () => {
  assert.deepEqual(say([port(8080, 'tcp', '10.88.0.2')], [port(8080, 'tcp', '10.88.0.3')]), []);
});
