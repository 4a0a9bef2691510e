/** An office network and a ledger in a folder of its own, for the tests of this room. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { EnvironmentSpec, LanNetwork, Lease } from '../core/model.ts';
import { type Address, formatAddress } from '../net/address.ts';
import { ipv4 } from '../net/ipv4.ts';
import { prefix } from '../net/prefix.ts';
import { type Ask, openStore, type Store } from './index.ts';

/** 2 March 2026, `14:05` or `14:05:30`, UTC. */
export const at = (time: string): number => Date.parse(`2026-03-02T${time}Z`);

/** DESIGN's office with a pool of three: .101, .102, .104. */
export const office: LanNetwork = {
  name: 'office',
  bridge: 'br0',
  subnet: prefix('192.168.10.0/23'),
  gateway: ipv4('192.168.11.1'),
  pool: [{ first: ipv4('192.168.11.101'), last: ipv4('192.168.11.104') }],
  exclude: [{ first: ipv4('192.168.11.103'), last: ipv4('192.168.11.103') }],
  resolvers: [ipv4('192.168.11.2')],
  probe: 'off',
};

export const lab: LanNetwork = { ...office, name: 'lab', bridge: 'br1' };

/** A folder that goes with the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'landline-store-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

export function openTemporaryStore(t: TestContext): Store {
  const store = openStore({ file: join(temporaryFolder(t), 'landline.db'), now: at('12:00') });
  t.after(() => store.close());
  return store;
}

/** An ask for `shop` or `shop/eth1`, of the pool or for a fixed address, at a time of day. */
export function ask(endpoint: string, wish: string, time: string, change: Partial<Ask> = {}): Ask {
  const [environment = '', link = 'eth0'] = endpoint.split('/');
  return {
    network: office,
    environment,
    interface: link,
    mac: '02:4c:4c:00:00:01',
    wish: wish === 'pool' ? 'pool' : ipv4(wish),
    hostAddresses: [ipv4('192.168.11.20')],
    avoid: [],
    now: at(time),
    ...change,
  };
}

/** `office 192.168.11.101 shop/eth0 pool` */
export const say = (
  it: Pick<Lease, 'network' | 'environment' | 'interface' | 'source'> & { readonly address: Address },
): string => `${it.network} ${formatAddress(it.address)} ${it.environment}/${it.interface} ${it.source}`;

export const spec = (name: string): EnvironmentSpec => ({
  name,
  hostname: name,
  directory: '/srv/shop',
  endpoints: [],
  services: [],
});

/** Everything a ledger says, to compare two moments. */
export const everything = (store: Store): unknown => ({
  environments: store.environments(),
  leases: store.leases(),
  reservations: store.reservations(),
  quarantined: store.quarantined(0),
  history: store.history({ most: 1_000 }),
});
