import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkView } from '../../src/api/contract.ts';
import { type EnvironmentFile, type Office, refusalOf, withOffice } from '../office.ts';

/** Linux allows a bridge so many ports (BR_MAX_PORTS, net/bridge/br_private.h). */
const most = 1023;

const file = (name: string): EnvironmentFile => ({
  name,
  'x-landline': { network: 'office' },
  services: { main: { command: ['sleep', 'infinity'] } },
});

async function problemsOf(office: Office): Promise<readonly (readonly [string, string])[]> {
  const networks = await office.landlineJson<readonly NetworkView[]>('network', 'ls');
  return networks.find((it) => it.name === 'office')?.problems.map((it) => [it.code, it.message]) ?? [];
}

/** Gives br0 ports of somebody else's, up to so many in all. */
async function fill(office: Office, ports: number): Promise<void> {
  const there = Number(await office.read('host', ['sh', '-c', 'ls /sys/class/net/br0/brif | wc -l']));
  const lines = Array.from(
    { length: ports - there },
    (_, at) => `link add port${there + at} group 77 master br0 type veth peer name peer${there + at} group 77`,
  );
  await office.exec('host', ['ip', '-batch', '-'], { stdin: `${lines.join('\n')}\n` });
  assert.equal(Number(await office.read('host', ['sh', '-c', 'ls /sys/class/net/br0/brif | wc -l'])), ports);
}

test('a bridge that is nearly full is warned of, a full one refuses, and nothing is left of what was refused', async (t) => {
  await withOffice(t, {}, async (office) => {
    await office.up(file('first'));
    assert.deepEqual(await problemsOf(office), []);
    await fill(office, 899);
    assert.deepEqual(await problemsOf(office), []);
    await fill(office, 900);
    assert.deepEqual(await problemsOf(office), [
      ['BRIDGE_NEARLY_FULL', 'bridge br0 has 900 of the 1023 ports that Linux allows'],
    ]);
    assert.match((await office.landline('network', 'ls')).stdout, /^office: BRIDGE_NEARLY_FULL: /m);

    await fill(office, most - 1);
    assert.equal((await office.up(file('last'))).state, 'running');
    assert.deepEqual(await problemsOf(office), [
      ['BRIDGE_FULL', 'bridge br0 has 1023 ports, and Linux allows no more than 1023'],
    ]);
    const before = { links: (await office.links()).length, addresses: await office.addresses(), first: await office.ps('first') };
    const refusal = await refusalOf(office.up(file('surplus')));
    assert.deepEqual(
      [refusal.code, refusal.message],
      ['BRIDGE_FULL', 'bridge br0 has 1023 ports, and Linux allows no more than 1023'],
    );
    assert.equal((await office.landline('run', '--name', 'surplus', '--network', 'office', '--', 'sleep', '60')).status, 1);
    const after = { links: (await office.links()).length, addresses: await office.addresses(), first: await office.ps('first') };
    assert.deepEqual(after, before);
    assert.equal((await office.exec('host', ['sh', '-c', 'ls /run/landline/netns/*/surplus'])).status, 2);

    await office.down('last');
    assert.equal((await office.up(file('surplus'))).state, 'running', 'there is room for one again');
    assert.equal(
      await office.holderOf((await office.ps('surplus')).endpoints[0]?.addresses[0]?.replace(/\/.*/, '') ?? ''),
      (await office.ps('surplus')).endpoints[0]?.mac,
    );
    await office.read('host', ['ip', 'link', 'delete', 'group', '77']);
    assert.deepEqual(await problemsOf(office), []);
  });
});
