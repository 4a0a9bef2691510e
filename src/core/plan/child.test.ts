import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prefix } from '../../net/prefix.ts';
import { formatStep, observed } from './fixture.ts';
import type { DesiredEndpoint, Observed, ObservedChild, ObservedEndpoint } from './model.ts';
import { plan } from './plan.ts';

const mac = '02:00:00:00:00:01';
const address = prefix('192.168.11.101/23');
const onNic = (kind: 'macvlan' | 'ipvlan' = 'macvlan'): DesiredEndpoint => ({
  ...{ network: 'office', interface: 'eth0', mac, address, routes: [] },
  parent: { kind, link: 'ens33' },
});
const { parent: _, ...common } = onNic();
const onBridge: DesiredEndpoint = { ...common, bridge: 'br0' };

const child: ObservedChild = { kind: 'macvlan', ours: true, whole: true, parent: { name: 'ens33', mtu: 1500 } };
const whole: ObservedEndpoint = { interface: 'eth0', mac, mtu: 1500, up: true, addresses: [address], routes: [], child };

const stepsFor = (wish: readonly DesiredEndpoint[], link: ObservedEndpoint | undefined, more: Partial<Observed> = {}): string[] =>
  plan(
    { endpoints: wish, services: [] },
    { ...observed({}), endpoints: link === undefined ? [] : [link], ...more },
    new Map(),
    0,
  ).steps.map(formatStep);

const attach = 'attach eth0 192.168.11.101/23';

test('a macvlan that is as it should be is left alone, and one that is missing is attached', () => {
  assert.deepEqual(stepsFor([onNic()], whole), []);
  assert.deepEqual(stepsFor([onNic()], undefined), [attach]);
});

const drifts: readonly (readonly [title: string, link: ObservedEndpoint, steps: readonly string[]])[] = [
  ['down', { ...whole, up: false }, ['mend eth0: down']],
  ['another MAC', { ...whole, mac: '02:00:00:00:00:09' }, ['mend eth0: MAC 02:00:00:00:00:09']],
  ['another MTU than its NIC', { ...whole, mtu: 1400 }, ["mend eth0: MTU 1400, and ens33's is 1500"]],
  ['no address', { ...whole, addresses: [] }, ['mend eth0: without 192.168.11.101/23']],
  ['another address', { ...whole, addresses: [prefix('192.168.11.99/23')] }, ['readdress eth0 192.168.11.101/23']],
  [
    'another NIC',
    { ...whole, child: { ...child, parent: { name: 'ens34', mtu: 1500 } } },
    ['detach eth0: it is to be a macvlan of ens33', attach],
  ],
  ['another kind', { ...whole, child: { ...child, kind: 'ipvlan' } }, ['detach eth0: it is to be a macvlan of ens33', attach]],
  ['no alias yet', { ...whole, child: { ...child, whole: false } }, ['detach eth0: its making was cut off', attach]],
  [
    'somebody else’s mark',
    { ...whole, child: { ...child, ours: false } },
    ['detach eth0: eth0 is not the link that Landline made', attach],
  ],
];

for (const [title, link, steps] of drifts)
  test(`a macvlan with ${title}`, () => assert.deepEqual(stepsFor([onNic()], link), steps));

test('an ipvlan has the MAC of its NIC, whatever the ledger says', () => {
  const link = { ...whole, mac: '02:4c:4c:00:00:20', child: { ...child, kind: 'ipvlan' } } as const;
  assert.deepEqual(stepsFor([onNic('ipvlan')], link), []);
});

test('a network moves from its bridge to the NIC and back: the link is made anew', () => {
  assert.deepEqual(stepsFor([onBridge], whole), ["detach eth0: it is to be on network 'office'", attach]);
  const [veth] = observed({ links: [`eth0 ${mac} 192.168.11.101/23`] }).endpoints;
  assert.deepEqual(stepsFor([onNic()], veth), ["detach eth0: it is to be on network 'office'", attach]);
});

test('in somebody else’s sandbox ours is detached at the end, theirs is not touched', () => {
  const theirs = { sandbox: { inode: 1, owned: false } };
  assert.deepEqual(stepsFor([], whole, theirs), ['detach eth0: no longer wished for']);
  const foreign = { ...whole, child: { ...child, ours: false } };
  assert.deepEqual(stepsFor([], foreign, theirs), []);
  assert.deepEqual(stepsFor([onNic()], foreign, theirs), [attach]);
});
