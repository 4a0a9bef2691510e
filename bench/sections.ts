/** The measurements, in order, and what each says in the table. */

import type { ProbeProfile } from '../src/core/model.ts';
import { isDockerInstalled } from '../src/lab/index.ts';
import type { AttachTimings } from './alone/attach.ts';
import type { GrowthTimings } from './alone/growth.ts';
import type { NameTimings } from './alone/names.ts';
import type { PublishTimings } from './alone/publish.ts';
import { runAlone } from './alone.ts';
import { measureConnects, measureHealing, measureUps, openDockerLab } from './docker.ts';
import { knockEveryMs, measureGaps } from './gap.ts';
import { measureIdle } from './idle.ts';
import { type BenchLab, runMany, withBenchLab } from './lab.ts';
import { type LeaseTimings, measureLeaseMemory, measureLeases } from './leases.ts';
import { type ManyTimings, measureMany, measureManyByHand } from './many.ts';
import { spreadOf } from './measure.ts';
import { type Row, ratioText, spreadText } from './report.ts';

import { measureRestart } from './restart.ts';
import { measureStart } from './start.ts';
import { measureThroughput } from './throughput.ts';

/** How often each is done, and with how many. */
export interface Extent {
  readonly attaches: number;
  readonly starts: number;
  readonly publishes: number;
  readonly names: number;
  /** Counts of leases. */
  readonly leases: readonly number[];
  readonly streams: number;
  readonly manies: number;
  readonly restarts: number;
  /** Of one container to a network of Docker's. */
  readonly connects: number;
  /** Environments on Docker. */
  readonly dockers: number;
  readonly gaps: number;
}

/** So many environments and endpoints as the bars name, whatever the extent. */
const environments = 200;
const endpoints = 500;
const sizes = [1, 100, 500, 1000];
const published = [10, 100, 1000];
const idleSeconds = 60;

const median = (values: readonly number[]): number => spreadOf(values).median;

export async function attachRows({ attaches }: Extent): Promise<Row[]> {
  // Made by measureAttach, in the child.
  const it = (await runAlone('attach', { rounds: attaches })) as AttachTimings;
  const landline = spreadOf(it.landline);
  const beside = (what: string, values: readonly number[], bar?: number): Row => {
    const ratio = median(values) / landline.median;
    const asked = bar === undefined ? { bar: '', met: undefined } : { bar: `≥ ${bar} ×`, met: ratio >= bar };
    return {
      what: 'the same, call to return',
      landline: spreadText(landline, 'ms'),
      beside: `${what}: ${spreadText(spreadOf(values), 'ms')}`,
      ratio: ratioText(ratio),
      ...asked,
    };
  };
  const probed = it.probed.map((one) => one.attachMs);
  return [
    {
      what: 'attach inside the daemon, without probe',
      landline: spreadText(spreadOf(it.attach), 'ms'),
      beside: '',
      ratio: '',
      bar: '≤ 1.5 ms',
      met: median(it.attach) <= 1.5,
    },
    beside('CNI `bridge` as its documentation has it, with NAT', it.cniDocumented, 20),
    beside('CNI `bridge`, told to do just this', it.cni),
    beside('`ip`, six processes', it.ip),
    beside('`ip -batch`, two processes', it.ipBatch),
    {
      what: 'attach with the fast probe: without the probe’s own time',
      landline: spreadText(spreadOf(probed), 'ms'),
      beside: `the probe: ${spreadText(spreadOf(it.probed.map((one) => one.probeMs)), 'ms')}`,
      ratio: '',
      bar: '',
      met: undefined,
    },
  ];
}

export async function growthRows(): Promise<Row[]> {
  // Made by measureGrowth, in the child.
  const it = (await runAlone('growth', { sizes })) as GrowthTimings;
  const first = it.sizes[0]?.attach.median ?? Number.NaN;
  return it.sizes.map(({ endpoints: count, attach }) => ({
    what: `attach to a bridge with ${count} endpoint${count === 1 ? '' : 's'}`,
    landline: spreadText(attach, 'ms'),
    beside: count === 1 ? '' : 'the first ones',
    ratio: count === 1 ? '' : ratioText(attach.median / first),
    bar: '',
    met: undefined,
  }));
}

export async function nameRows({ names: rounds }: Extent): Promise<Row[]> {
  // Made by measureNames, in the child.
  const it = (await runAlone('names', { rounds })) as NameTimings;
  const plain = { bar: '', met: undefined };
  const beside = (what: string, own: readonly number[], name: string, other: readonly number[], unit: string): Row => ({
    what,
    landline: spreadText(spreadOf(own), unit),
    beside: `${name}: ${spreadText(spreadOf(other), unit)}`,
    ratio: ratioText(median(own) / median(other)),
    ...plain,
  });
  const nsupdate = '`nsupdate`, one process';
  return [
    beside('names claimed at BIND, eight under way as the daemon has them', it.eight, nsupdate, it.nsupdate, '/s'),
    beside('the same, one after the other', it.one, nsupdate, it.nsupdate, '/s'),
    beside('names verified in a zone that somebody changed', it.verified, 'each written again', it.rewritten, '/s'),
    beside('questions answered by `dns.serve`', it.served.perSecond, 'dnsmasq', it.dnsmasq.perSecond, '/s'),
    beside('mean time of an answer, 20 under way', it.served.latency, 'dnsmasq', it.dnsmasq.latency, 'ms'),
  ];
}

/** From servers that do not ping what they offer; our own pace is set aside. */
export async function leaseRows(lab: BenchLab, { leases }: Extent): Promise<Row[]> {
  const rows: Row[] = [];
  for (const count of leases)
    for (const server of ['Kea', 'dnsmasq'] as const) rows.push(...leaseRowsOf(await measureLeases(lab, server, count)));
  const bytes = await measureLeaseMemory(500);
  const memory = { what: 'memory of one lease', landline: `${(bytes / 1000).toFixed(1)} KB`, beside: '', ratio: '' };
  return [...rows, { ...memory, bar: '≤ 20 KB', met: bytes <= 20_000 }];
}

function leaseRowsOf(it: LeaseTimings): Row[] {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
  const beside = (what: string, ms: number, bytes: number): Row => ({
    what: `${it.count} leases from ${it.server}, none known before`,
    landline: `${seconds(it.landlineMs)}, ${seconds(it.processorMs)} of processor time`,
    beside: `${what}: ${seconds(ms)}, ${(bytes / it.count / 1000).toFixed(0)} KB each`,
    ratio: ratioText(ms / it.landlineMs),
    bar: '',
    met: undefined,
  });
  return [
    beside('a `udhcpc` for each', it.udhcpcMs, it.udhcpcBytes),
    beside('CNI’s dhcp daemon, one command for each', it.cniMs, it.cniBytes),
    {
      what: `${it.count} leases given back to ${it.server}, and their links taken away`,
      landline: seconds(it.downMs),
      beside: `${it.releases} arrived at the server`,
      ratio: '',
      bar: 'all',
      met: it.releases === it.count,
    },
  ];
}

export async function startRows(lab: BenchLab, { starts }: Extent): Promise<Row[]> {
  const it = await measureStart(lab, starts);
  const row = (what: string, values: readonly number[]): Row => {
    const ratio = median(values) / median(it.node);
    return {
      what,
      landline: spreadText(spreadOf(values), 'ms'),
      beside: `\`node -e 0\`: ${spreadText(spreadOf(it.node), 'ms')}`,
      ratio: ratioText(ratio),
      bar: '≤ 2 ×',
      met: ratio <= 2,
    };
  };
  return [
    row('a command: start, one question to the daemon, end (`landline ps`)', it.ps),
    row('`landline attach --pid`, without probe: start, attach, ledger, end', it.attach),
  ];
}

/** Beside the chains of iptables that dockerd makes. */
export async function publishRows({ publishes }: Extent): Promise<Row[]> {
  // Made by measurePublishing, in the child.
  const all = (await runAlone('publish', { sizes: published, rounds: publishes })) as readonly PublishTimings[];
  const plain = { bar: '', met: undefined };
  const added = all.map(({ ports, straight, landline, docker }): Row => {
    const more = (values: readonly number[]): number => (median(values) - median(straight)) * 1000;
    return {
      what: `a new connection by one of ${ports} published ports, more than without any firewall`,
      landline: `${more(landline).toFixed(0)} µs`,
      beside: `Docker’s rules in iptables: ${more(docker).toFixed(0)} µs`,
      ratio: ratioText(more(docker) / more(landline)),
      ...plain,
    };
  });
  const changed = all.map(({ ports, changeLandline, changeDocker }): Row => {
    const [own, other] = [spreadOf(changeLandline), spreadOf(changeDocker)];
    return {
      what: `one more published port beside ${ports}, or one less`,
      landline: spreadText(own, 'ms'),
      beside: `three times \`iptables\`: ${spreadText(other, 'ms')}`,
      ratio: ratioText(other.median / own.median),
      ...plain,
    };
  });
  return [...added, ...changed];
}

/** What a colleague misses while an environment, a service of it, or a container of plain Docker is put anew. */
export async function gapRows(extent: Extent): Promise<Row[]> {
  return onDocker((lab) => gapRowsOf(lab, extent), 'fast');
}

async function gapRowsOf(lab: BenchLab, { gaps }: Extent): Promise<Row[]> {
  const it = await measureGaps(lab, gaps);
  const row = (what: string, values: readonly number[]): Row => ({
    what,
    landline: spreadText(spreadOf(values), 'ms'),
    beside: `\`docker stop\`, \`rm\`, \`run\`: ${spreadText(spreadOf(it.byHand), 'ms')}`,
    // What is shorter than the time between two knocks is not known better.
    ratio: `${median(values) < knockEveryMs ? '≥ ' : ''}${ratioText(median(it.byHand) / Math.max(knockEveryMs, median(values)))}`,
    bar: '',
    met: undefined,
  });
  const unanswered = `nobody answers, with a knock every ${knockEveryMs} ms`;
  return [
    row(`a whole environment anew (\`up --swap\`): ${unanswered}`, it.swap),
    row(`its one service anew (\`replace\`): ${unanswered}`, it.replace),
  ];
}

export async function throughputRows(lab: BenchLab, { streams }: Extent): Promise<Row[]> {
  const it = await measureThroughput(lab, streams);
  const ratio = median(it.environment) / median(it.byHand);
  return [
    {
      what: 'TCP from the pc to an environment',
      landline: spreadText(spreadOf(it.environment), 'Gbit/s'),
      beside: `a veth made by hand: ${spreadText(spreadOf(it.byHand), 'Gbit/s')}`,
      ratio: ratioText(ratio),
      bar: '≥ 0.95 ×',
      met: ratio >= 0.95,
    },
  ];
}

export async function manyRows(lab: BenchLab, { manies }: Extent): Promise<Row[]> {
  const landline: ManyTimings[] = [];
  const byHand: ManyTimings[] = [];
  for (let round = 0; round < manies; round += 1) {
    landline.push(await measureMany(lab, environments));
    byHand.push(await measureManyByHand(lab, environments));
  }
  const row = (what: string, of: (it: ManyTimings) => number, bar?: number): Row => {
    const [own, other] = [landline.map(of), byHand.map(of)].map((values) => spreadOf(values.map((ms) => ms / 1000)));
    if (own === undefined || other === undefined) throw new Error('no measurement');
    const asked = bar === undefined ? { bar: '', met: undefined } : { bar: `≤ ${bar} s`, met: own.median <= bar };
    return {
      what,
      landline: spreadText(own, 's'),
      beside: `a script of \`ip\`: ${spreadText(other, 's')}`,
      ratio: ratioText(other.median / own.median),
      ...asked,
    };
  };
  return [
    row(`${environments} native environments up, and each opened from the pc`, (it) => it.openedMs, 5),
    row(`\`down --all\` of ${environments}, until the last address is off the wire`, (it) => it.downMs),
  ];
}

/** In an office whose host has a Docker; none where Docker is not installed. */
export async function dockerRows(extent: Extent): Promise<Row[]> {
  return onDocker((lab) => dockerRowsOf(lab, extent), 'off');
}

async function onDocker(body: (lab: BenchLab) => Promise<Row[]>, probe: ProbeProfile): Promise<Row[]> {
  if (isDockerInstalled()) return withBenchLab(body, probe, { docker: true });
  process.stderr.write('dockerd is not installed: left out\n');
  return [];
}

async function dockerRowsOf(lab: BenchLab, { connects, dockers }: Extent): Promise<Row[]> {
  const docker = await openDockerLab(lab);
  try {
    const connect = await measureConnects(docker, connects);
    const up = await measureUps(docker, dockers);
    const heal = await measureHealing(docker, dockers);
    const plain = { bar: '', met: undefined };
    const beside = (what: string, own: readonly number[], name: string, other: readonly number[], unit: string): Row => ({
      what,
      landline: spreadText(spreadOf(own), unit),
      beside: `${name}: ${spreadText(spreadOf(other), unit)}`,
      ratio: ratioText(median(other) / median(own)),
      ...plain,
    });
    const ratio = median(connect.dockerCommand) / median(connect.attach);
    const command = '`docker network connect` to the same bridge';
    const call = 'the call that this command makes';
    const environment = 'an environment of three containers, until it is opened from the pc';
    return [
      {
        ...beside('attach to a running container, inside the daemon', connect.attach, command, connect.dockerCommand, 'ms'),
        bar: '≥ 100 ×',
        met: ratio >= 100,
      },
      beside('the same', connect.attach, call, connect.dockerCall, 'ms'),
      beside('the same, as a request to the daemon', connect.request, call, connect.dockerCall, 'ms'),
      beside(environment, up.landline, 'the calls to Docker alone, and `ip`', up.byHand, 's'),
      beside('the same', up.landline, 'on a network of Docker’s, as Compose calls it', up.compose, 's'),
      {
        what: 'anchor killed, until all three run anew and the pc opens it',
        landline: spreadText(spreadOf(heal.landline), 's'),
        beside: `Docker’s \`restart: always\`: ${heal.dockerHeals ? 'within 10 s' : 'never'}`,
        ratio: '',
        ...plain,
      },
    ];
  } finally {
    docker.close();
  }
}

/** What a daemon with five hundred endpoints takes: at its start, and afterwards. */
export async function fullHouseRows(lab: BenchLab, { restarts }: Extent): Promise<Row[]> {
  const addresses = await runMany(lab, endpoints);
  const timings = [];
  for (let round = 0; round < restarts; round += 1) timings.push(await measureRestart(lab, addresses));
  const converged = spreadOf(timings.map((it) => it.convergedMs / 1000));
  const [sent, lost] = [timings.reduce((sum, it) => sum + it.sent, 0), timings.reduce((sum, it) => sum + it.lost, 0)];
  const idle = await measureIdle(lab, idleSeconds);
  const plain = { beside: '', ratio: '' };
  return [
    {
      what: `daemon killed and started with ${endpoints} endpoints, until all were found in order`,
      landline: spreadText(converged, 's'),
      ...plain,
      bar: '≤ 2 s',
      met: converged.median <= 2,
    },
    { what: 'packets lost meanwhile', landline: `${lost} of ${sent}`, ...plain, bar: '0', met: lost === 0 },
    {
      what: `daemon idle with ${endpoints} endpoints, over ${idle.seconds} s`,
      landline: `${(idle.share * 100).toFixed(2)} % of a core`,
      ...plain,
      bar: '< 1 %',
      met: idle.share < 0.01,
    },
    { what: 'its memory', landline: `${idle.megabytes.toFixed(0)} MB`, ...plain, bar: '< 150 MB', met: idle.megabytes < 150 },
  ];
}
