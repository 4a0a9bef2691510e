/** `landline host docker`: Docker's default network on the LAN's bridge, by daemon.json. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../api/client.ts';
import type { AddressView } from '../api/contract.ts';
import {
  type DockerPlan,
  type DockerSight,
  type DockerWish,
  dockerHolder,
  planDockerDefault,
} from '../core/docker-default/plan.ts';
import type { LanNetwork } from '../core/model.ts';
import { chooseDockerAddress } from '../engine/docker/address.ts';
import { openDocker } from '../engine/docker/index.ts';
import { isLandlineError, LandlineError } from '../errors.ts';
import { parseConfiguration } from '../files/index.ts';
import { openHost } from '../host/index.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../net/ipv4.ts';
import { broadcastOf, parsePrefix, subnetOf } from '../net/prefix.ts';
import { addressesOf } from '../net/range.ts';
import { alone } from './lock.ts';
import { processesHere, systemdIsOurs } from './machine.ts';
import { readText, writeSafely } from './state.ts';

export interface DockerDefaultOptions {
  readonly stateDir: string;
  readonly config: string;
  readonly socket: string;
  /** daemon.json */
  readonly file: string;
  /** Name of a network of landline.yaml; left out: the only one. */
  readonly network?: string;
  readonly fixedCidr?: string;
  readonly dns?: readonly string[];
  readonly iptables?: 'on' | 'off';
  readonly liveRestore: boolean;
  readonly restart: boolean;
}

export interface DockerDefaultPlan {
  readonly bridge: string;
  readonly file: string;
  readonly before?: string;
  readonly after?: string;
  readonly refusals: DockerPlan['refusals'];
  readonly costs: readonly string[];
  readonly version?: string;
  /** Whether Docker was restarted, and so has it. */
  readonly restarted: boolean;
}

/** What `apply` writes down, so that `rollback` finds it. */
interface Journal {
  readonly file: string;
  readonly existed: boolean;
  readonly bridge: string;
  readonly network: string;
  readonly addresses: readonly string[];
}

const stateFolder = (stateDir: string): string => path.join(stateDir, 'host-docker');
const currentOf = (stateDir: string): string => path.join(stateFolder(stateDir), 'current');

interface Prepared {
  readonly plan: DockerDefaultPlan;
  readonly network: BridgedNetwork;
  readonly addresses: readonly Ipv4[];
}

/** @throws LandlineError USAGE, FILE_INVALID, FILE_UNREADABLE, NETWORK_UNKNOWN */
export const planDockerDefaultHere = async (options: DockerDefaultOptions): Promise<DockerDefaultPlan> =>
  (await prepare(options, false)).plan;

async function prepare(options: DockerDefaultOptions, needsLedger: boolean): Promise<Prepared> {
  const network = networkOf(options);
  const wish = wishOf(options);
  const before = readText(options.file);
  const { sight, unasked } = await look(options, network, parseDaemonJson(options.file, before), needsLedger);
  const { after, refusals, costs } = planDockerDefault(wish, sight);
  const plan = {
    bridge: network.bridge,
    file: options.file,
    ...(before === undefined ? {} : { before }),
    after: formatLike(before, after),
    refusals,
    costs: [...costs, ...(unasked ? ['no daemon answers: the ledger was not asked, and `apply` will want it'] : [])],
    ...(sight.version === undefined ? {} : { version: sight.version }),
    restarted: false,
  };
  const range = wish.fixedCidr;
  return {
    plan,
    network,
    addresses: refusals.length > 0 ? [] : [...addressesOf([{ first: subnetOf(range).address, last: broadcastOf(range) }])],
  };
}

/** Docker's own bridge driver needs a bridge: a network on a NIC has none. */
type BridgedNetwork = LanNetwork & { readonly bridge: string };

const isBridged = (it: LanNetwork): it is BridgedNetwork => it.bridge !== undefined;

function networkOf({ config, network }: DockerDefaultOptions): BridgedNetwork {
  const text = readText(config);
  if (text === undefined) throw new LandlineError('FILE_UNREADABLE', { file: config, reason: 'there is no such file' });
  const networks = parseConfiguration(text, config).networks.filter(isBridged);
  const found = network === undefined && networks.length === 1 ? networks[0] : networks.find((it) => it.name === network);
  if (found === undefined)
    throw new LandlineError('NETWORK_UNKNOWN', { name: network ?? '', networks: networks.map((it) => it.name) });
  return found;
}

function wishOf({ fixedCidr, dns, iptables, liveRestore }: DockerDefaultOptions): DockerWish {
  const range = parsePrefix(fixedCidr ?? '');
  if (range === undefined) {
    throw new LandlineError('USAGE', {
      problem: fixedCidr === undefined ? 'no range is named' : `'${fixedCidr}' is no range`,
      advice: 'give Docker a part of the subnet: `--fixed-cidr 192.168.11.64/27`',
    });
  }
  const servers = (dns ?? []).map((it) => {
    const address = parseIpv4(it);
    if (address === undefined)
      throw new LandlineError('USAGE', {
        problem: `'${it}' is no address`,
        advice: 'give --dns as IPv4 addresses with commas between',
      });
    return address;
  });
  return { fixedCidr: range, dns: servers, liveRestore, ...(iptables === undefined ? {} : { iptables: iptables === 'on' }) };
}

function parseDaemonJson(file: string, text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined || text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    // A record of unknowns is what a JSON object is.
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    throw new Error('it is no object');
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const [, line = '1', column = '1'] = /line (\d+) column (\d+)/.exec(message) ?? [];
    const problem = {
      line: Number(line),
      column: Number(column),
      message: `this is no JSON object: ${message}`,
      next: 'mend it: Docker does not start with it either',
    };
    throw new LandlineError('FILE_INVALID', { file, problems: [problem] });
  }
}

/** Indented as the file is. */
function formatLike(before: string | undefined, value: unknown): string {
  const indent = /^([ \t]+)"/m.exec(before ?? '')?.[1] ?? '  ';
  return `${JSON.stringify(value, undefined, indent)}\n`;
}

const daemonFlags = /^(-b|--bridge|--bip|--fixed-cidr|--default-gateway|--dns|--iptables|--live-restore)(=|$)/;

async function look(
  options: DockerDefaultOptions,
  network: BridgedNetwork,
  before: DockerSight['before'],
  needsLedger: boolean,
): Promise<{ readonly sight: DockerSight; readonly unasked: boolean }> {
  const host = openHost();
  try {
    const bridge = await host.kernel.getLink(network.bridge);
    const addresses = bridge === undefined ? [] : await host.kernel.listAddresses(bridge.index);
    const ledger = await askLedger(options.socket, network.name, needsLedger);
    const dockerd = processesHere().find((it) => it.name === 'dockerd');
    const version = await dockerVersion();
    const sight: DockerSight = {
      network,
      hostAddresses: addresses.map((it) => it.address),
      bridgeExists: bridge?.kind === 'bridge',
      ledger: ledger ?? [],
      flags: (dockerd?.args ?? []).filter((it) => daemonFlags.test(it)),
      ...(version === undefined ? {} : { version }),
      before,
    };
    return { sight, unasked: ledger === undefined };
  } finally {
    host.close();
  }
}

async function askLedger(socket: string, network: string, needed: boolean): Promise<DockerSight['ledger'] | undefined> {
  try {
    const all = await connect(socket).call<readonly AddressView[]>('GET', '/v1/addresses');
    return all
      .filter((it) => it.network === network)
      .flatMap((it) => {
        const address = parseIpv4(it.address);
        return address === undefined ? [] : [{ address, holder: it.environment }];
      });
  } catch (error) {
    if (!needed && isLandlineError(error, 'DAEMON_UNREACHABLE')) return undefined;
    throw error;
  }
}

async function dockerVersion(): Promise<string | undefined> {
  try {
    const docker = openDocker(chooseDockerAddress(undefined, process.env));
    try {
      return (await docker.version()).Version;
    } finally {
      docker.close();
    }
  } catch {
    return undefined;
  }
}

/** Writes daemon.json, keeps the range in the ledger, and restarts Docker where that was asked for. @throws LandlineError */
export function applyDockerDefault(options: DockerDefaultOptions): Promise<DockerDefaultPlan> {
  return alone(async () => {
    const { plan, network, addresses } = await prepare(options, true);
    if (plan.refusals.length > 0)
      throw new LandlineError('DOCKER_DEFAULT_REFUSED', { bridge: plan.bridge, refusals: plan.refusals });
    const client = connect(options.socket);
    const journal = writeJournal(options, plan, network, addresses.map(formatIpv4));
    for (const address of journal.addresses) {
      const query = { for: dockerHolder, network: network.name, note: `Docker's default network, ${options.fixedCidr}` };
      await client.call('PUT', `/v1/addresses/${address}`, { query });
    }
    fs.mkdirSync(path.dirname(options.file), { recursive: true });
    if (plan.before !== plan.after) writeSafely(options.file, plan.after ?? '', 0o644);
    return { ...plan, restarted: options.restart && (await restartDocker()) };
  });
}

/** The first `apply` counts: a second one has our own file before it. */
function writeJournal(
  options: DockerDefaultOptions,
  plan: DockerDefaultPlan,
  network: BridgedNetwork,
  addresses: readonly string[],
): Journal {
  const former = readJournal(options.stateDir);
  const journal: Journal = {
    file: options.file,
    existed: former?.existed ?? plan.before !== undefined,
    bridge: network.bridge,
    network: network.name,
    addresses: [...new Set([...(former?.addresses ?? []), ...addresses])],
  };
  const folder =
    former === undefined
      ? path.join(stateFolder(options.stateDir), new Date().toISOString().replaceAll(':', '-'))
      : fs.realpathSync(currentOf(options.stateDir));
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (former === undefined && plan.before !== undefined) writeSafely(path.join(folder, 'before'), plan.before, 0o600);
  writeSafely(path.join(folder, 'after'), plan.after ?? '', 0o600);
  writeSafely(path.join(folder, 'journal.json'), `${JSON.stringify(journal, undefined, 2)}\n`, 0o600);
  if (former === undefined) {
    fs.rmSync(currentOf(options.stateDir), { force: true });
    fs.symlinkSync(path.basename(folder), currentOf(options.stateDir));
  }
  return journal;
}

function readJournal(stateDir: string): Journal | undefined {
  const text = readText(path.join(currentOf(stateDir), 'journal.json'));
  // Our own file, written whole.
  return text === undefined ? undefined : (JSON.parse(text) as Journal);
}

/** daemon.json as it was before, and the range free again. @throws LandlineError DOCKER_DEFAULT_NOTHING, BOOT_FILE_CHANGED */
export function rollbackDockerDefault(options: DockerDefaultOptions): Promise<DockerDefaultPlan> {
  return alone(async () => {
    const journal = readJournal(options.stateDir);
    if (journal === undefined) throw new LandlineError('DOCKER_DEFAULT_NOTHING', {});
    const folder = currentOf(options.stateDir);
    const now = readText(journal.file);
    const [before, after] = ['before', 'after'].map((it) => readText(path.join(folder, it)));
    if (now !== after && now !== before) throw new LandlineError('BOOT_FILE_CHANGED', { file: journal.file });
    const client = connect(options.socket);
    const kept = await askLedger(options.socket, journal.network, true);
    for (const { address, holder } of kept ?? []) {
      const text = formatIpv4(address);
      if (holder !== dockerHolder || !journal.addresses.includes(text)) continue;
      await client.call('DELETE', `/v1/addresses/${text}`, { query: { network: journal.network } });
    }
    if (before === undefined) fs.rmSync(journal.file, { force: true });
    else if (now !== before) writeSafely(journal.file, before, 0o644);
    fs.rmSync(folder);
    const plan = {
      bridge: journal.bridge,
      file: journal.file,
      ...(now === undefined ? {} : { before: now }),
      ...(before === undefined ? {} : { after: before }),
      refusals: [],
      costs: [],
    };
    return { ...plan, restarted: options.restart && (await restartDocker()) };
  });
}

/** By whoever started it; what nobody started here is not ended here. @throws LandlineError DOCKER_NOT_RESTARTED */
async function restartDocker(): Promise<boolean> {
  if (!systemdIsOurs())
    throw new LandlineError('DOCKER_NOT_RESTARTED', { reason: 'no systemd runs here that could start it again' });
  const { status, stderr } = spawnSync('systemctl', ['restart', 'docker'], { encoding: 'utf8' });
  if (status !== 0)
    throw new LandlineError('DOCKER_NOT_RESTARTED', { reason: stderr.trim() || `systemctl ended with ${status}` });
  for (let tries = 0; tries < 60; tries += 1) {
    if ((await dockerVersion()) !== undefined) return true;
    await sleep(500);
  }
  throw new LandlineError('DOCKER_NOT_RESTARTED', { reason: 'it does not answer after 30 s' });
}
