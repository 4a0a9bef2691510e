import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../net/ipv4.ts';
import { prefix } from '../../net/prefix.ts';
import { desiredNames, type NamedEndpoint, zoneFor } from './desired.ts';
import { formatData } from './format.ts';
import { reverseName, reverseZones } from './reverse.ts';

const zones = ['test.office.example', '10.168.192.in-addr.arpa', '11.168.192.in-addr.arpa'];

const endpoint = (environment: string, name: string, address: string): NamedEndpoint => ({
  environment,
  interface: 'eth0',
  name,
  address: ipv4(address),
});

/** `ZONE NAME ENVIRONMENT DATA` */
function lines(endpoints: readonly NamedEndpoint[], holders: Readonly<Record<string, string>> = {}): readonly string[] {
  const { names, clashes } = desiredNames(endpoints, zones, (name) => holders[name]);
  return [
    ...[...names.values()].map((it) => `${it.zone} ${it.name} ${it.environment} ${it.data.map(formatData).join(', ')}`),
    ...clashes.map((it) => `${it.name} of ${it.environment} is ${it.holder}'s`),
  ];
}

test('an endpoint has its name, and its address leads back to it, each in its own zone', () => {
  assert.deepEqual(lines([endpoint('shop', 'shop.test.office.example', '192.168.11.101')]), [
    'test.office.example shop.test.office.example shop A 192.168.11.101',
    '11.168.192.in-addr.arpa 101.11.168.192.in-addr.arpa shop PTR shop.test.office.example',
  ]);
});

test('an IPv6 address stands beside the other, and leads back where its zone is ours', () => {
  const both = [{ ...endpoint('shop', 'shop.test.office.example', '192.168.11.101'), address6: '2001:db8:11::101' }];
  const ip6 = '1.1.0.0.8.b.d.0.1.0.0.2.ip6.arpa';
  const { names } = desiredNames(both, [...zones, ip6], () => undefined);
  assert.deepEqual(names.get('shop.test.office.example')?.data.map(formatData), ['A 192.168.11.101', 'AAAA 2001:db8:11::101']);
  const reverse = names.get(`1.0.1.0.${'0.'.repeat(16)}${ip6}`);
  assert.deepEqual([reverse?.zone, reverse?.data.map(formatData)], [ip6, ['PTR shop.test.office.example']]);
});

test('what lies in none of the zones has no name there', () => {
  assert.deepEqual(lines([endpoint('shop', 'shop.office.example', '10.50.0.7')]), []);
});

test('two endpoints of one environment share its name', () => {
  const both = [
    endpoint('shop', 'shop.test.office.example', '192.168.11.101'),
    endpoint('shop', 'shop.test.office.example', '192.168.10.9'),
  ];
  assert.equal(lines(both)[0], 'test.office.example shop.test.office.example shop A 192.168.11.101, A 192.168.10.9');
});

test('of two environments with one name the first has it, or the one that had it before, and the other is told', () => {
  const both = [
    endpoint('shop', 'web.test.office.example', '192.168.11.101'),
    endpoint('stall', 'web.test.office.example', '192.168.11.102'),
  ];
  assert.deepEqual(lines(both), [
    'test.office.example web.test.office.example shop A 192.168.11.101',
    '11.168.192.in-addr.arpa 101.11.168.192.in-addr.arpa shop PTR web.test.office.example',
    "web.test.office.example of stall is shop's",
  ]);
  assert.equal(lines(both, { 'web.test.office.example': 'stall' }).at(-1), "web.test.office.example of shop is stall's");
  assert.equal(lines(both, { 'web.test.office.example': 'gone' }).at(-1), "web.test.office.example of stall is shop's");
});

test('a name lies in the nearest zone', () => {
  assert.equal(zoneFor('a.b.example', ['example', 'b.example']), 'b.example');
  assert.equal(zoneFor('a.example', ['b.example']), undefined);
});

test('the reverse zones of a subnet are those of whole octets that it touches', () => {
  assert.equal(reverseName(ipv4('192.168.11.101')), '101.11.168.192.in-addr.arpa');
  assert.deepEqual(reverseZones(prefix('192.168.10.0/23')), ['10.168.192.in-addr.arpa', '11.168.192.in-addr.arpa']);
  assert.deepEqual(reverseZones(prefix('192.168.10.64/26')), ['10.168.192.in-addr.arpa']);
  assert.deepEqual(reverseZones(prefix('10.88.0.0/16')), ['88.10.in-addr.arpa']);
  assert.deepEqual(reverseZones(prefix('10.0.0.0/8')), ['10.in-addr.arpa']);
});
