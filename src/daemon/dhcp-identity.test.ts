import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DnsConfiguration, defaultLeasing, type EnvironmentSpec, type Network } from '../core/model.ts';
import { prefix } from '../net/prefix.ts';
import { dhcpClient } from './dhcp-identity.ts';

const endpoint = { network: 'office', interface: 'eth0', address: 'dhcp', routes: [] };
const shop: EnvironmentSpec = { name: 'shop', hostname: 'Shop', directory: '/', endpoints: [endpoint], services: [] };
const office: Network = {
  name: 'office',
  bridge: 'br0',
  subnet: prefix('192.168.10.0/23'),
  pool: [],
  exclude: [],
  resolvers: [],
  probe: 'fast',
};
const named: Network = { ...office, domain: 'test.office.example', dhcp: { ...defaultLeasing, name: 'fqdn' } };

const update = (zone: string): DnsConfiguration => ({ update: { servers: [], zone, reverse: [], ttl: 60 } });

test('a server knows an environment by installation, network and name, and by nothing that a recreate changes', () => {
  const id = (installation: string, spec = shop, of = endpoint): string =>
    dhcpClient(installation, spec, of, office, {}).clientId;
  assert.match(id('a1b2'), /^ff:(..:){4}00:04:(..:){15}..$/);
  assert.equal(id('a1b2', { ...shop, hostname: 'crm', services: [], directory: '/srv' }), id('a1b2'));
  const second = { ...endpoint, interface: 'eth1' };
  const ids = [
    id('a1b2'),
    id('c3d4'),
    id('a1b2', { ...shop, name: 'crm' }),
    id('a1b2', shop, { ...endpoint, network: 'depot' }),
    id('a1b2', { ...shop, endpoints: [endpoint, second] }, second),
  ];
  assert.equal(new Set(ids).size, ids.length);
});

test('a server is told the hostname, or the full name and whether it is to register it', () => {
  const fqdn = (network: Network, dns: DnsConfiguration = {}): string | undefined => {
    const told = dhcpClient('a1b2', shop, endpoint, network, dns).fqdn;
    return told && `${told.flags} ${told.name}`;
  };
  const [asked, forbidden] = [5, 12];
  assert.equal(fqdn(office), undefined);
  assert.equal(fqdn(named), `${asked} shop.test.office.example`);
  assert.equal(fqdn(named, update('test.office.example')), `${forbidden} shop.test.office.example`);
  assert.equal(fqdn(named, update('lab.office.example')), `${asked} shop.test.office.example`);
  const serve = { listen: { address: 0, port: 53 }, zone: 'office.example', ttl: 60 };
  assert.equal(fqdn(named, { serve }), `${forbidden} shop.test.office.example`);
});
