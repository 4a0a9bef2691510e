import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../net/ipv4.ts';
import { prefix } from '../../net/prefix.ts';
import type { Lease, Network } from '../model.ts';
import { type DesiredShim, desiredShims, type ObservedShim, planShim, type ShimChanges } from './shim.ts';

const office: Network = {
  name: 'office',
  parent: { kind: 'macvlan', link: 'ens33' },
  subnet: prefix('192.168.10.0/23'),
  pool: [],
  exclude: [],
  resolvers: [],
  probe: 'fast',
};
const { parent: _, ...onBridge } = office;
const depot: Network = { ...onBridge, name: 'depot', bridge: 'br1' };

const lease = (network: string, address: string, mac: string): Lease => ({
  ...{ network, address: ipv4(address), mac, environment: 'shop', interface: 'eth0' },
  ...{ source: 'static', since: 0 },
});

const one = { address: ipv4('192.168.11.101'), mac: '02:4c:4c:00:00:01' };
const two = { address: ipv4('192.168.11.102'), mac: '02:4c:4c:00:00:02' };
const source = ipv4('192.168.11.20');
const wish: DesiredShim = { network: 'office', parent: { kind: 'macvlan', link: 'ens33' }, ways: [one, two], source };

const whole: ObservedShim = {
  network: 'office',
  kind: 'macvlan',
  parent: 'ens33',
  up: true,
  routes: [one, two].map(({ address }) => ({ address, source })),
  neighbours: [one, two],
};

/** Only what is not nothing. */
const changesOf = (
  found: ObservedShim | undefined,
  desired: DesiredShim | undefined = wish,
): Partial<ShimChanges> | undefined => {
  const changes = planShim(desired, found);
  if (changes === undefined) return undefined;
  return Object.fromEntries(Object.entries(changes).filter(([, it]) => it === true || (Array.isArray(it) && it.length > 0)));
};

test('a network on a NIC needs a way to each of its leases, one on a bridge and one without leases none', () => {
  const leases = [lease('office', '192.168.11.101', one.mac), lease('depot', '10.60.0.101', two.mac)];
  assert.deepEqual(
    desiredShims([office, depot, { ...office, name: 'empty' }], leases, () => source),
    [{ network: 'office', parent: office.parent, ways: [one], source }],
  );
});

test('a host without an address on the network speaks from whichever the kernel takes', () => {
  const [shim] = desiredShims([office], [lease('office', '192.168.11.101', one.mac)], () => undefined);
  assert.ok(shim !== undefined && !('source' in shim));
});

test('what is whole is left alone', () => {
  assert.equal(changesOf(whole), undefined);
  assert.equal(planShim(undefined, undefined), undefined);
});

const everything = { neighbours: [one, two], routes: [one.address, two.address] };

const cases: readonly (readonly [title: string, found: ObservedShim | undefined, changes: Partial<ShimChanges>])[] = [
  ['none is there: it is made, with everything', undefined, { make: true, ...everything }],
  ['one of another NIC goes first', { ...whole, parent: 'ens34' }, { remove: true, make: true, ...everything }],
  ['one whose NIC has gone', { ...whole, parent: undefined }, { remove: true, make: true, ...everything }],
  ['one of another kind', { ...whole, kind: 'ipvlan' }, { remove: true, make: true, ...everything }],
  ['one that is down has forgotten all', { ...whole, up: false }, { up: true, ...everything }],
  ['a neighbour is gone', { ...whole, neighbours: [two] }, { neighbours: [one] }],
  ['a neighbour has another MAC', { ...whole, neighbours: [{ ...one, mac: two.mac }, two] }, { neighbours: [one] }],
  ['a route is gone', { ...whole, routes: whole.routes.slice(1) }, { routes: [one.address] }],
  [
    'the host has another address now',
    { ...whole, routes: whole.routes.map((it) => ({ ...it, source: ipv4('192.168.11.21') })) },
    { routes: [one.address, two.address] },
  ],
];

for (const [title, found, changes] of cases) test(`a shim: ${title}`, () => assert.deepEqual(changesOf(found), changes));

test('a shim: an endpoint that went takes its route and neighbour along, the last one the link', () => {
  assert.deepEqual(changesOf(whole, { ...wish, ways: [one] }), {
    surplusRoutes: [two.address],
    surplusNeighbours: [two.address],
  });
  assert.deepEqual(planShim(undefined, whole)?.remove, true);
  assert.deepEqual(planShim(undefined, whole)?.make, false);
});
