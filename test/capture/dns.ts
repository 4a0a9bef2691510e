/** Captures of DNS: what dig, nsupdate, BIND and dnsmasq say to each other, as tcpdump saw it pass. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeMessage, type Message, rcodeName } from '../../src/wire/dns/message.ts';
import { writeCapture } from '../support/captures.ts';
import { messageToJson } from '../support/dns-notation.ts';
import { framesWhile, type Shown } from './tcpdump.ts';
import { today, versions } from './versions.ts';

const folder = new URL('../../src/wire/dns/captures/', import.meta.url);
const bind = '192.168.11.2';
const dnsmasq = '192.168.11.3';

/** Known to everybody who reads this: a capture can be verified by whoever has its key. */
const secrets = {
  'hmac-sha256': Buffer.from('a key of the captures, 256 bits.').toString('base64'),
  'hmac-sha384': Buffer.from('a key of the captures, for SHA-384, which has 48.').toString('base64'),
  'hmac-sha512': Buffer.from('a key of the captures, for SHA-512, which has sixty-four bytes..').toString('base64'),
  'hmac-sha1': Buffer.from('a key for SHA-1.').toString('base64'),
};

const key = (algorithm: keyof typeof secrets, name = algorithm as string): string => `${algorithm}:${name} ${secrets[algorithm]}`;
const flag = (algorithm: keyof typeof secrets): string => `${algorithm}:${algorithm}:${secrets[algorithm]}`;

const zoneFile = `$ORIGIN test.office.example.
$TTL 60
@ SOA server hostmaster 1 3600 600 86400 30
@ NS server
server A 192.168.11.2
server AAAA 2001:db8::2
printer A 192.168.10.77
www CNAME server
_http._tcp SRV 10 20 80 server
odd\\.label TXT "landline:office:shop" "" "two \\"texts\\" \\255"
https TYPE65 \\# 3 000100
many A 192.168.10.1
${Array.from({ length: 40 }, (_, index) => `many A 192.168.11.${100 + index}`).join('\n')}
`;

const reverseFile = `$ORIGIN 10.168.192.in-addr.arpa.
$TTL 60
@ SOA server.test.office.example. hostmaster.test.office.example. 1 3600 600 86400 30
@ NS server.test.office.example.
77 PTR printer.test.office.example.
`;

const namedConf = `options {
  directory "/run/bind"; pid-file none; session-keyfile "/run/bind/session.key"; lock-file none;
  listen-on { ${bind}; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; minimal-responses no;
};
controls { };
${Object.entries(secrets)
  .map(([name, secret]) => `key "${name}" { algorithm ${name}; secret "${secret}"; };`)
  .join('\n')}
zone "test.office.example" { type primary; file "forward"; allow-update { key hmac-sha256; key hmac-sha384; key hmac-sha512; key hmac-sha1; }; };
zone "10.168.192.in-addr.arpa" { type primary; file "reverse"; };
`;

interface Case {
  readonly command: string;
  /** For nsupdate. */
  readonly stdin?: readonly string[];
  readonly programs: readonly string[];
}

const dig = (what: string, server = bind): Case => ({
  command: `dig @${server} +tries=1 ${what}`,
  programs: ['dig', server === bind ? 'named' : 'dnsmasq'],
});
const nsupdate = (keyText: string, ...lines: readonly string[]): Case => ({
  command: 'nsupdate',
  stdin: [`server ${bind}`, 'zone test.office.example', `key ${keyText}`, ...lines, 'send'],
  programs: ['nsupdate', 'named'],
});

const shop = 'shop.test.office.example';

/** Each causes a request and an answer. */
const cases: Readonly<Record<string, Case>> = {
  a: dig('server.test.office.example A'),
  'a-case': dig('+noedns SeRVer.teST.office.example A'),
  aaaa: dig('server.test.office.example AAAA'),
  soa: dig('test.office.example SOA'),
  ns: dig('test.office.example NS'),
  cname: dig('www.test.office.example A'),
  srv: dig('_http._tcp.test.office.example SRV'),
  txt: dig('odd\\\\.label.test.office.example TXT'),
  unknown: dig('https.test.office.example TYPE65'),
  ptr: dig('-x 192.168.10.77'),
  any: dig('+notcp server.test.office.example ANY'),
  nodata: dig('printer.test.office.example AAAA'),
  nxdomain: dig('nobody.test.office.example A'),
  refused: dig('www.example.com A'),
  truncated: dig('+noedns +ignore many.test.office.example A'),
  badvers: dig('+edns=1 +noednsnegotiation server.test.office.example A'),
  'edns-options': dig('+nsid +cookie=0123456789abcdef +bufsize=1400 +dnssec server.test.office.example A'),
  signed: dig(`-y ${flag('hmac-sha256')} server.test.office.example A`),
  // As from a clock that is an hour ahead: BIND's answer is signed, and tells its own time.
  'signed-badtime': dig(`-y ${flag('hmac-sha256')} +fuzztime=$(($(date +%s) + 3600)) server.test.office.example A`),
  'dnsmasq-a': dig('server.test.office.example A', dnsmasq),
  'dnsmasq-ptr': dig('-x 192.168.10.77', dnsmasq),
  'dnsmasq-nxdomain': dig('nobody.test.office.example A', dnsmasq),
  'dnsmasq-txt': dig('note.test.office.example TXT', dnsmasq),
  'update-claim': nsupdate(
    key('hmac-sha256'),
    `prereq nxdomain ${shop}`,
    `update add ${shop} 60 A 192.168.11.101`,
    `update add ${shop} 60 AAAA 2001:db8::101`,
    `update add ${shop} 60 TXT "landline:office:shop"`,
  ),
  'update-taken': nsupdate(key('hmac-sha384'), `prereq nxdomain ${shop}`, `update add ${shop} 60 A 192.168.11.102`),
  'update-follow': nsupdate(
    key('hmac-sha512'),
    `prereq yxrrset ${shop} TXT "landline:office:shop"`,
    `prereq nxrrset ${shop} CNAME`,
    `update delete ${shop} A 192.168.11.101`,
    `update add ${shop} 60 A 192.168.11.102`,
  ),
  'update-foreign': nsupdate(key('hmac-sha1'), `prereq yxrrset ${shop} TXT "landline:other:shop"`, `update delete ${shop}`),
  'update-remove': nsupdate(key('hmac-sha256'), `update delete ${shop} AAAA`, `update delete ${shop}`),
  'update-badkey': nsupdate(key('hmac-sha256', 'nobody'), `update add ${shop} 60 A 192.168.11.101`),
  'update-badsig': nsupdate(`hmac-sha256:hmac-sha256 ${secrets['hmac-sha512']}`, `update add ${shop} 60 A 192.168.11.101`),
};

export async function captureDns(): Promise<void> {
  fs.rmSync(folder, { recursive: true, force: true });
  for (const line of ['link set dev lo up', `address add ${bind}/23 dev lo`, `address add ${dnsmasq}/23 dev lo`])
    execFileSync('ip', line.split(' '), { stdio: 'inherit' });
  const servers = startServers();
  try {
    await sleep(1500);
    for (const [name, it] of Object.entries(cases)) await capture(name, it);
  } finally {
    for (const server of servers) server.kill();
  }
}

function startServers(): readonly ChildProcess[] {
  fs.mkdirSync('/run/bind');
  fs.writeFileSync('/run/bind/named.conf', namedConf);
  fs.writeFileSync('/run/bind/forward', zoneFile);
  fs.writeFileSync('/run/bind/reverse', reverseFile);
  const options = `--no-daemon --conf-file --no-resolv --no-hosts --bind-interfaces --listen-address=${dnsmasq} --local=/office.example/
    --address=/server.test.office.example/192.168.11.2 --ptr-record=77.10.168.192.in-addr.arpa,printer.test.office.example
    --txt-record=note.test.office.example,landline:office:shop --user=root --pid-file`;
  return [
    spawn('named', ['-f', '-n', '1', '-c', '/run/bind/named.conf'], { stdio: 'ignore' }),
    spawn('dnsmasq', options.split(/\s+/), { stdio: 'ignore' }),
  ];
}

async function capture(name: string, it: Case): Promise<void> {
  const datagrams = await datagramsOf(it);
  if (datagrams.length !== 2) throw new Error(`${name} caused ${datagrams.length} datagrams`);
  datagrams.forEach(({ bytes, reading }, index) => {
    const message = decodeMessage(bytes);
    agree(name, message, bytes.length, reading);
    const which = index === 0 ? 'request' : 'answer';
    const command =
      it.stdin === undefined ? it.command : `printf '%s\\n' ${it.stdin.map((line) => `'${line}'`).join(' ')} | ${it.command}`;
    const origin = { command, recorder: versions('tcpdump', ...it.programs), date: today() };
    writeCapture(folder, { ...origin, name: `${name}.${which}`, bytes, value: messageToJson(message) });
    console.log(`${name}.${which}: ${reading}`);
  });
}

const headers = 14 + 20 + 8;

/** What follows the headers of Ethernet, IPv4 and UDP. */
async function datagramsOf({ command, stdin }: Case): Promise<readonly Shown[]> {
  const frames = await framesWhile(['-i', 'lo', '-s', '0', 'udp and port 53'], /^(?=IP )/m, () => {
    const input = (stdin ?? []).map((line) => `${line}\n`).join('');
    spawnSync('sh', ['-c', command], { stdio: ['pipe', 'ignore', 'ignore'], timeout: 10_000, input });
  });
  return frames.map(({ bytes, reading }) => ({ bytes: bytes.slice(headers), reading }));
}

/** Whether our reading and tcpdump's agree: id, question, code, counts, length. */
function agree(name: string, it: Message, length: number, reading: string): void {
  const says = /: (\d+)(.*) \((\d+)\)$/.exec(reading);
  const same = (what: string, ours: unknown, theirs: unknown): void => {
    if (ours !== theirs)
      throw new Error(`${name}: ${what}: we read ${String(ours)}, tcpdump reads ${String(theirs)} in ${reading}`);
  };
  same('id', it.id, Number(says?.[1]));
  same('length', length, Number(says?.[3]));
  const rest = says?.[2] ?? '';
  const counts = /(\d+)\/(\d+)\/(\d+)/.exec(rest);
  if (counts !== null)
    same('counts', [it.answers, it.authorities, it.additionals].map((section) => section.length).join('/'), counts[0]);
  const question = /(\S+)\? (\S+)\. /.exec(rest);
  if (question !== null) same('the name', it.questions[0]?.name, question[2]);
  const rcode = / (NXDomain|Refused|YXDomain|NXRRSet|NotAuth|BadVers)/.exec(rest)?.[1];
  if (rcode !== undefined && rcode !== 'BadVers') same('the code', rcodeName(it.rcode), rcode.toUpperCase());
}
