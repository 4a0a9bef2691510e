/**
 * What a published port costs whoever connects, and how long it takes to publish one: Landline's maps beside the chains
 * of iptables as Docker makes them, in turns on the same host, to the same server.
 */
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { type PublishedPort, privateGateway } from '../../src/core/firewall/wish.ts';
import { privateLinkGroup } from '../../src/core/mark.ts';
import { firewallTables } from '../../src/daemon/firewall-tables.ts';
import { attachPrivate } from '../../src/daemon/private-endpoint.ts';
import { openNft } from '../../src/host/nft.ts';
import { formatIpv4, ipv4 } from '../../src/net/ipv4.ts';
import { prefix } from '../../src/net/prefix.ts';
import { interleave } from '../measure.ts';
import { openShell, type Shell } from '../shell.ts';
import type { Office } from './office.ts';

export interface PublishTimings {
  readonly ports: number;
  /** Milliseconds until a connection stands, each the median of many: by no firewall at all, and by a published port. */
  readonly straight: readonly number[];
  readonly landline: readonly number[];
  readonly docker: readonly number[];
  /** Milliseconds to publish one port more, or to take it back. */
  readonly changeLandline: readonly number[];
  readonly changeDocker: readonly number[];
}

interface Options {
  readonly sizes: readonly number[];
  readonly rounds: number;
}

const subnet = prefix('10.88.0.0/16');
const host = '192.168.11.20';
const server = '10.88.0.2';
const containerPort = 8080;
const firstPort = 20_000;
const installation = 'benchmark';
const group = privateLinkGroup(installation);

export async function measurePublishing(office: Office, { sizes, rounds }: Options): Promise<readonly PublishTimings[]> {
  const link = await prepare(office);
  const shell = openShell();
  const connect = openClient();
  const measured: PublishTimings[] = [];
  for (const ports of sizes) {
    const changeLandline: number[] = [];
    const changeDocker: number[] = [];
    const contender = (name: string, { make, change, remove }: Firewall, changes: number[]) => ({
      name,
      run: async () => {
        await make();
        const took = await connect(host, middleOf(ports));
        changes.push(await change());
        await remove();
        return took;
      },
    });
    const took = await interleave(
      [
        { name: 'straight', run: () => connect(server, containerPort) },
        contender('landline', landlineFirewall(ports), changeLandline),
        contender('docker', dockerFirewall(shell, link, ports), changeDocker),
      ],
      rounds,
    );
    const of = (name: string): readonly number[] => took.get(name) ?? [];
    const times = { straight: of('straight'), landline: of('landline'), docker: of('docker') };
    measured.push({ ports, ...times, changeLandline, changeDocker });
  }
  return measured;
}

/** A colleague on the bridge who goes by the host, and a server in a private sandbox. @returns the link to it */
async function prepare(office: Office): Promise<string> {
  for (const name of ['pc', 'server']) await office.addSandbox(name);
  await office.attach('pc', 1, 'off');
  execFileSync('ip', ['-n', 'pc', 'route', 'replace', 'default', 'via', host]);
  const gateway = privateGateway(subnet);
  const endpoint = {
    network: 'bridge',
    interface: 'eth0',
    mac: '02:00:00:00:88:02',
    mtu: 1500,
    address: prefix(`${server}/16`),
    gateway,
    routes: [{ to: prefix('0.0.0.0/0'), via: gateway }],
  };
  const mark = { installation, environment: 'server', interface: 'eth0' };
  await attachPrivate(office.host, { endpoint, mark, group, netns: '/run/netns/server', target: 'server' });
  // As Docker sets it.
  office.host.sysctl('ipv4/ip_forward', '1');
  await once(startInside('server', serve).stdout, 'data');
  const link = (await office.host.kernel.listLinks()).find((it) => it.group === group);
  if (link === undefined) throw new Error('the server has no link');
  return link.name;
}

const serve = `
import socket
listener = socket.create_server(('', ${containerPort}), backlog=1000)
print('ready', flush=True)
while True: listener.accept()[0].close()`;

/** The median of three hundred connections, each ended by a reset, so that none is left to wait. In seconds. */
const connectMany = `
import socket, struct, statistics, sys, time
def connect(address, port):
  it = socket.socket()
  it.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
  begin = time.perf_counter()
  it.connect((address, port))
  took = time.perf_counter() - begin
  it.close()
  return took
for line in sys.stdin:
  address, port = line.split()
  print(statistics.median(connect(address, int(port)) for _ in range(300)), flush=True)`;

function startInside(sandbox: string, program: string): ChildProcessByStdio<Writable, Readable, null> {
  return spawn('ip', ['netns', 'exec', sandbox, 'python3', '-c', program], { stdio: ['pipe', 'pipe', 'inherit'] });
}

/** @returns how to measure, in milliseconds */
function openClient(): (address: string, port: number) => Promise<number> {
  const child = startInside('pc', connectMany);
  const waiting: ((seconds: string) => void)[] = [];
  createInterface(child.stdout).on('line', (line) => waiting.shift()?.(line));
  child.once('exit', (status) => {
    throw new Error(`the client ended with status ${status}`);
  });
  return async (address, port) => {
    const answer = new Promise<string>((resolve) => waiting.push(resolve));
    child.stdin.write(`${address} ${port}\n`);
    return Number(await answer) * 1000;
  };
}

interface Firewall {
  make(): Promise<void>;
  /** Publishes one port more, and takes it back. @returns milliseconds for one of the two */
  change(): Promise<number>;
  remove(): Promise<void>;
}

/** A chain is looked through from its beginning: its middle is the average. */
const middleOf = (count: number): number => firstPort + Math.floor(count / 2);

/** Each leads into a sandbox of its own, and the middle one's is there. */
function portAt(at: number, count: number): PublishedPort {
  const hostPort = firstPort + at;
  const address = ipv4(server) + (hostPort === middleOf(count) ? 0 : 256 + at);
  return { hostPort, protocol: 'tcp', address, containerPort };
}

const portsOf = (count: number): PublishedPort[] => Array.from({ length: count }, (_, at) => portAt(at, count));

function landlineFirewall(count: number): Firewall {
  const tables = firewallTables(openNft());
  const wish = { subnet, group, guarded: [], ports: portsOf(count) };
  const more = { ...wish, ports: [...wish.ports, portAt(count, count)] };
  return {
    make: async () => void (await tables.change(wish)),
    change: async () => {
      const begin = performance.now();
      await tables.change(more);
      await tables.change(wish);
      return (performance.now() - begin) / 2;
    },
    remove: async () => void (await tables.change(undefined)),
  };
}

/** Three rules for a port, each by a process of its own, as dockerd does it. */
function dockerFirewall(shell: Shell, link: string, count: number): Firewall {
  const rulesOf = ({ address, hostPort }: PublishedPort): readonly (readonly [table: string, rule: string])[] => {
    const to = formatIpv4(address);
    return [
      ['nat', `DOCKER ! -i ${link} -p tcp -m tcp --dport ${hostPort} -j DNAT --to-destination ${to}:${containerPort}`],
      ['filter', `DOCKER -d ${to}/32 ! -i ${link} -o ${link} -p tcp -m tcp --dport ${containerPort} -j ACCEPT`],
      ['nat', `POSTROUTING -s ${to}/32 -d ${to}/32 -p tcp -m tcp --dport ${containerPort} -j MASQUERADE`],
    ];
  };
  const of = (table: string): string =>
    portsOf(count)
      .flatMap(rulesOf)
      .flatMap(([its, rule]) => (its === table ? [`-A ${rule}`] : []))
      .join('\n');
  const all = `*nat
:DOCKER -
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s ${formatIpv4(subnet.address)}/${subnet.length} ! -o ${link} -j MASQUERADE
-A DOCKER -i ${link} -j RETURN
${of('nat')}
COMMIT
*filter
:FORWARD DROP
:DOCKER -
:DOCKER-USER -
:DOCKER-ISOLATION-STAGE-1 -
:DOCKER-ISOLATION-STAGE-2 -
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o ${link} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o ${link} -j DOCKER
-A FORWARD -i ${link} ! -o ${link} -j ACCEPT
-A FORWARD -i ${link} -o ${link} -j ACCEPT
-A DOCKER-USER -j RETURN
-A DOCKER-ISOLATION-STAGE-1 -i ${link} ! -o ${link} -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o ${link} -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
${of('filter')}
COMMIT
`;
  const rules = rulesOf(portAt(count, count));
  const all3 = (action: string): string =>
    rules.map(([table, rule]) => `iptables --wait -t ${table} ${action} ${rule}`).join(' && ');
  return {
    make: async () => void execFileSync('iptables-restore', ['--wait'], { input: all }),
    change: async () => (await shell.time(`${all3('-A')} && ${all3('-D')}`)) / 2,
    // Other tables than these two are not here.
    remove: async () => void execFileSync('nft', ['flush', 'ruleset']),
  };
}
