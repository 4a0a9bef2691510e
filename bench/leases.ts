/** Hundreds of leases at once from other people's servers: by the daemon, by a `udhcpc` for each, by CNI's dhcp daemon. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import { dhcpClient } from '../src/daemon/dhcp-identity.ts';
import { openEvents } from '../src/daemon/events.ts';
import { openLeaseKeeper } from '../src/daemon/lease-keeper.ts';
import { fakeHost } from '../src/host/fake.ts';
import { ipv4 } from '../src/net/ipv4.ts';
import { prefix } from '../src/net/prefix.ts';
import { openStore } from '../src/store/index.ts';
import { processorMs } from './idle.ts';
import type { BenchLab } from './lab.ts';

export interface LeaseTimings {
  readonly server: 'Kea' | 'dnsmasq';
  readonly count: number;
  /** Milliseconds until the server has granted the last. */
  readonly landlineMs: number;
  /** Milliseconds for all to be given back, their links taken away, and how many the server has had back. */
  readonly downMs: number;
  readonly releases: number;
  readonly udhcpcMs: number;
  readonly cniMs: number;
  /** Processor time of the daemon, in milliseconds. */
  readonly processorMs: number;
  /** Proportional memory of all udhcpc (PSS), and resident memory of CNI's daemon, in bytes. */
  readonly udhcpcBytes: number;
  readonly cniBytes: number;
}

const configuration = `networks:
  office: { bridge: br0, subnet: 10.77.0.0/16, addressing: dhcp, probe: off, dhcp: { rate: 1000 } }
`;

const kea = {
  Dhcp4: {
    'interfaces-config': { interfaces: ['eth0'] },
    'lease-database': { type: 'memfile', persist: false },
    'valid-lifetime': 3600,
    subnet4: [{ id: 1, subnet: '10.77.0.0/16', pools: [{ pool: '10.77.1.0 - 10.77.19.255' }] }],
    loggers: [{ name: 'kea-dhcp4', severity: 'INFO', output_options: [{ output: 'stdout' }] }],
  },
};

const commands = {
  Kea: 'env KEA_PIDFILE_DIR=/run KEA_LOCKFILE_DIR=none kea-dhcp4 -c /run/kea.json',
  dnsmasq:
    'dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --port=0 --no-ping --dhcp-lease-max=10000 --log-facility=- --dhcp-leasefile=/run/leases --dhcp-range=10.77.1.0,10.77.19.255,255.255.0.0,1h',
} as const;

/** What a server writes for each lease that it grants. */
const granting = { Kea: 'DHCP4_LEASE_ALLOC', dnsmasq: 'DHCPACK' } as const;

/** And for each that it is given back. */
const releasing = { Kea: 'DHCP4_RELEASE ', dnsmasq: 'DHCPRELEASE' } as const;

export async function measureLeases(lab: BenchLab, server: LeaseTimings['server'], count: number): Promise<LeaseTimings> {
  const names = Array.from({ length: count }, (_, at) => `lease-${at}`);
  await lab.read(
    'server',
    [
      'sh',
      '-c',
      'kill -9 $(pidof dnsmasq kea-dhcp4); ip address flush dev eth0; ip address add 10.77.0.2/16 dev eth0; cat >/run/kea.json',
    ],
    {
      stdin: JSON.stringify(kea),
    },
  );
  await lab.read('host', ['sh', '-c', 'cat >/etc/landline/landline.yaml; kill -HUP "$(cat /run/landline/landline.pid)"'], {
    stdin: configuration,
  });
  await lab.read('host', ['sh', '-ec', 'for name; do ip netns add $name; done', 'sh', ...names]);
  await sleep(500);

  await startServer(lab, server);
  await together(names, 50, (name) => attach(lab, name));
  await together(names, 50, (name) => lab.daemon.call('POST', `/v1/leases/${name}/release`));
  const pid = (await lab.read('host', ['cat', '/run/landline/landline.pid'])).trim();
  await startServer(lab, server);
  const before = await processorMs(lab, pid);
  const landlineMs = await granted(lab, server, count, () => {
    // Whoever waits longer than ten seconds is told so, and gets its address all the same.
    for (const name of names) lab.daemon.call('POST', `/v1/leases/${name}/renew`).catch(() => undefined);
  });
  const spent = (await processorMs(lab, pid)) - before;
  // The daemon has the last ones on their links.
  await sleep(2000);
  const beforeDown = performance.now();
  await lab.daemon.call('DELETE', '/v1/environments');
  const downMs = performance.now() - beforeDown;
  const releases = Number((await lab.exec('server', ['grep', '-c', releasing[server], '/run/server.log'])).stdout);

  await lab.read('host', ['sh', '-ec', plugByHand, 'sh', ...names]);
  await startServer(lab, server);
  const udhcpcMs = await granted(lab, server, count, () => lab.read('host', ['sh', '-ec', startClients, 'sh', ...names]));
  const udhcpcBytes = 1024 * Number(await lab.read('host', ['sh', '-c', pssOfClients]));
  await lab.read('host', ['sh', '-c', 'kill -9 $(pidof busybox)']);

  await startServer(lab, server);
  await lab.read('host', [
    'sh',
    '-c',
    'mkdir -p /run/cni; setsid /usr/lib/cni/dhcp daemon >/dev/null 2>&1 </dev/null & sleep 0.5',
  ]);
  const cniMs = await granted(lab, server, count, () => lab.read('host', ['sh', '-c', askCni, 'sh', ...names]));
  const cniBytes =
    1024 *
    Number(await lab.read('host', ['sh', '-c', "sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$(pidof dhcp)/status"]));
  await lab.read('host', ['sh', '-c', 'kill -9 $(pidof dhcp); rm -f /run/cni/dhcp.sock']);
  await lab.read('host', ['sh', '-c', 'for name; do ip netns delete $name; done', 'sh', ...names]);
  return { server, count, landlineMs, downMs, releases, udhcpcMs, cniMs, processorMs: spent, udhcpcBytes, cniBytes };
}

const plugByHand = `
at=0
for name; do
  ip link add b$at up master br0 type veth peer name eth0 netns $name
  ip -n $name link set lo up
  ip -n $name link set eth0 up
  at=$((at + 1))
done`;

const startClients =
  'for name; do nsenter --net=/run/netns/$name busybox udhcpc -f -t 20 -T 3 -i eth0 -s /bin/true >/dev/null 2>&1 </dev/null & done';

const pssOfClients =
  "for pid in $(pidof busybox); do sed -n 's/^Pss: *\\([0-9]*\\).*/\\1/p' /proc/$pid/smaps_rollup; done | awk '{ all += $1 } END { print all }'";

const askCni = `
printf '%s\\n' "$@" | xargs -P 50 -I @ env CNI_COMMAND=ADD CNI_CONTAINERID=@ CNI_NETNS=/run/netns/@ CNI_IFNAME=eth0 CNI_PATH=/usr/lib/cni \\
  sh -c 'echo "{\\"cniVersion\\":\\"0.4.0\\",\\"name\\":\\"office\\",\\"type\\":\\"bridge\\",\\"ipam\\":{\\"type\\":\\"dhcp\\"}}" | /usr/lib/cni/dhcp >/dev/null 2>&1 || true'`;

const attach = (lab: BenchLab, name: string): Promise<unknown> =>
  lab.daemon.call('POST', '/v1/attachments', { query: { name, netns: `/run/netns/${name}`, network: 'office' } });

async function together<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<unknown>): Promise<void> {
  const rest = [...items];
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** One that has forgotten every lease. */
async function startServer(lab: BenchLab, server: LeaseTimings['server']): Promise<void> {
  const script = `kill -9 $(pidof dnsmasq kea-dhcp4); rm -f /run/leases /run/server.log; setsid ${commands[server]} >/run/server.log 2>&1 </dev/null & sleep 1.5`;
  await lab.read('server', ['sh', '-c', script]);
}

const patienceMs = 120_000;

/** Until the server has written that it granted so many, or patience is at an end. */
async function granted(lab: BenchLab, server: LeaseTimings['server'], count: number, begin: () => unknown): Promise<number> {
  const start = performance.now();
  const begun = begin();
  while (performance.now() < start + patienceMs) {
    const { stdout } = await lab.exec('server', ['grep', '-c', granting[server], '/run/server.log']);
    if (Number(stdout) >= count) {
      const took = performance.now() - start;
      await begun;
      return took;
    }
    await sleep(50);
  }
  throw new Error(`${server} has not granted ${count} leases`);
}

/** What one lease more takes of the daemon's heap, in bytes. */
export async function measureLeaseMemory(count: number): Promise<number> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-leases-'));
  const store = openStore({ file: path.join(folder, 'landline.db'), now: Date.now(), id: 'a1b2' });
  const keeper = openLeaseKeeper({ host: fakeHost(), store, events: openEvents(), netnsFolder: '/run/netns' });
  const network = {
    name: 'office',
    bridge: 'br0',
    subnet: prefix('10.77.0.0/16'),
    pool: [],
    exclude: [],
    resolvers: [],
    probe: 'off',
  } as const;
  v8.setFlagsFromString('--expose-gc');
  // A cast: that is what the flag makes of it.
  const collect = vm.runInNewContext('gc') as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let at = 0; at < count; at += 1) {
    const environment = `lease-${at}`;
    const endpoint = { network: 'office', interface: 'eth0', address: 'dhcp', routes: [] };
    const spec = { name: environment, hostname: environment, directory: '/', endpoints: [endpoint], services: [] };
    const client = dhcpClient(store.installation, spec, endpoint, network, {});
    const grant = {
      address: ipv4('10.77.1.0') + at,
      prefixLength: 16,
      server: ipv4('10.77.0.2'),
      routes: [],
      resolvers: [],
      search: [],
      ntpServers: [],
      since: 0,
      ends: { renewAt: 1e9, rebindAt: 2e9, expiresAt: 3e9 },
    };
    const terms = { grant, clock: { boot: 'another', offset: Date.now() } };
    store.hold({
      network: 'office',
      address: grant.address,
      environment,
      interface: 'eth0',
      mac: client.mac,
      source: 'dhcp',
      since: Date.now(),
      terms,
    });
    keeper.want({ environment, interface: 'eth0', network, client, netns: `/run/netns/${environment}`, attached: true });
  }
  collect();
  const bytes = (process.memoryUsage().heapUsed - before) / count;
  keeper.close();
  store.close();
  fs.rmSync(folder, { recursive: true });
  return bytes;
}
