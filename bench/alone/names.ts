/**
 * How fast names are claimed at a real BIND, beside nsupdate with the same updates; and how fast a zone is answered for,
 * beside dnsmasq, as dnsperf asks.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterUpdate, type Claim, firstStep, whileOurs } from '../../src/core/dns/claim.ts';
import { formatData } from '../../src/core/dns/format.ts';
import { limited } from '../../src/core/limited.ts';
import { type DnsClient, openDnsClient } from '../../src/daemon/dns/client.ts';
import { findDifferent } from '../../src/daemon/dns/sweep.ts';
import { ipv4 } from '../../src/net/ipv4.ts';
import { interleave } from '../measure.ts';
import type { Office } from './office.ts';

export interface NameTimings {
  /** Claims a second: eight under way, as the daemon has them; one after the other; nsupdate, one after the other. */
  readonly eight: readonly number[];
  readonly one: readonly number[];
  readonly nsupdate: readonly number[];
  /** Names a second that a zone which somebody has changed is gone through with: verified, and each written again. */
  readonly verified: readonly number[];
  readonly rewritten: readonly number[];
  /** Questions a second, and the mean time of an answer in milliseconds. */
  readonly served: Answering;
  readonly dnsmasq: Answering;
}

export interface Answering {
  readonly perSecond: readonly number[];
  readonly latency: readonly number[];
}

interface Options {
  readonly rounds: number;
}

const zone = 'test.office.example';
const secret = 'YSBrZXkgdGhhdCBvcGVucyBub3RoaW5nIGF0IGFsbC4=';
const claims = 300;
const served = 200;
const seconds = 2;

export async function measureNames(_office: Office, { rounds }: Options): Promise<NameTimings> {
  const folder = '/run/names';
  fs.mkdirSync(folder, { recursive: true });
  const servers = start(folder);
  try {
    const client = openDnsClient(
      {
        servers: [{ address: ipv4('127.0.0.1'), port: 5300 }],
        zone,
        reverse: [],
        key: { name: 'landline', algorithm: 'hmac-sha256', secretFile: `${folder}/key` },
        ttl: 60,
      },
      () => [],
    );
    await untilUp(client);
    const updates = await interleave(
      [
        { name: 'eight', run: (round) => claimAll(client, `e${round}`, 8) },
        { name: 'one', run: (round) => claimAll(client, `o${round}`, 1) },
        { name: 'nsupdate', run: async (round) => nsupdateAll(`n${round}`) },
      ],
      rounds,
    );
    const looks = await interleave(
      [
        { name: 'verified', run: (round) => verifyAll(client, `e${round}`) },
        { name: 'rewritten', run: (round) => claimAll(client, `e${round}`, 8, true) },
      ],
      rounds,
    );
    const answers = new Map([5301, 5302].map((port) => [port, { perSecond: [] as number[], latency: [] as number[] }]));
    const perf = (port: number) => ({ name: String(port), run: async () => ask(folder, port, answers.get(port)) });
    await interleave([perf(5301), perf(5302)], rounds);
    const of = (name: string): readonly number[] => updates.get(name) ?? looks.get(name) ?? [];
    const nothing = { perSecond: [], latency: [] };
    return {
      eight: of('eight'),
      one: of('one'),
      nsupdate: of('nsupdate'),
      verified: of('verified'),
      rewritten: of('rewritten'),
      served: answers.get(5301) ?? nothing,
      dnsmasq: answers.get(5302) ?? nothing,
    };
  } finally {
    for (const server of servers) server.kill('SIGKILL');
  }
}

function start(folder: string): readonly ChildProcess[] {
  fs.writeFileSync(`${folder}/key`, secret, { mode: 0o600 });
  const top = '$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n';
  fs.writeFileSync(`${folder}/zone`, top);
  fs.writeFileSync(
    `${folder}/named.conf`,
    `options { directory "${folder}"; pid-file none; lock-file none; session-keyfile "${folder}/session.key";
      listen-on port 5300 { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; };
    controls { };
    key landline { algorithm hmac-sha256; secret "${secret}"; };
    zone "${zone}" { type primary; file "zone"; allow-update { key landline; }; };`,
  );
  const names = Array.from({ length: served }, (_, index) => `host${index}.lab.office.example`);
  fs.writeFileSync(`${folder}/queries`, names.map((name) => `${name} A\n`).join(''));
  fs.writeFileSync(`${folder}/hosts`, names.map((name, index) => `192.168.11.${index + 1} ${name}\n`).join(''));
  const dnsmasq = `--no-daemon --conf-file --no-resolv --no-hosts --addn-hosts=${folder}/hosts --local=/lab.office.example/ --local-ttl=60
    --bind-interfaces --listen-address=127.0.0.1 --port=5302 --user=root --pid-file --log-facility=/dev/null`;
  return [
    spawn('named', ['-f', '-n', '1', '-c', `${folder}/named.conf`], { stdio: 'ignore' }),
    spawn('dnsmasq', dnsmasq.split(/\s+/), { stdio: 'ignore' }),
    spawn(process.execPath, [path.join(import.meta.dirname, 'name-server.ts'), '5301', String(served)], { stdio: 'ignore' }),
  ];
}

async function untilUp(client: DnsClient): Promise<void> {
  for (let count = 0; count < 100; count += 1) {
    const answered = [5301, 5302].every((port) => digs(port)) && (await client.serial(zone).catch(() => undefined)) !== undefined;
    if (answered) return;
    await sleep(100);
  }
  throw new Error('the name servers do not answer');
}

const digs = (port: number): boolean =>
  spawnSync('dig', ['@127.0.0.1', '-p', String(port), '+short', '+tries=1', '+time=1', 'host7.lab.office.example'], {
    encoding: 'utf8',
  }).stdout.trim() === '192.168.11.8';

const claimOf = (name: string, index: number): Claim => ({
  zone,
  name: `${name}-${index}.${zone}`,
  owner: { installation: 'benchmark', environment: name },
  ttl: 60,
  wanted: [{ kind: 'A', address: ipv4('192.168.10.1') + index }],
  former: undefined,
});

/** @param again they are its own already, and kept. @returns claims a second */
async function claimAll(client: DnsClient, name: string, atOnce: number, again = false): Promise<number> {
  const inTurn = limited(atOnce);
  const begin = performance.now();
  const work = Array.from({ length: claims }, (_, index) => async (): Promise<void> => {
    const claim = claimOf(name, index);
    const step = firstStep(again ? { ...claim, former: claim.wanted } : claim);
    if (step.do !== 'update') throw new Error('a claim begins with an update');
    const { rcode } = await client.update(step.update);
    if (afterUpdate(rcode).do !== 'done') throw new Error(`the claim of ${name} was refused`);
  });
  await Promise.all(work.map(inTurn));
  return claims / ((performance.now() - begin) / 1000);
}

/** @returns names a second that the server says stand as they should */
async function verifyAll(client: DnsClient, name: string): Promise<number> {
  const expected = Array.from({ length: claims }, (_, index) => {
    const claim = claimOf(name, index);
    return { name: claim.name, prerequisites: whileOurs(claim.name, claim.owner, claim.wanted) };
  });
  const begin = performance.now();
  const ask = async (prerequisites: (typeof expected)[0]['prerequisites']): Promise<number> =>
    (await client.update({ zone, prerequisites, changes: [] })).rcode;
  const different = await findDifferent(expected, ask);
  if (different.length > 0) throw new Error(`${different.length} names do not stand as they were written`);
  return claims / ((performance.now() - begin) / 1000);
}

/** The same updates as nsupdate's lines, in one process. */
function nsupdateAll(name: string): number {
  const lines = Array.from({ length: claims }, (_, index) => {
    const claim = claimOf(name, index);
    const records = [`TXT "landline:benchmark:${name}"`, ...claim.wanted.map(formatData)];
    return [`prereq nxdomain ${claim.name}`, ...records.map((record) => `update add ${claim.name} 60 ${record}`), 'send'].join(
      '\n',
    );
  });
  const input = `server 127.0.0.1 5300\nzone ${zone}\nkey hmac-sha256:landline ${secret}\n${lines.join('\n')}\n`;
  const begin = performance.now();
  execFileSync('nsupdate', { input, stdio: ['pipe', 'ignore', 'inherit'] });
  return claims / ((performance.now() - begin) / 1000);
}

/** @returns questions a second */
function ask(folder: string, port: number, into: { perSecond: number[]; latency: number[] } | undefined): number {
  const options = `-s 127.0.0.1 -p ${port} -d ${folder}/queries -l ${seconds} -c 4 -q 20`;
  const text = execFileSync('dnsperf', options.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const figure = (label: string): number => Number(new RegExp(`${label}[^:]*:\\s+([\\d.]+)`).exec(text)?.[1]);
  if (!/NOERROR \d+ \(100\.00%\)/.test(text)) throw new Error(`not every question was answered:\n${text}`);
  into?.perSecond.push(figure('Queries per second'));
  into?.latency.push(figure('Average Latency') * 1000);
  return figure('Queries per second');
}
