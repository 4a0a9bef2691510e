/** The office that the whole daemon is measured in, with a pool for five hundred environments. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, connect } from '../src/api/client.ts';
import type { EnvironmentView, NetworkView } from '../src/api/contract.ts';
import type { ProbeProfile } from '../src/core/model.ts';
import { type LabWish, labDown, labUp } from '../src/lab/index.ts';
import { nameLab, openLab, type TestLab } from '../test/lab.ts';

export interface BenchLab extends TestLab {
  readonly daemon: Client;
  /** Path of the daemon's socket as this machine sees it. */
  readonly socket: string;
}

/** Every host address of the subnet but those of the office's own machines. */
const configurationWith = (probe: ProbeProfile): string => `networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    gateway: 192.168.11.1
    pool: [192.168.10.1-192.168.11.254]
    exclude: [192.168.10.20]
    resolvers: [192.168.11.2]
    domain: test.office.example
    probe: ${probe}
`;

/** Makes a lab, runs `body`, and takes the lab down again, also after a signal. What kill -9 leaves the next run clears. */
export async function withBenchLab<T>(
  body: (lab: BenchLab) => Promise<T>,
  probe: ProbeProfile = 'fast',
  wish: Omit<LabWish, 'name'> = {},
): Promise<T> {
  const name = nameLab();
  const onSignal = (): void => void labDown({ name }).finally(() => process.exit(1));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  await labUp({ ...wish, name });
  try {
    const lab = openBenchLab(openLab(name));
    await configure(lab, probe);
    return await body(lab);
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, onSignal);
    await labDown({ name });
  }
}

function openBenchLab(lab: TestLab): BenchLab {
  const socket = `/proc/${lab.pidOf('host')}/root/run/landline/landline.sock`;
  return { ...lab, socket, daemon: connect(socket) };
}

async function configure(lab: BenchLab, probe: ProbeProfile): Promise<void> {
  const script = 'cat >/etc/landline/landline.yaml; kill -HUP "$(cat /run/landline/landline.pid)"';
  await lab.read('host', ['sh', '-c', script], { stdin: configurationWith(probe) });
  for (;;) {
    const networks = await lab.daemon.call<NetworkView[]>('GET', '/v1/networks');
    if (networks.some((it) => (it.pool?.size ?? 0) > 500)) return;
    await sleep(20);
  }
}

/** An environment file. */
const environmentOf = (name: string, command: readonly string[]): string =>
  JSON.stringify({ name, 'x-landline': { network: 'office' }, services: { [name]: { command } } });

/** `landline run --name NAME --network office -- COMMAND`, as the command line asks for it. */
export async function run(lab: BenchLab, name: string, command: readonly string[]): Promise<{ readonly address: string }> {
  const view = await lab.daemon.call<EnvironmentView>('POST', '/v1/environments', { body: environmentOf(name, command) });
  const address = view.endpoints[0]?.addresses[0]?.split('/')[0];
  if (address === undefined) throw new Error(`${name} has no address`);
  return { address };
}

/** So many at once are asked for while many are made. */
const batch = 100;

/** Environments that only wait. @returns their addresses */
export async function runMany(lab: BenchLab, count: number): Promise<readonly string[]> {
  const addresses: string[] = [];
  for (let first = 0; first < count; first += batch) {
    const size = Math.min(batch, count - first);
    const made = await Promise.all(Array.from({ length: size }, (_, it) => run(lab, `idle-${first + it}`, ['sleep', '1000000'])));
    addresses.push(...made.map((it) => it.address));
  }
  return addresses;
}
