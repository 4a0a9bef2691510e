import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LanNetwork } from '../core/model.ts';
import { isLandlineError } from '../errors.ts';
import { type Address, formatAddress } from '../net/address.ts';
import { formatIpv4, type Ipv4, ipv4 } from '../net/ipv4.ts';
import { prefix } from '../net/prefix.ts';
import { ask, at, everything, lab, office, spec, temporaryFolder } from './fixture.ts';
import { openStore, type Store } from './index.ts';

/** Few addresses and few names, so that everybody is in everybody's way. */
const small: LanNetwork = {
  ...office,
  subnet: prefix('192.168.11.0/28'),
  pool: [{ first: ipv4('192.168.11.3'), last: ipv4('192.168.11.7') }],
  exclude: [{ first: ipv4('192.168.11.5'), last: ipv4('192.168.11.5') }],
};
const networks = [small, { ...small, name: lab.name }] as const;
const hostAddresses = [ipv4('192.168.11.4')];

const network = fc.constantFrom(...networks);
const environment = fc.constantFrom('shop', 'crm', 'erp');
const link = fc.constantFrom('eth0', 'eth1');
const address = fc.integer({ min: 0, max: 16 }).map((offset): Ipv4 => ipv4('192.168.11.0') + offset);
const wish = fc.oneof({ weight: 2, arbitrary: fc.constant('pool' as const) }, { weight: 1, arbitrary: address });

type Change = (store: Store, now: number) => unknown;

const shown = (text: string, change: Change): Change => Object.assign(change, { [fc.toStringMethod]: () => text });

const take = fc.record({ network, environment, link, wish, avoid: fc.array(address, { maxLength: 2 }) }).map((it) =>
  shown(
    `take ${it.network.name} ${it.environment}/${it.link} ${typeof it.wish === 'number' ? formatIpv4(it.wish) : it.wish}`,
    (store, now) => {
      const wanted = ask(`${it.environment}/${it.link}`, 'pool', '14:00', { ...it, hostAddresses, now });
      const lease = store.take(wanted);
      assert.equal(lease.network, it.network.name);
      if (it.wish === 'pool') assert.ok(!it.avoid.includes(lease.address));
      else assert.equal(lease.address, it.wish);
      const before = everything(store);
      assert.deepEqual(store.take({ ...wanted, now: now + 1 }), lease, 'take is idempotent');
      assert.deepEqual(everything(store), before, 'take is idempotent');
    },
  ),
);
const release = fc
  .record({ environment, link, quarantineMs: fc.constantFrom(0, 3_000) })
  .map((it) =>
    shown(`release ${it.environment}/${it.link} ${it.quarantineMs}`, (store, now) =>
      store.release({ environment: it.environment, interface: it.link, now, quarantineMs: it.quarantineMs }),
    ),
  );
const reserve = fc
  .record({ network, address, holder: environment })
  .map((it) =>
    shown(`reserve ${it.network.name} ${formatIpv4(it.address)} ${it.holder}`, (store, now) =>
      store.reserve({ ...it, note: '', hostAddresses, now }),
    ),
  );
const unreserve = fc
  .record({ network, address })
  .map((it) =>
    shown(`unreserve ${formatIpv4(it.address)}`, (store) => store.unreserve({ network: it.network.name, address: it.address })),
  );
const put = environment.map((name) => shown(`put ${name}`, (store, now) => store.putEnvironment(spec(name), 'up', now)));
const remove = fc
  .record({ name: environment, quarantineMs: fc.constantFrom(0, 3_000), keepAddresses: fc.boolean() })
  .map((it) => shown(`remove ${JSON.stringify(it)}`, (store, now) => store.removeEnvironment({ ...it, now })));

/** What must hold of the ledger at any moment. */
function checkLaws(store: Store, now: number): void {
  const leases = store.leases();
  const place = (it: { network: string; address: Address }): string => `${it.network} ${formatAddress(it.address)}`;
  assert.equal(new Set(leases.map(place)).size, leases.length, 'an address has one holder');
  assert.equal(
    new Set(leases.map((it) => `${it.environment}/${it.interface}`)).size,
    leases.length,
    'an endpoint has one address',
  );
  const promised = new Map(store.reservations().map((it) => [place(it), it.holder]));
  for (const lease of leases) {
    assert.equal(promised.get(place(lease)) ?? lease.environment, lease.environment, `${place(lease)} is promised to another`);
    const offset = lease.address - small.subnet.address;
    assert.ok(offset > 2 && offset < 15 && offset !== 4, `${place(lease)} is the LAN's own`);
  }
  const held = new Set(leases.map(place));
  for (const rest of store.quarantined(now)) assert.ok(!held.has(place(rest)), `${place(rest)} is held and rests`);
  const open = store.history({ most: 10_000 }).filter((it) => it.to === undefined);
  assert.deepEqual(open.map(place).sort(), [...held].sort(), 'what is held is what history says is held');
}

test('property: no sequence of changes gives an address twice, and what is refused changes nothing', (t) => {
  const folder = temporaryFolder(t);
  let runs = 0;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.oneof({ weight: 4, arbitrary: take }, release, reserve, unreserve, put, remove), fc.nat(2_000)), {
        maxLength: 40,
      }),
      fc.nat(40),
      (changes, reopenAt) => {
        runs += 1;
        const file = join(folder, `${runs}.db`);
        let now = at('14:00');
        let store = openStore({ file, now });
        try {
          for (const [index, [change, wait]] of changes.entries()) {
            now += wait;
            const before = everything(store);
            try {
              change(store, now);
            } catch (error) {
              if (!isLandlineError(error)) throw error;
              assert.deepEqual(everything(store), before, `${error.code} changed something`);
            }
            checkLaws(store, now);
            if (index !== reopenAt) continue;
            const whole = everything(store);
            store.close();
            store = openStore({ file, now: 0 });
            assert.deepEqual(everything(store), whole);
          }
        } finally {
          store.close();
        }
      },
    ),
    { numRuns: 60 },
  );
});
