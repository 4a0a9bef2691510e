/** Leases by the hundred or the thousand in one daemon, on two bridges: held over renewals, and through the end of the daemon. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LeaseRow } from '../../src/api/contract.ts';
import { type Office, until, withOffice } from '../office.ts';
import { stopLabServer } from './dhcp-servers.ts';

export interface LeaseStory {
  readonly count: number;
  /** Seconds from one renewal to the next; a lease lasts three times as long. */
  readonly renewal: number;
  readonly watchSeconds: number;
}

/** A bridge has 1023 ports, so that there are two, and a server with a foot in each. */
const networks = [
  { name: 'office', bridge: 'br0', prefix: '10.77' },
  { name: 'depot', bridge: 'br1', prefix: '10.78' },
] as const;

const configuration = networks
  .map(({ name, bridge, prefix }) => `  ${name}: { bridge: ${bridge}, subnet: ${prefix}.0.0/16, addressing: dhcp, probe: off }`)
  .join('\n');

const makeServer = `
ip link add br1 up type bridge
ip netns add dhcp
ip -n dhcp link set lo up
${networks
  .map(
    ({ bridge, prefix }, at) => `ip link add dhcp${at} up master ${bridge} type veth peer name lan${at} netns dhcp
ip -n dhcp link set lan${at} up
ip -n dhcp address add ${prefix}.0.2/16 dev lan${at}`,
  )
  .join('\n')}`;

const keaOf = (renewal: number, folder: string) => ({
  Dhcp4: {
    'interfaces-config': { interfaces: networks.map((_, at) => `lan${at}`) },
    'lease-database': { type: 'memfile', persist: true, name: `${folder}/kea.csv`, 'lfc-interval': 0 },
    'valid-lifetime': 3 * renewal,
    'renew-timer': renewal,
    'rebind-timer': 2 * renewal,
    subnet4: networks.map(({ prefix }, at) => ({
      id: at + 1,
      interface: `lan${at}`,
      subnet: `${prefix}.0.0/16`,
      pools: [{ pool: `${prefix}.1.0 - ${prefix}.19.255` }],
    })),
    loggers: [{ name: 'kea-dhcp4', severity: 'WARN', output_options: [{ output: 'stdout' }] }],
  },
});

/** What Kea has written of each address last: how long the lease lasts, and when it ends, in seconds since 1970. */
function leasesIn(file: string): ReadonlyMap<string, { readonly lasts: number; readonly ends: number }> {
  const rows = fs.readFileSync(file, 'utf8').trim().split('\n').slice(1);
  const columns = rows.map((row) => row.split(','));
  return new Map(columns.map(([address = '', , , lasts, ends]) => [address, { lasts: Number(lasts), ends: Number(ends) }]));
}

/** One that was released lasts no time. */
const heldIn = (file: string): number => [...leasesIn(file).values()].filter(({ lasts }) => lasts > 0).length;

interface Weight {
  /** Processor time of the daemon, in milliseconds. */
  readonly processor: number;
  /** In MB. */
  readonly memory: number;
}

async function weigh(office: Office): Promise<Weight> {
  const pid = await office.daemon.pid();
  const stat = await office.read('host', ['cat', `/proc/${pid}/stat`]);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = await office.read('host', ['cat', `/proc/${pid}/status`]);
  return {
    processor: (Number(fields[11]) + Number(fields[12])) * 10,
    memory: Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1000),
  };
}

export async function manyLeases(t: TestContext, { count, renewal, watchSeconds }: LeaseStory): Promise<void> {
  await withOffice(t, {}, async (office) => {
    const { folder } = office;
    const names = Array.from({ length: count }, (_, at) => `lease-${at}`);
    const networkOf = (at: number): string => networks[at % 2]?.name ?? '';
    await stopLabServer(office);
    await office.read('host', ['sh', '-ec', makeServer]);
    fs.writeFileSync(path.join(folder, 'kea.json'), JSON.stringify(keaOf(renewal, folder)));
    const kea = `env KEA_PIDFILE_DIR=/run KEA_LOCKFILE_DIR=none nsenter --net=/run/netns/dhcp kea-dhcp4 -c ${folder}/kea.json`;
    await office.read('host', ['sh', '-c', `setsid ${kea} >${folder}/kea.log 2>&1 </dev/null & sleep 2`]);
    await office.configure(`networks:\n${configuration}\n`);
    await office.read('host', ['sh', '-ec', 'for name; do ip netns add $name; done', 'sh', ...names]);

    const leases = (): Promise<readonly LeaseRow[]> => office.api.call('GET', '/v1/leases');
    const addresses = async (): Promise<readonly string[]> => (await leases()).map((it) => `${it.environment} ${it.address}`);
    const areBound = async (): Promise<boolean> => {
      const rows = await leases();
      return rows.length === count && rows.every((it) => it.address !== null);
    };
    const empty = await weigh(office);
    const begin = performance.now();
    const rest = [...names.entries()];
    const worker = async (): Promise<void> => {
      for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
        const [at, name] = next;
        const query = { name, netns: `/run/netns/${name}`, network: networkOf(at) };
        await office.api.call('POST', '/v1/attachments', { query });
      }
    };
    await Promise.all(Array.from({ length: 20 }, worker));
    await until(areBound, 'each has an address', 300_000);
    const before = await addresses();
    const after = await weigh(office);
    const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;
    t.diagnostic(`${count} bound after ${seconds(begin)}, ${after.processor - empty.processor} ms of processor time`);
    t.diagnostic(`memory: ${empty.memory} MB empty, ${after.memory} MB with ${count}`);

    const hold = async (what: string): Promise<void> => {
      const start = await weigh(office);
      const since = performance.now();
      await sleep(watchSeconds * 1000);
      const end = await weigh(office);
      const share = (end.processor - start.processor) / (performance.now() - since);
      t.diagnostic(`${what}: ${(share * 100).toFixed(1)} % of a core, ${end.memory} MB`);
      const granted = leasesIn(path.join(folder, 'kea.csv'));
      const soonest = Math.min(...[...granted.values()].map(({ ends }) => ends)) - Date.now() / 1000;
      assert.equal(granted.size, count, 'each has one address of the server, and has never had another');
      assert.ok(soonest > renewal / 2, `each was renewed in time: ${soonest} s are left of one`);
      assert.deepEqual(await addresses(), before);
    };
    await hold('renewals');

    await office.daemon.kill();
    const started = performance.now();
    await office.daemon.start();
    await until(areBound, 'each has its address still', 120_000);
    t.diagnostic(`daemon killed and started: all are held after ${seconds(started)}`);
    await hold('renewals by the next daemon');
    const lost = (await office.daemon.log()).split('\n').filter((it) => /lease (expired|refused|declined)/.test(it));
    assert.deepEqual(lost, []);

    const ending = performance.now();
    await office.api.call('DELETE', '/v1/environments');
    t.diagnostic(`all given back after ${seconds(ending)}`);
    assert.deepEqual(await office.links().then((links) => links.filter((it) => it.ifalias?.startsWith('landline:'))), []);
    const unsaid = (await office.daemon.log()).split('\n').filter((it) => it.includes('lease not released'));
    assert.deepEqual(unsaid.slice(0, 5), []);
    await until(async () => heldIn(path.join(folder, 'kea.csv')) === 0, 'the server has them all back', 20_000);
  });
}
