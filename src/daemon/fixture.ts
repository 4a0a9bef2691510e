/** A daemon's world in memory, on a fake host and a fake machine, with a real ledger; for the tests of this room. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { linkGroup } from '../core/mark.ts';
import type { EnvironmentSpec, LanNetwork, ServiceSpec } from '../core/model.ts';
import { openDocker, watchDocker } from '../engine/docker/index.ts';
import { type FakeMachine, makeFakeMachine } from '../engine/fake.ts';
import { type FakeHost, fakeHost } from '../host/fake.ts';
import { formatIpv4, ipv4 } from '../net/ipv4.ts';
import { formatPrefix, prefix } from '../net/prefix.ts';
import { openStore } from '../store/index.ts';
import { type Arp, arpAnnouncement } from '../wire/arp/arp.ts';
import { openContainers } from './containers.ts';
import { formatEvent, openEvents } from './events.ts';
import { watchForwarding } from './forwarding.ts';
import { openLeaseKeeper } from './lease-keeper.ts';
import { markedLinks } from './marked-links.ts';
import { openNics } from './nics.ts';
import { probesAhead } from './probes-ahead.ts';
import { openShims } from './shims.ts';
import type { World } from './world.ts';

export const squatter = '52:54:00:00:00:99';

const office: LanNetwork = {
  name: 'office',
  bridge: 'br0',
  subnet: prefix('192.168.10.0/23'),
  gateway: ipv4('192.168.11.1'),
  pool: [{ first: ipv4('192.168.11.100'), last: ipv4('192.168.11.102') }],
  exclude: [],
  resolvers: [],
  probe: 'fast',
};

/** DNS is for the tests of labs, with real servers. */
const noNames: World['names'] = {
  of: () => [],
  problemsOf: () => [],
  standing: [],
  list: () => [],
  counters: { registered: 0, removed: 0, refreshed: 0, held: 0, failures: 0, served: { udp: 0, tcp: 0, dropped: 0 } },
  client: undefined,
  forget: async () => [],
  wake: () => undefined,
  reconfigure: () => undefined,
  close: () => undefined,
};

export interface FakeWorld {
  readonly world: World;
  readonly host: FakeHost;
  readonly machine: FakeMachine;
  /** Addresses that somebody else on the LAN answers for. */
  readonly taken: Set<string>;
  /** What was told, without the time. */
  readonly told: readonly string[];
  /** What there is of environments: the ledger, links, sandboxes and processes, in lines. */
  look(): Promise<readonly string[]>;
}

export interface FakeWorldOptions {
  /** Whether addresses are probed; a probe takes 300 ms. */
  readonly probe?: boolean;
  /** How long the kernel takes to answer, in milliseconds. */
  readonly latencyMs?: number;
}

export async function fakeWorld(t: TestContext, { probe = false, ...slowness }: FakeWorldOptions = {}): Promise<FakeWorld> {
  const taken = new Set<string>();
  const host = fakeHost({ arp: (heard) => answerFor(taken, heard), ...slowness });
  const machine = makeFakeMachine();
  const folder = mkdtempSync(join(tmpdir(), 'landline-daemon-'));
  const store = openStore({ file: join(folder, 'landline.db'), now: Date.now(), id: 'a1b2' });
  const told: string[] = [];
  const events = openEvents();
  events.listen((event) => told.push(formatEvent(event).replace(/^\S+ /, '')));
  const forwarding = watchForwarding();
  const marked = markedLinks(host, store.installation);
  await host.watch((event) => {
    forwarding.hear(event);
    marked.hear(event);
  });
  await host.kernel.addLink({ kind: 'bridge', name: 'br0', up: true });
  const netnsFolder = '/run/landline/netns/a1b2';
  const leases = openLeaseKeeper({ host, store, events, netnsFolder });
  const docker = openDocker({ kind: 'unix', path: '/nowhere/docker.sock' });
  const dockerWatch = watchDocker(docker);
  const world: World = {
    leases,
    docker,
    dockerWatch,
    containers: openContainers(docker, dockerWatch, () => false),
    probes: probesAhead(host),
    host,
    engine: machine.openEngine(),
    store,
    events,
    forwarding,
    marked,
    names: noNames,
    shims: openShims(() => world),
    nics: openNics(() => world),
    linkNetworks: new Map(),
    swaps: new Map(),
    firewall: { apply: async () => undefined, check: async () => undefined, problems: [], close: () => undefined },
    linkGroup: linkGroup(store.installation),
    netnsFolder,
    configuration: {
      networks: [{ ...office, probe: probe ? 'fast' : 'off' }],
      privateSubnet: prefix('10.88.0.0/16'),
      docker: {},
      dns: {},
    },
  };
  t.after(() => {
    leases.close();
    store.close();
    rmSync(folder, { recursive: true });
  });
  return { world, host, machine, taken, told, look: () => look(world, host) };
}

function answerFor(taken: ReadonlySet<string>, heard: Arp): readonly Arp[] {
  const isAsked = taken.has(formatIpv4(heard.targetAddress)) && heard.senderAddress !== heard.targetAddress;
  const answer = arpAnnouncement(squatter, heard.targetAddress);
  return isAsked ? [{ ...answer, destination: heard.source, operation: 'reply', targetMac: heard.senderMac }] : [];
}

async function look(world: World, host: FakeHost): Promise<readonly string[]> {
  const { store, engine, netnsFolder } = world;
  const links = (await host.kernel.listLinks()).filter((it) => it.kind === 'veth');
  const sandboxes = await host.listNetns(netnsFolder);
  const inside = await Promise.all(
    sandboxes.map((name) =>
      host.within(`${netnsFolder}/${name}`, async ({ kernel }) => {
        const addresses = (await kernel.listAddresses())
          .map((it) => formatPrefix(it.address))
          .filter((it) => it !== '127.0.0.1/8');
        return `sandbox ${name} ${addresses.join(' ')}`.trim();
      }),
    ),
  );
  const services = await Promise.all(
    (await engine.environments()).map(async (name) =>
      (await engine.observe(name)).map((it) => `service ${name}/${it.name} ${it.state} ${it.pid ?? it.exitStatus}`),
    ),
  );
  return [
    ...store.environments().map((it) => `wish ${it.spec.name} ${it.phase} ${JSON.stringify(it.spec)}`),
    ...store.leases().map((it) => `lease ${it.environment}/${it.interface} ${formatIpv4(it.address)}`),
    ...links.map((it) => `link ${it.alias ?? 'without mark'} ${it.up ? 'up' : 'down'}`),
    ...inside,
    ...services.flat(),
  ].sort();
}

export const serviceOf = (name: string, command = ['forever'], more: Partial<ServiceSpec> = {}): ServiceSpec => ({
  name,
  command,
  environment: {},
  dependsOn: [],
  restart: 'no',
  stopSignal: 'SIGTERM',
  stopGraceMs: 20,
  ...more,
});

/** An environment on the office's network; `address` may be `pool`. */
export const specOf = (
  name: string,
  address: string,
  services: readonly ServiceSpec[] = [serviceOf('web')],
): EnvironmentSpec => ({
  name,
  hostname: name,
  directory: '/',
  endpoints: [{ network: 'office', interface: 'eth0', address, routes: [] }],
  services,
});
