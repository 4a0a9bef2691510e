/** Environments on a real Docker: by Landline, and by the calls that one would write by hand. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentView, UpView } from '../src/api/contract.ts';
import { type DockerClient, openDocker } from '../src/engine/docker/index.ts';
import type { ContainerCreate, EndpointSettings } from '../src/engine/docker/types.ts';
import { busyboxImage } from '../test/docker/busybox.ts';
import { type Colleague, openColleague } from './colleague.ts';
import type { BenchLab } from './lab.ts';
import { interleave } from './measure.ts';
import { openShell } from './shell.ts';

export interface DockerLab extends BenchLab {
  readonly docker: DockerClient;
  readonly pc: Colleague;
  close(): void;
}

const image = 'bench/box:1';
/** Docker's own network on the bridge that Landline uses. */
const dockerNetwork = 'lan';

export async function openDockerLab(lab: BenchLab): Promise<DockerLab> {
  const docker = openDocker({ kind: 'unix', path: `/proc/${lab.pidOf('host')}/root/run/docker.sock` });
  await docker.images.load(busyboxImage(image, { StopSignal: 'SIGKILL' }, [{ path: 'www/index.html', bytes: 'hello\n' }]));
  await docker.networks.create({
    Name: dockerNetwork,
    Driver: 'bridge',
    Options: {
      'com.docker.network.bridge.name': 'br0',
      // Without it Docker would take the router's address for the bridge.
      'com.docker.network.bridge.inhibit_ipv4': 'true',
      'com.docker.network.bridge.enable_ip_masquerade': 'false',
    },
    IPAM: { Config: [{ Subnet: '192.168.10.0/23', Gateway: '192.168.11.1' }] },
  });
  const pc = await openColleague(lab.name);
  const close = (): void => {
    pc.close();
    docker.close();
  };
  return { ...lab, docker, pc, close };
}

export interface ConnectTimings {
  /** All in milliseconds. Inside the daemon, from the first request to the kernel to the announcement sent. */
  readonly attach: readonly number[];
  /** Until the request is answered, the ledger included. */
  readonly request: readonly number[];
  readonly dockerCommand: readonly number[];
  /** Without the start of a command. */
  readonly dockerCall: readonly number[];
}

/** What a start of a container leaves behind for all to do is over then. */
const restMs = 200;

/**
 * A new container each round, for at its first network of its own Docker sets more up: it gets one more link on the same
 * bridge from one of the two, loses it, and gets it from the other. The probe is off: Docker has none.
 */
export async function measureConnects({ docker, daemon }: DockerLab, rounds: number): Promise<ConnectTimings> {
  const timings = { attach: [] as number[], request: [] as number[], dockerCommand: [] as number[], dockerCall: [] as number[] };
  const shell = openShell();
  const query = { container: 'plain', network: 'office', address: '192.168.11.50' };
  const ip = '192.168.11.51';
  const attachOnce = async (): Promise<void> => {
    const begin = performance.now();
    const { attachMs } = await daemon.call<UpView>('POST', '/v1/attachments', { query });
    timings.request.push(performance.now() - begin);
    if (attachMs !== null) timings.attach.push(attachMs);
    await daemon.call('DELETE', '/v1/attachments/plain');
  };
  const connectOnce = async (round: number): Promise<void> => {
    const command = `docker --host unix://${docker.address} network connect --ip ${ip} ${dockerNetwork} plain`;
    if (round % 2 === 0) timings.dockerCommand.push(await shell.time(command));
    else timings.dockerCall.push(await timeOf(() => docker.networks.connect(dockerNetwork, 'plain', addressed(ip))));
    await docker.networks.disconnect(dockerNetwork, 'plain');
  };
  for (let round = 0; round < rounds; round += 1) {
    const { id } = await docker.containers.create({ Image: image, Cmd: ['sleep', '100000'] }, { name: 'plain' });
    await docker.containers.start(id);
    for (const once of round % 4 < 2 ? [attachOnce, connectOnce] : [connectOnce, attachOnce]) {
      await sleep(restMs);
      await once(round);
    }
    await docker.containers.remove(id, { force: true });
  }
  shell.close();
  return timings;
}

const addressed = (ip: string): EndpointSettings => ({ IPAMConfig: { IPv4Address: ip } });

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** Three services, each on its port. */
const services = [
  ['db', ['nc', '-ll', '-p', '5432', '-e', 'true']],
  ['api', ['nc', '-ll', '-p', '8080', '-e', 'true']],
  ['web', ['httpd', '-f', '-p', '80', '-h', '/www']],
] as const;

const address = '192.168.11.60';
const environment = {
  name: 'shop',
  'x-landline': { network: 'office', address },
  services: Object.fromEntries(services.map(([name, command]) => [name, { image, command }])),
};

export interface UpTimings {
  /** All in seconds, until the pc has opened a page. */
  readonly landline: readonly number[];
  readonly byHand: readonly number[];
  readonly compose: readonly number[];
}

export async function measureUps(lab: DockerLab, rounds: number): Promise<UpTimings> {
  // Opened once all is started: earlier the pc would ask for an address that nobody has, and then wait a whole second.
  const until = async (opens: string, work: () => Promise<unknown>): Promise<number> => {
    const begin = performance.now();
    await work();
    await lab.pc.open(opens);
    return (performance.now() - begin) / 1000;
  };
  const byHand = (name: string, opens: string, make: (it: string) => Promise<unknown>) => ({
    name,
    run: async () => {
      const took = await until(opens, () => make(opens));
      await removeAll(lab);
      return took;
    },
  });
  const took = await interleave(
    [
      {
        name: 'landline',
        run: async () => {
          const seconds = await until(address, () => up(lab));
          await lab.daemon.call('DELETE', '/v1/environments');
          return seconds;
        },
      },
      byHand('byHand', '192.168.11.61', (it) => makeByHand(lab, it)),
      byHand('compose', '192.168.11.62', (it) => makeAsCompose(lab, it)),
    ],
    rounds,
  );
  const of = (name: string): readonly number[] => took.get(name) ?? [];
  return { landline: of('landline'), byHand: of('byHand'), compose: of('compose') };
}

const up = ({ daemon }: DockerLab): Promise<EnvironmentView> =>
  daemon.call<EnvironmentView>('POST', '/v1/environments', { query: { wait: false }, body: JSON.stringify(environment) });

const handLabel = 'bench.hand';

async function create({ docker }: DockerLab, wish: ContainerCreate): Promise<string> {
  return (await docker.containers.create({ Image: image, Labels: { [handLabel]: '1' }, ...wish })).id;
}

/** The same every time, or the pc would ask for the one before. */
const macOf = (of: string): string => `02:00:00:00:11:${of.split('.')[3]}`;

/** An anchor, plumbed with `ip`, and three containers beside it. Nothing is probed, announced or remembered. */
async function makeByHand(lab: DockerLab, its: string): Promise<void> {
  const anchor = await create(lab, { Cmd: ['sleep', '100000'], HostConfig: { NetworkMode: 'none' } });
  await lab.docker.containers.start(anchor);
  const pid = (await lab.docker.containers.inspect(anchor))?.State.Pid ?? 0;
  await lab.read('host', ['sh', '-ec', plumb, 'sh', String(pid), its, macOf(its)]);
  await startServices(lab, anchor);
}

const plumb = `
ip link add ve-hand type veth peer name eth0 address $3 netns $1
ip link set ve-hand master br0 up
nsenter --net=/proc/$1/ns/net ip -batch - <<END
address add $2/23 dev eth0
link set eth0 up
route add default via 192.168.11.1
END`;

/** One container on the network, and three that share it: \`network_mode: service:net\`. */
async function makeAsCompose(lab: DockerLab, its: string): Promise<string> {
  const anchor = await create(lab, {
    Cmd: ['sleep', '100000'],
    MacAddress: macOf(its),
    HostConfig: { NetworkMode: dockerNetwork, RestartPolicy: { Name: 'always' } },
    NetworkingConfig: { EndpointsConfig: { [dockerNetwork]: { IPAMConfig: { IPv4Address: its } } } },
  });
  await lab.docker.containers.start(anchor);
  await startServices(lab, anchor);
  return anchor;
}

async function startServices(lab: DockerLab, anchor: string): Promise<void> {
  await Promise.all(
    services.map(async ([, command]) => {
      const HostConfig = { NetworkMode: `container:${anchor}`, RestartPolicy: { Name: 'always' } } as const;
      await lab.docker.containers.start(await create(lab, { Cmd: command, HostConfig }));
    }),
  );
}

async function removeAll({ docker }: DockerLab): Promise<void> {
  const all = await docker.containers.list({ label: [handLabel] });
  await Promise.all(all.map((it) => docker.containers.remove(it.Id, { force: true })));
}

export interface HealTimings {
  /** Seconds from the end of the anchor's process. */
  readonly landline: readonly number[];
  readonly dockerHeals: boolean;
}

/** The anchor's process is killed, as a fault would do it: Docker's own command would also tell Docker that it is wanted so. */
export async function measureHealing(lab: DockerLab, rounds: number): Promise<HealTimings> {
  const landline: number[] = [];
  await up(lab);
  let before = pidsOf(await lab.daemon.call<EnvironmentView>('GET', '/v1/environments/shop'));
  for (let round = 0; round < rounds; round += 1) {
    await killAnchor(lab, 'landline.shop');
    const begin = performance.now();
    let pids = before;
    // Those of before live on in the old sandbox, and answer from there until they are ended.
    while (pids.length < services.length || pids.some((it) => before.includes(it))) {
      await sleep(10);
      pids = pidsOf(await lab.daemon.call<EnvironmentView>('GET', '/v1/environments/shop'));
    }
    await lab.pc.open(address);
    landline.push((performance.now() - begin) / 1000);
    before = pids;
  }
  await lab.daemon.call('DELETE', '/v1/environments');
  return { landline, dockerHeals: await doesDockerHeal(lab) };
}

const pidsOf = ({ services: its }: EnvironmentView): readonly number[] =>
  its.flatMap(({ state, pid }) => (state === 'running' && pid !== null ? [pid] : []));

async function killAnchor({ docker, read }: DockerLab, container: string): Promise<void> {
  const pid = (await docker.containers.inspect(container))?.State.Pid ?? 0;
  await read('host', ['kill', '-9', String(pid)]);
}

/** What Docker's own restart policies make of the same. */
async function doesDockerHeal(lab: DockerLab): Promise<boolean> {
  const its = '192.168.11.63';
  const anchor = await makeAsCompose(lab, its);
  await lab.pc.open(its);
  await killAnchor(lab, anchor);
  await sleep(10_000);
  const { status } = await lab.exec('pc', ['curl', '--silent', '--max-time', '2', `http://${its}/`]);
  await removeAll(lab);
  return status === 0;
}
