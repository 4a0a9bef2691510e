/**
 * The company's DNS: BIND on the server, with the zone of the office and its reverse zones, which take updates that are
 * signed with the host's key. The key is everybody's who reads this: it opens nothing outside of a lab.
 */
import type { Program } from './describe.ts';

const zone = 'test.office.example';
const reverseZones = ['10.168.192.in-addr.arpa', '11.168.192.in-addr.arpa', '0.50.10.in-addr.arpa'];

/** Of the key `landline`, hmac-sha256. */
export const labSecret = 'YSBrZXkgdGhhdCBvcGVucyBub3RoaW5nIGF0IGFsbC4=';

/** Names that the office's machines have from the start. */
const machines: Readonly<Record<string, string>> = {
  router: '192.168.11.1',
  server: '192.168.11.2',
  pc: '192.168.10.20',
  host: '192.168.11.20',
  'branch-pc': '10.50.0.20',
};

const top = (it: string): string => `$ORIGIN ${it}.
$TTL 60
@ SOA server.${zone}. hostmaster.${zone}. 1 3600 600 86400 30
@ NS server.${zone}.
`;

const zoneFile = (): string =>
  top(zone) +
  Object.entries(machines)
    .map(([name, address]) => `${name} A ${address}\n`)
    .join('');

function reverseFile(it: string): string {
  const lines = Object.entries(machines).flatMap(([name, address]) => {
    const whole = `${address.split('.').reverse().join('.')}.in-addr.arpa`;
    return whole.endsWith(`.${it}`) ? [`${whole}. PTR ${name}.${zone}.\n`] : [];
  });
  return top(it) + lines.join('');
}

/** What changes lies where a confined BIND may write, on Debian and elsewhere. */
const folder = '/var/lib/bind';

const zoneClause = (it: string): string =>
  `zone "${it}" { type primary; file "${folder}/db.${it}"; allow-update { key landline; }; };\n`;

const configuration = `options {
  directory "${folder}";
  pid-file none;
  lock-file none;
  session-keyfile "${folder}/session.key";
  listen-on { any; };
  listen-on-v6 { none; };
  allow-query { any; };
  recursion no;
  dnssec-validation no;
  empty-zones-enable no;
  notify no;
};
controls { };
key landline { algorithm hmac-sha256; secret "${labSecret}"; };
${[zone, ...reverseZones].map(zoneClause).join('')}`;

const source = '/etc/bind/office';

export const bindFiles: Readonly<Record<string, string>> = {
  [`${source}/named.conf`]: configuration,
  [`${source}/db.${zone}`]: zoneFile(),
  ...Object.fromEntries(reverseZones.map((it) => [`${source}/db.${it}`, reverseFile(it)])),
};

/** Zones that were changed outlive a restart; as root, since the machine's folders are root's. */
export const bindProgram: Program = {
  name: 'named',
  command: [
    'sh',
    '-c',
    `mkdir -p ${folder} && cp --no-clobber ${source}/db.* ${folder} && exec named -f -n 1 -c ${source}/named.conf`,
  ],
  log: '/var/log/named.log',
  port: 53,
};

/** For the host's landline.yaml. */
export const dnsYaml = `dns:
  update:
    server: 192.168.11.2
    zone: ${zone}
    reverse: [10.168.192.in-addr.arpa, 11.168.192.in-addr.arpa]
    key: { name: landline, algorithm: hmac-sha256, secretFile: /etc/landline/tsig.key }
    ttl: 60
`;
