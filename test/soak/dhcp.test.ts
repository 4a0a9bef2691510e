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

/** Three of ten DHCP packets are lost, in either direction: at the switch, since servers hear and say past their own firewall. */
const lossy = `
nft add table netdev lossy
nft add chain netdev lossy ports '{ type filter hook ingress devices = { server, host } priority 0 ; }'
nft add rule netdev lossy ports udp dport 67-68 numgen random mod 10 lt 3 counter drop
`;

test('where three of ten DHCP packets are lost, leases are got and held, though the daemon is killed again and again', async (t) => {
  await withOffice(t, { docker: false }, async (office) => {
    await stopLabServer(office);
    const server = kea(office, { lease: 12, renew: 4, rebind: 8 });
    await server.start();
    await office.read('switch', ['sh', '-ec', lossy]);
    const names = Array.from({ length: 10 }, (_, at) => `shop-${at}`);
    await Promise.all(names.map((name) => office.up(environment(name), { wait: false })));
    const leases = (): Promise<readonly LeaseRow[]> => office.api.call('GET', '/v1/leases');
    const allBound = async (): Promise<boolean> => {
      const rows = await leases();
      return rows.length === names.length && rows.every((it) => it.address !== null);
    };
    const began = performance.now();
    await until(allBound, 'each has an address', 240_000);
    t.diagnostic(`${names.length} leases in ${Math.round((performance.now() - began) / 1000)} s`);
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
    const dropped = Number(/counter packets (\d+)/.exec(await office.read('switch', ['nft', 'list', 'ruleset']))?.[1]);
    assert.ok(dropped > 50, `${dropped} packets were lost`);
    const log = await office.daemon.log();
    const told = (what: string): number => log.split(`${what} environment=`).length - 1;
    t.diagnostic(
      `${dropped} packets lost; ${told('lease renewed')} renewals, ${told('lease expired')} leases ended and got again`,
    );
  });
});
