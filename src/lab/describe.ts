/**
 * The office as a value: machines, their links and files, and the cables between them. Nothing here acts.
 *
 *                   switch
 *     router ────┬── server ──┬── pc ──┬── host        192.168.10.0/23
 *       │
 *   branch-pc                                          10.50.0.0/24
 */
import path from 'node:path';
import type { Mac } from '../net/mac.ts';
import { bindFiles, bindProgram, dnsYaml, labSecret } from './bind.ts';
import { dhcpProgram } from './dhcp.ts';

/** One end of a cable, or a bridge over some of the machine's NICs. Addresses carry their prefix. */
export type MachineLink =
  | { readonly kind: 'nic'; readonly name: string; readonly mac: Mac; readonly address?: string }
  | {
      readonly kind: 'bridge';
      readonly name: string;
      readonly mac: Mac;
      readonly address?: string;
      readonly ports: readonly string[];
    };

/** A program that runs in a machine from the start. */
export interface Program {
  readonly name: string;
  /** Program and arguments; `<repository>/bin` comes first in the PATH. */
  readonly command: readonly string[];
  /** File inside the machine that its output is appended to. */
  readonly log: string;
  /** Path inside the machine of a unix socket that speaks HTTP once the program is ready. */
  readonly socket?: string;
  /** TCP port that the program listens on once it is ready. */
  readonly port?: number;
  /** The office does without it where this machine has not got it. */
  readonly optional?: true;
}

export interface Machine {
  readonly name: string;
  readonly links: readonly MachineLink[];
  /** The default route's router. */
  readonly gateway?: string;
  /** Whether it passes packets on between its links. */
  readonly forwards: boolean;
  /** Text files that shadow the machine's own, by absolute path below /etc. */
  readonly files: Readonly<Record<string, string>>;
  /** The same for files that nobody but root may read. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly programs: readonly Program[];
}

/** A veth pair, named by machine and link. */
export interface Cable {
  readonly from: readonly [machine: string, link: string];
  readonly to: readonly [machine: string, link: string];
}

export interface Office {
  readonly machines: readonly Machine[];
  readonly cables: readonly Cable[];
}

/** What one may choose about the office. */
export interface OfficeOptions {
  /** The host's address is on ens33 and there is no br0: the host before its bridge conversion. */
  readonly plainNic: boolean;
  /** Whether `landline daemon` runs in `host`. */
  readonly daemon: boolean;
  /** Whether a Docker of its own runs in `host`. */
  readonly docker: boolean;
  /** Whether there is a second LAN: the router's eth2, depot-pc, and a bridge br1 over another NIC of the host. */
  readonly secondLan?: boolean;
  /** Whether BIND runs on the server, and the host's names are registered there. */
  readonly dns?: boolean;
}

/** Folders of which each machine has its own, empty at first. */
export const ownFolders = ['/var/lib/landline', '/var/log', '/etc/landline'] as const;

/** MACs are readable by number: `52:54:00:00:00:20` is the host's. */
const mac = (number: string): Mac => `52:54:00:00:00:${number}`;

export function describeOffice(options: OfficeOptions): Office {
  const stations = [router(options), server(options), pc(), host(options)];
  const second = options.secondLan === true ? secondLan() : { machines: [], cables: [] };
  return {
    machines: [lanSwitch(stations.map((it) => it.name)), ...stations, branchPc(), ...second.machines],
    cables: [
      ...stations.map((it): Cable => ({ from: ['switch', it.name], to: [it.name, it.links[0]?.name ?? ''] })),
      { from: ['router', 'eth1'], to: ['branch-pc', 'eth0'] },
      ...second.cables,
    ],
  };
}

/** The depot, 10.60.0.0/24: a switch, a colleague, the same router, and the host once more. */
function secondLan(): Office {
  const ends: readonly (readonly [port: string, link: string])[] = [
    ['router', 'eth2'],
    ['depot-pc', 'eth0'],
    ['host', 'ens34'],
  ];
  const ports = ends.map(([name], at): MachineLink => ({ kind: 'nic', name, mac: mac(`e${at + 1}`) }));
  const bridge: MachineLink = { kind: 'bridge', name: 'lan', mac: mac('e0'), ports: ends.map(([name]) => name) };
  const depotPc = {
    ...machine('depot-pc', [{ kind: 'nic', name: 'eth0', mac: mac('62'), address: '10.60.0.20/24' }]),
    gateway: '10.60.0.1',
  };
  return {
    machines: [machine('depot-switch', [...ports, bridge]), depotPc],
    cables: ends.map(([name, link]): Cable => ({ from: ['depot-switch', name], to: [name, link] })),
  };
}

/** The switch: a port for each station, named after it. */
function lanSwitch(stations: readonly string[]): Machine {
  const ports = stations.map((name, at): MachineLink => ({ kind: 'nic', name, mac: mac(`f${at + 1}`) }));
  return machine('switch', [...ports, { kind: 'bridge', name: 'lan', mac: mac('f0'), ports: stations }]);
}

const router = ({ secondLan }: OfficeOptions): Machine => ({
  ...machine('router', [
    { kind: 'nic', name: 'eth0', mac: mac('01'), address: '192.168.11.1/23' },
    { kind: 'nic', name: 'eth1', mac: mac('51'), address: '10.50.0.1/24' },
    ...(secondLan === true ? [{ kind: 'nic', name: 'eth2', mac: mac('61'), address: '10.60.0.1/24' } as const] : []),
  ]),
  forwards: true,
});

/** Where the company's DHCP and DNS are. */
function server(options: OfficeOptions): Machine {
  const base = station('server', { kind: 'nic', name: 'eth0', mac: mac('02'), address: '192.168.11.2/23' });
  return {
    ...base,
    files: { ...base.files, ...(options.dns === true ? bindFiles : {}) },
    programs: [dhcpProgram, ...(options.dns === true ? [bindProgram] : [])],
  };
}

const pc = (): Machine => station('pc', { kind: 'nic', name: 'eth0', mac: mac('10'), address: '192.168.10.20/23' });

const branchPc = (): Machine => ({
  ...machine('branch-pc', [{ kind: 'nic', name: 'eth0', mac: mac('52'), address: '10.50.0.20/24' }]),
  gateway: '10.50.0.1',
});

function host(options: OfficeOptions): Machine {
  const nic = { kind: 'nic', name: 'ens33', mac: mac('20') } as const;
  const address = '192.168.11.20/23';
  const bridge = { kind: 'bridge', name: 'br0', mac: nic.mac, address, ports: [nic.name] } as const;
  const depot = options.secondLan === true ? depotLinks : [];
  const base = options.plainNic ? station('host', { ...nic, address }, ...depot) : station('host', nic, bridge, ...depot);
  const configuration = options.secondLan === true ? landlineYaml + depotYaml : landlineYaml;
  return {
    ...base,
    files: { ...base.files, '/etc/landline/landline.yaml': options.dns === true ? configuration + dnsYaml : configuration },
    secrets: options.dns === true ? { '/etc/landline/tsig.key': `${labSecret}\n` } : {},
    programs: [...(options.docker ? [dockerProgram] : []), ...(options.daemon ? [daemonProgram] : [])],
  };
}

/** The host has no address there, so that it is no way round the router. */
const depotLinks: readonly MachineLink[] = [
  { kind: 'nic', name: 'ens34', mac: mac('64') },
  { kind: 'bridge', name: 'br1', mac: mac('64'), ports: ['ens34'] },
];

const daemonProgram: Program = {
  name: 'landline',
  command: ['landline', 'daemon'],
  log: '/var/log/landline.log',
  socket: '/run/landline/landline.sock',
};

const dockerProgram: Program = {
  name: 'docker',
  command: ['sh', path.join(import.meta.dirname, 'dockerd.sh')],
  log: '/var/log/docker.log',
  socket: '/run/docker.sock',
};

const landlineYaml = `networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    gateway: 192.168.11.1
    pool: [192.168.11.100-192.168.11.250]
    exclude: [192.168.11.200]
    resolvers: [192.168.11.2]
    domain: test.office.example
`;

const depotYaml = `  depot:
    bridge: br1
    subnet: 10.60.0.0/24
    gateway: 10.60.0.1
    pool: [10.60.0.100-10.60.0.200]
`;

const station = (name: string, ...links: readonly MachineLink[]): Machine => ({
  ...machine(name, links),
  gateway: '192.168.11.1',
});

function machine(name: string, links: readonly MachineLink[]): Machine {
  return { name, links, forwards: false, files: ownNames(name, links), secrets: {}, programs: [] };
}

function ownNames(name: string, links: readonly MachineLink[]): Readonly<Record<string, string>> {
  const address = links.find((it) => it.address !== undefined)?.address?.split('/')[0] ?? '127.0.1.1';
  return {
    '/etc/hostname': `${name}\n`,
    '/etc/hosts': `127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n${address} ${name}.test.office.example ${name}\n`,
    '/etc/resolv.conf': 'nameserver 192.168.11.2\nsearch test.office.example\n',
  };
}
