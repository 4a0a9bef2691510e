import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../net/ipv4.ts';
import { prefix } from '../net/prefix.ts';
import { parseConfiguration } from './configuration.ts';
import { draftConfiguration } from './draft.ts';

const bridge = { name: 'br0', isBridge: true, addresses: [prefix('192.168.11.20/23')], gateway: ipv4('192.168.11.1') };

test('a bridge with an address and a router becomes a network that is right as it is', () => {
  const text = draftConfiguration({ links: [bridge], resolvers: [ipv4('192.168.11.2')], domain: 'test.office.example' });
  assert.equal(
    text,
    `# /etc/landline/landline.yaml: the networks that environments of this host may join.
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    gateway: 192.168.11.1
    # Addresses to hand out: ask whoever runs the DHCP server of this LAN for a range outside its own.
    pool: [192.168.11.155-192.168.11.254]
    resolvers: [192.168.11.2]
    domain: test.office.example
`,
  );
  assert.equal(parseConfiguration(text, 'draft').networks.length, 1);
});

test('a pool ends before a router on the last address, and begins behind a host in the middle', () => {
  const pool = (address: string, gateway: string): string | undefined => {
    const links = [{ ...bridge, addresses: [prefix(address)], gateway: ipv4(gateway) }];
    return /pool: \[(.*)\]/.exec(draftConfiguration({ links, resolvers: [] }))?.[1];
  };
  assert.equal(pool('10.0.0.2/24', '10.0.0.254'), '10.0.0.154-10.0.0.253');
  assert.equal(pool('10.0.0.200/24', '10.0.0.1'), '10.0.0.201-10.0.0.254');
  assert.equal(pool('10.0.0.1/30', '10.0.0.2'), 'FIRST-LAST', 'a comment, there is nothing to propose');
});

test('without a bridge the network is a comment that says what to do first', () => {
  const nic = { ...bridge, name: 'ens33', isBridge: false };
  const text = draftConfiguration({ links: [nic], resolvers: [] });
  assert.match(text, /^# This host has no bridge with an address yet \(found: ens33 with 192\.168\.11\.20\/23\)/m);
  assert.match(text, /^# {5}subnet: 192\.168\.10\.0\/23$/m);
  assert.deepEqual(parseConfiguration(text, 'draft').networks, []);
  assert.match(draftConfiguration({ links: [], resolvers: [] }), /found: no link with an address/);
});
