/** Leases over minutes, on a LAN that loses what it is given. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LeaseRow } from '../../src/api/contract.ts';
import { answering, until, withOffice } from '../office.ts';
import { grantsOf, kea, stopLabServer } from '../support/dhcp-servers.ts';
import { ticking } from '../support/ticking.ts';

const environment = (name: string) => ({
  name,
  'x-landline': { network: 'office', address: 'dhcp' },
  services: { web: answering(80, name) },
});

/** Three of ten DHCP packets are lost, in either direction. */
const lossy = `
nft add table ip lossy
nft add chain ip lossy in '{ type filter hook input priority 0 ; }'
nft add chain ip lossy out '{ type filter hook output priority 0 ; }'
nft add rule ip lossy in udp dport 67 numgen random mod 10 lt 3 drop
nft add rule ip lossy out udp sport 67 numgen random mod 10 lt 3 drop
`;

test('where three of ten DHCP packets are lost, leases are got and held, though the daemon is killed again and again', async (t) => {
  await withOffice(t, { docker: false }, async (office) => {
    await stopLabServer(office);
    const server = kea(office, { lease: 12, renew: 4, rebind: 8 });
    await server.start();
    await office.read('server', ['sh', '-ec', lossy]);
    const names = Array.from({ length: 10 }, (_, at) => `shop-${at}`);
    await Promise.all(names.map((name) => office.up(environment(name), { wait: false })));
    const leases = (): Promise<readonly LeaseRow[]> => office.api.call('GET', '/v1/leases');
    const allBound = async (): Promise<boolean> => {
      const rows = await leases();
      return rows.length === names.length && rows.every((it) => it.address !== null);
    };
    await until(allBound, 'each has an address', 90_000);
    await until(async () => (await office.ps('shop-0')).state === 'running', 'it is on its link', 20_000);
    const before = (await leases()).map((it) => it.address);
    const pings = await ticking(office, String(before[0]).replace('/23', ''));
    for (let round = 0; round < 4; round += 1) {
      const start = grantsOf(await server.log());
      await sleep(15_000);
      assert.ok(grantsOf(await server.log()) > start + 10, 'they are renewed');
      await office.daemon.kill();
      await office.daemon.start();
    }
    await until(allBound, 'each has one still', 30_000);
    assert.deepEqual(
      (await leases()).map((it) => it.address),
      before,
    );
    assert.deepEqual(await pings.lost(), []);
  });
});
