import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from './fixture.ts';
import { type NicRecord, openStore } from './index.ts';

const ens34: NicRecord = {
  name: 'ens34',
  environment: 'shop',
  interface: 'eth1',
  mac: '52:54:00:00:00:34',
  permanentMac: '00:0c:29:5e:10:34',
  mtu: 9000,
  up: true,
  alias: 'to the lab',
};

test('what a NIC was is there until it is home, also for the next who opens the ledger, and after its environment', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const store = openStore({ file, now: 0 });
  const { permanentMac: _mac, alias: _alias, ...plain } = ens34;
  store.putNic({ ...plain, name: 'ens35', up: false });
  store.putNic({ ...ens34, interface: 'eth7' });
  store.putNic(ens34);
  store.removeEnvironment({ name: 'shop', now: 1, keepAddresses: false, quarantineMs: 0 });
  store.close();
  const next = openStore({ file, now: 0 });
  assert.deepEqual(next.nics(), [ens34, { ...plain, name: 'ens35', up: false }]);
  next.deleteNic('ens35');
  next.deleteNic('nobody');
  assert.deepEqual(next.nics(), [ens34]);
  next.close();
});
