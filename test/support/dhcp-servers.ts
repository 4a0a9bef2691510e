/** Other people's DHCP servers on the office's machine `server`, and what they themselves say that they did. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { labSecret } from '../../src/lab/bind.ts';
import type { Office } from '../office.ts';

export interface DhcpServer {
  start(): Promise<void>;
  /** kill -9, as power loss would. */
  stop(): Promise<void>;
  /** STOP: it hears, and says nothing until CONT. */
  signal(name: 'STOP' | 'CONT'): Promise<void>;
  /** All that it has written: its log, and its file of leases. */
  log(): Promise<string>;
  leases(): Promise<string>;
}

type Names = Pick<Office, 'read' | 'exec' | 'folder' | 'pidOf'>;

/** kill -9, and it is gone when this returns: its port is free for the next one. */
const killed = (program: string): string[] => [
  'sh',
  '-c',
  `pid=$(pidof ${program}); kill -9 $pid; while [ -e /proc/$pid ]; do sleep 0.01; done`,
];

/** The lab's own dnsmasq is put away. */
export async function stopLabServer(office: Names): Promise<void> {
  await office.read('server', killed('dnsmasq'));
}

function server(office: Names, program: string, command: string, leaseFile: string): DhcpServer {
  const root = `/proc/${office.pidOf('server')}/root`;
  const log = `/var/log/${program}.log`;
  const text = async (file: string): Promise<string> =>
    fs.existsSync(`${root}${file}`) ? fs.readFileSync(`${root}${file}`, 'utf8') : '';
  return {
    start: async () => {
      await office.read('server', ['sh', '-c', `setsid ${command} >>${log} 2>&1 </dev/null &`]);
      // Each of them opens a socket on port 67, of UDP or of packets.
      for (let tries = 0; tries < 100; tries += 1) {
        await sleep(50);
        const { stdout } = await office.exec('server', [
          'sh',
          '-c',
          `cat /proc/$(pidof ${program})/status /proc/net/udp 2>/dev/null`,
        ]);
        if (/:0043 /.test(stdout)) return;
      }
      throw new Error(`${program} does not listen: ${await text(log)}`);
    },
    stop: async () => {
      await office.read('server', killed(program));
    },
    signal: async (name) => void (await office.read('server', ['sh', '-c', `kill -s ${name} $(pidof ${program})`])),
    log: () => text(log),
    leases: () => text(leaseFile),
  };
}

const write = (office: Names, name: string, content: string): string => {
  const file = path.join(office.folder, name);
  fs.writeFileSync(file, content);
  return file;
};

/** What Kea says beside addresses. */
interface KeaOptions {
  readonly pool?: string;
  readonly resolver?: string;
  readonly mtu?: string;
  /** A server that knows nothing of the one before. */
  readonly forgets?: true;
  /** Its log tells what came from where, and what it was told of names. */
  readonly talkative?: true;
}

/** Kea, whose leases may last seconds. */
export function kea(
  office: Names,
  times: { readonly lease: number; readonly renew?: number; readonly rebind?: number },
  { pool = '192.168.10.100 - 192.168.10.199', resolver = '192.168.11.2', mtu, forgets, talkative }: KeaOptions = {},
): DhcpServer {
  const { lease, renew, rebind } = times;
  const leases = forgets === true ? '/var/lib/kea-anew.csv' : '/var/lib/kea.csv';
  const configuration = {
    Dhcp4: {
      'interfaces-config': { interfaces: ['eth0'] },
      'lease-database': { type: 'memfile', persist: true, name: leases, 'lfc-interval': 0 },
      'valid-lifetime': lease,
      ...(renew === undefined ? {} : { 'renew-timer': renew }),
      ...(rebind === undefined ? {} : { 'rebind-timer': rebind }),
      authoritative: true,
      'ddns-replace-client-name': 'never',
      subnet4: [
        {
          id: 1,
          subnet: '192.168.10.0/23',
          pools: [{ pool }],
          'option-data': [
            { name: 'routers', data: '192.168.11.1' },
            { name: 'domain-name-servers', data: resolver },
            ...(mtu === undefined ? [] : [{ name: 'interface-mtu', data: mtu }]),
          ],
        },
      ],
      loggers: [
        {
          name: 'kea-dhcp4',
          ...(talkative === undefined ? { severity: 'INFO' } : { severity: 'DEBUG', debuglevel: 55 }),
          output_options: [{ output: 'stdout' }],
        },
      ],
    },
  };
  const file = write(office, 'kea.json', JSON.stringify(configuration));
  return server(office, 'kea-dhcp4', `env KEA_PIDFILE_DIR=/run KEA_LOCKFILE_DIR=none kea-dhcp4 -c ${file}`, leases);
}

/** How often Kea has said that it gave, or renewed, an address. */
export const grantsOf = (log: string): number => log.split('DHCP4_LEASE_ALLOC').length - 1;

/** What makes dhcpd register names in the office's BIND. */
const registering = `ddns-update-style standard; ddns-domainname "test.office.example";
     key landline { algorithm hmac-sha256; secret "${labSecret}"; }
     zone test.office.example. { primary 127.0.0.1; key landline; }
     zone 10.168.192.in-addr.arpa. { primary 127.0.0.1; key landline; }`;

/** ISC dhcpd, which registers the names of its clients. */
export function dhcpd(office: Names, seconds: number): DhcpServer {
  const file = write(
    office,
    'dhcpd.conf',
    `authoritative; ${registering} default-lease-time ${seconds}; max-lease-time ${seconds}; min-lease-time ${seconds};
     option classless code 121 = array of unsigned integer 8;
     subnet 192.168.10.0 netmask 255.255.254.0 {
       range 192.168.10.100 192.168.10.199;
       option domain-name-servers 192.168.11.3;
       option domain-name "lab.office.example";
       option interface-mtu 1400;
       option classless 24, 10,60,0, 192,168,11,9, 0, 192,168,11,1;
     }`,
  );
  const leases = '/var/lib/dhcpd.leases';
  return server(office, 'dhcpd', `sh -c 'touch ${leases}; exec dhcpd -4 -d -cf ${file} -lf ${leases} --no-pid eth0'`, leases);
}

/** dnsmasq, with a range of its own. */
export function dnsmasq(office: Names, range: string): DhcpServer {
  const leases = '/var/lib/dnsmasq.leases';
  const options = `--keep-in-foreground --conf-file=/dev/null --user=root --port=0 --dhcp-authoritative --no-ping --log-dhcp --log-facility=-`;
  return server(
    office,
    'dnsmasq',
    `dnsmasq ${options} --dhcp-leasefile=${leases} --dhcp-range=${range},255.255.254.0,2m --dhcp-option=3,192.168.11.1`,
    leases,
  );
}
