import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LandlineError } from '../errors.ts';
import type { Ipv6 } from '../net/ipv6.ts';
import { prefix6 } from '../net/prefix6.ts';
import { at, office as office4, openTemporaryStore, say, spec } from './fixture.ts';
import type { Ask6, Store } from './index.ts';

const office = { ...office4, subnet6: prefix6('2001:db8:10::/64'), gateway6: '2001:db8:10::1' };

const ask = (environment: string, address: Ipv6, time: string, more: Partial<Ask6> = {}): Ask6 => ({
  network: office,
  environment,
  interface: 'eth0',
  address,
  mac: '02:4c:4c:00:00:01',
  hostAddresses: ['2001:db8:10::20'],
  now: at(time),
  ...more,
});

const show = (store: Store): readonly string[] =>
  store.leases6().map((it) => `${it.network} ${it.address} ${it.environment}/${it.interface}`);

function refused(code: string, message: RegExp, body: () => unknown): void {
  assert.throws(body, (error: unknown) => {
    assert.ok(error instanceof LandlineError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

test("an address is one endpoint's: who asks second is told whose it is", (t) => {
  const store = openTemporaryStore(t);
  store.take6(ask('shop', '2001:db8:10::101', '14:00'));
  assert.deepEqual(store.take6(ask('shop', '2001:db8:10::101', '14:05')).since, at('14:00'), 'it keeps what it has');
  refused('ADDRESS_HELD', /2001:db8:10::101 .* belongs to environment 'shop'/, () =>
    store.take6(ask('crm', '2001:db8:10::101', '14:05')),
  );
  refused('ADDRESS_HELD', /'shop'/, () => store.take6(ask('shop', '2001:db8:10::101', '14:05', { interface: 'eth1' })));
  store.take6(ask('crm', '2001:db8:10::101', '14:05', { network: { ...office, name: 'lab' } }));
  assert.deepEqual(show(store), ['lab 2001:db8:10::101 crm/eth0', 'office 2001:db8:10::101 shop/eth0']);
});

test("what is outside of the subnet, and the LAN's own, is nobody's", (t) => {
  const store = openTemporaryStore(t);
  refused('ADDRESS_OUTSIDE', /2001:db8:10::\/64/, () => store.take6(ask('shop', '2001:db8:11::7', '14:00')));
  const { subnet6: _none, ...without } = office;
  refused('ADDRESS_OUTSIDE', /no IPv6 subnet/, () => store.take6(ask('shop', '2001:db8:10::7', '14:00', { network: without })));
  for (const [address, reason] of [
    ['2001:db8:10::1', /the gateway/],
    ['2001:db8:10::20', /this host's own address/],
    ['2001:db8:10::', /all routers/],
  ] as const)
    refused('ADDRESS_UNUSABLE', reason, () => store.take6(ask('shop', address, '14:00')));
});

test('an address that was given back rests for others, not for whoever had it, and also after a new start', (t) => {
  const store = openTemporaryStore(t);
  store.take6(ask('shop', '2001:db8:10::101', '14:00'));
  store.take6(ask('shop', '2001:db8:10::102', '14:05'));
  refused('ADDRESS_QUARANTINED', /was shop's a moment ago/, () => store.take6(ask('crm', '2001:db8:10::101', '14:05')));
  store.take6(ask('shop', '2001:db8:10::101', '14:05'));
  store.release6({ environment: 'shop', interface: 'eth0', now: at('14:10'), quarantineMs: 60_000 });
  refused('ADDRESS_QUARANTINED', /shop/, () => store.take6(ask('crm', '2001:db8:10::101', '14:10')));
  store.take6(ask('crm', '2001:db8:10::101', '14:11'));
  assert.deepEqual(show(store), ['office 2001:db8:10::101 crm/eth0']);
});

test('the end of an environment gives its address back, or keeps it as a reservation', (t) => {
  const store = openTemporaryStore(t);
  for (const [name, address] of [
    ['shop', '2001:db8:10::101'],
    ['crm', '2001:db8:10::102'],
  ] as const) {
    store.putEnvironment(spec(name), 'up', at('14:00'));
    store.take6(ask(name, address, '14:00'));
  }
  store.removeEnvironment({ name: 'shop', now: at('15:00'), quarantineMs: 60_000, keepAddresses: false });
  store.removeEnvironment({ name: 'crm', now: at('15:00'), quarantineMs: 60_000, keepAddresses: true });
  assert.deepEqual(show(store), []);
  refused('ADDRESS_QUARANTINED', /shop/, () => store.take6(ask('wiki', '2001:db8:10::101', '15:00')));
  refused('ADDRESS_RESERVED', /reserved for 'crm'/, () => store.take6(ask('wiki', '2001:db8:10::102', '15:30')));
  store.take6(ask('crm', '2001:db8:10::102', '15:30'));
});

test('a reservation keeps an address for one, and may be given back', (t) => {
  const store = openTemporaryStore(t);
  const promise = { network: office, address: '2001:db8:10::105', holder: 'qa', note: 'for Friday', hostAddresses: [] };
  store.reserve6({ ...promise, now: at('14:00') });
  refused('ADDRESS_RESERVED', /qa/, () => store.reserve6({ ...promise, holder: 'crm', now: at('14:00') }));
  refused('ADDRESS_RESERVED', /qa/, () => store.take6(ask('shop', promise.address, '14:00')));
  refused('ADDRESS_UNKNOWN', /::106/, () => store.unreserve6({ address: '2001:db8:10::106' }));
  store.unreserve6({ network: 'office', address: promise.address });
  assert.deepEqual(store.reservations6(), []);
  store.take6(ask('shop', promise.address, '14:00'));
});

test('history holds both families, newest first, and finds who had an IPv6 address at a moment', (t) => {
  const store = openTemporaryStore(t);
  const { subnet6: _six, gateway6: _router, ...v4 } = office;
  store.take({ ...ask('shop', '', '14:00'), network: v4, wish: 'pool', hostAddresses: [], avoid: [] });
  store.take6(ask('shop', '2001:db8:10::101', '14:00'));
  store.take6(ask('shop', '2001:db8:10::102', '14:10'));
  store.take({ ...ask('crm', '', '14:20'), network: v4, wish: 'pool', hostAddresses: [], avoid: [] });
  assert.deepEqual(store.history({ most: 10 }).map(say), [
    'office 192.168.11.102 crm/eth0 pool',
    'office 2001:db8:10::102 shop/eth0 static',
    'office 2001:db8:10::101 shop/eth0 static',
    'office 192.168.11.101 shop/eth0 pool',
  ]);
  const [then, ...others] = store.history({ address: '2001:db8:10::101', at: at('14:05'), most: 10 });
  assert.deepEqual([then?.environment, then?.to, others], ['shop', at('14:10'), []]);
  assert.deepEqual(store.history({ address: '2001:db8:10::101', at: at('14:10'), most: 10 }), []);
  assert.equal(store.history({ most: 1 }).length, 1);
});
