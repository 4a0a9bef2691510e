/** `landline host bridge`: plan, apply, confirm, roll back, and where it stands. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { belongingsOf, type LinkRef } from '../core/bridge/belongings.ts';
import type { BootChange, ManagerName } from '../core/bridge/boot.ts';
import { type Finding, preflight } from '../core/bridge/preflight.ts';
import { type Before, type BridgeBefore, formatWayBack } from '../core/bridge/way-back.ts';
import { isLandlineError, LandlineError } from '../errors.ts';
import { isKernelError, openWholeTables, type WholeTables } from '../host/index.ts';
import { IFF_UP, type LinkMessage } from '../wire/netlink/link.ts';
import type { KernelChange, Tables } from '../wire/netlink/tables.ts';
import { addBridge, announce, enslave, goBack, release, runCommands, startWatchdog, takeOverSysctls } from './conversion.ts';
import { alone } from './lock.ts';
import {
  bootId,
  linkSysctls,
  networkNamespace,
  processesHere,
  sshConnection,
  uptimeSeconds,
  writeLinkSysctl,
} from './machine.ts';
import { bootWishOf, findManager, type Managed } from './managers.ts';
import { findLink, kindOf, lookAtLink, macOf, mtuOf, namesIn, refOf } from './sight.ts';
import {
  abandon,
  begin,
  type Conversion,
  currentFolder,
  type Journal,
  lastConversion,
  readCurrent,
  readText,
  setPhase,
  take,
} from './state.ts';
import { type Tells, tellsOf } from './tell.ts';
import { goneOf, missingOf, stationsOf, whoAnswers } from './verify.ts';

export interface BridgeWish {
  readonly stateDir: string;
  readonly interface: string;
  readonly bridge: string;
  /** Left out: whoever has the link among its files. */
  readonly manager?: ManagerName | 'none';
}

export interface BridgePlan {
  readonly interface: string;
  readonly bridge: string;
  readonly direction: 'apply' | 'remove';
  /** True where nothing is to be done. */
  readonly done: boolean;
  readonly manager?: string;
  readonly refusals: readonly Finding[];
  readonly warnings: readonly Finding[];
  /** What is sent to the kernel, as `ip` commands. */
  readonly now: readonly string[];
  /** For the next boot, written by `confirm`. */
  readonly files: readonly BootChange[];
  readonly notes: readonly string[];
}

/** A plan with all that carrying it out needs. */
interface Prepared {
  readonly plan: BridgePlan;
  readonly tables: Tables;
  readonly port: LinkMessage;
  readonly tells: Tells;
  readonly undoes?: string;
}

export type BridgeState = 'plain' | 'pending' | 'confirming' | 'bridged' | 'going back' | 'rolled back' | 'half';

export interface BridgeStatus {
  readonly state: BridgeState;
  readonly interface?: string;
  readonly bridge?: string;
  readonly direction?: 'apply' | 'remove';
  readonly manager?: string;
  readonly since?: string;
  /** Until the way back is taken; only while it is pending. */
  readonly secondsLeft?: number;
  readonly folder?: string;
  readonly files?: readonly string[];
}

const withKernel = async <T>(body: (kernel: WholeTables) => Promise<T>): Promise<T> => {
  const kernel = openWholeTables();
  try {
    return await body(kernel);
  } finally {
    await kernel.close();
  }
};

export const planBridge = (wish: BridgeWish): Promise<BridgePlan> =>
  withKernel(async (kernel) => (await prepare(kernel, wish)).plan);

async function prepare(kernel: WholeTables, wish: BridgeWish): Promise<Prepared> {
  const tables = kernel.read();
  const link = findLink(tables, wish.interface);
  if (link === undefined) throw unknownLink(tables, wish.interface);
  const processes = processesHere();
  const boot = bootWishOf(wish.interface, link.index, wish.bridge, macOf(link), processes);
  const managed = findManager(boot, wish.manager);
  const bridge = findLink(tables, wish.bridge);
  const done = bridge !== undefined && kindOf(bridge) === 'bridge' && link.attributes.number('IFLA_MASTER') === bridge.index;
  const seen = await lookAtLink(tables, link, wish.bridge, managed, processes);
  const { refusals, warnings } = done ? { refusals: [], warnings: [] } : preflight(seen);
  const make = addBridge(wish.bridge, macOf(link), mtuOf(link));
  const burst = enslave(tables, refOf(link), { index: 0, name: wish.bridge });
  const plan: BridgePlan = {
    interface: wish.interface,
    bridge: wish.bridge,
    direction: 'apply',
    done,
    ...(managed.manager === undefined ? {} : { manager: managed.manager }),
    refusals: [...refusals, ...(done ? [] : bootRefusals(managed))],
    warnings,
    now: done ? [] : [make, ...burst].map((it) => it.says).filter((it) => it !== ''),
    files: done || managed.boot?.kind !== 'files' ? [] : managed.boot.changes,
    notes: done || managed.boot?.kind !== 'files' ? [] : managed.boot.notes,
  };
  const { manager } = managed;
  const tells = tellsOf({ direction: 'apply', manager, boot, changes: plan.files, processes });
  return { plan, tables, port: link, tells };
}

const unknownLink = (tables: Tables, link: string): LandlineError =>
  new LandlineError('LINK_UNKNOWN', { link, links: tables.links.map((it) => refOf(it).name) });

function bootRefusals({ boot }: Managed): readonly Finding[] {
  if (boot === undefined || boot.kind === 'files') return [];
  const next = boot.kind === 'refused' ? boot.next : 'name another manager with --manager, or `none` to write nothing';
  return [{ code: 'BOOT_FILES', reason: `${boot.file}: ${boot.reason}`, next }];
}

export interface ApplyOptions {
  /** Seconds. */
  readonly timeout: number;
  readonly command: string;
  readonly onProgress: (line: string) => void;
  /** Aborted by Ctrl-C: everything goes back at once. */
  readonly signal: AbortSignal;
}

export interface Applied {
  readonly plan: BridgePlan;
  readonly status: BridgeStatus;
  /** Who answered before, and does so still. */
  readonly answering: readonly string[];
}

/** @throws LandlineError BRIDGE_REFUSED, BRIDGE_FAILED, BRIDGE_UNDER_WAY, LINK_UNKNOWN */
export function applyBridge(wish: BridgeWish, options: ApplyOptions): Promise<Applied> {
  return alone(() =>
    withKernel(async (kernel) => {
      mend(wish.stateDir);
      const current = readCurrent(wish.stateDir);
      const prepared = await prepare(kernel, wish);
      const isSame = current?.journal.interface === wish.interface && current.journal.bridge === wish.bridge;
      if (current?.phase === 'pending' && !(isSame && prepared.plan.done)) throw underWay(current);
      if (prepared.plan.done) return { plan: prepared.plan, status: bridgeStatus(wish.stateDir), answering: [] };
      return carryOut(kernel, wish.stateDir, prepared, options);
    }),
  );
}

const underWay = ({ journal }: Conversion): LandlineError =>
  new LandlineError('BRIDGE_UNDER_WAY', { link: journal.interface, bridge: journal.bridge });

const secondsUntil = (deadline: number | undefined): number | undefined =>
  deadline === undefined ? undefined : Math.max(0, Math.ceil((deadline - Date.now()) / 1000));

/**
 * The way back is on the disk and its watchdog runs before the first change. @param unless what keeps the watchdog from taking
 * it, for people
 */
async function carryOut(
  kernel: WholeTables,
  stateDir: string,
  it: Prepared,
  options: ApplyOptions,
  unless = 'unless you confirm',
): Promise<Applied> {
  const { plan, tables } = it;
  if (plan.refusals.length > 0) {
    throw new LandlineError('BRIDGE_REFUSED', { link: plan.interface, bridge: plan.bridge, refusals: plan.refusals });
  }
  const port = refOf(it.port);
  const bridgeLink = findLink(tables, plan.bridge);
  const isApply = plan.direction === 'apply';
  const owner = isApply ? port : refOf(bridgeLink ?? it.port);
  const owned = belongingsOf(tables, owner);
  const stations = stationsOf(owned);
  const answered = await whoAnswers(kernel, owner, stations, 1200);
  options.onProgress(
    answered.length === 0 ? 'nobody answers now: what can be verified later is little' : `answering now: ${answered.join(', ')}`,
  );
  const former = lastConversion(stateDir);
  const conversion = writeDown(stateDir, it, owner, options);
  watch(stateDir, conversion, former);
  options.onProgress(`the way back is sh ${conversion.folder}/way-back.sh, and is taken in ${options.timeout} s ${unless}`);
  try {
    options.signal.throwIfAborted();
    runCommands(it.tells.before, conversion.folder);
    const to = await (isApply ? underBridge(kernel, it, port) : offBridge(kernel, owner, port));
    await announce(to, macOf(it.port), owned);
    const moved = { owned, owner, to };
    refuseMissing(missingOf(owned, owner, to, belongingsOf(kernel.read(), to), namesIn(kernel.read())));
    runCommands(it.tells.during, conversion.folder);
    await verify(
      kernel,
      moved,
      stations.filter((station) => answered.includes(station.address)),
      options.signal,
    );
    if (!fs.existsSync(path.join(conversion.folder, 'pending')))
      throw new Error(`the ${options.timeout} s were over before all was verified`);
    setPhase(conversion, 'pending');
  } catch (error) {
    const reason = options.signal.aborted ? 'it was interrupted' : error instanceof Error ? error.message : String(error);
    const back = goBack(conversion, reason);
    throw new LandlineError('BRIDGE_FAILED', { reason, back, folder: currentFolder(conversion) }, { cause: error });
  }
  return { plan, status: bridgeStatus(stateDir), answering: answered };
}

/** @throws LandlineError STATE_UNWRITABLE: nothing has changed then */
function watch(stateDir: string, conversion: Conversion, former: Conversion | undefined): void {
  try {
    startWatchdog(conversion);
  } catch (error) {
    abandon(stateDir, conversion, former);
    const reason = error instanceof Error ? error.message : String(error);
    throw new LandlineError('STATE_UNWRITABLE', { file: conversion.folder, reason }, { cause: error });
  }
}

function writeDown(stateDir: string, it: Prepared, owner: LinkRef, options: ApplyOptions): Conversion {
  const { plan, tables } = it;
  const sysctls = linkSysctls(owner.name);
  const disabled = sysctls.get('ipv6/conf/disable_ipv6');
  const ownerLink = findLink(tables, owner.name);
  const bridgeBefore = plan.direction === 'apply' ? undefined : describeBridge(tables, plan.bridge);
  const before: Before = {
    owner: owner.name,
    port: plan.interface,
    bridge: plan.bridge,
    ...(bridgeBefore === undefined ? {} : { bridgeBefore }),
    owned: belongingsOf(tables, owner),
    nameOf: namesIn(tables),
    ...(disabled === undefined ? {} : { ipv6: { disabled, acceptDad: sysctls.get('ipv6/conf/accept_dad') ?? '1' } }),
    up: ((ownerLink?.flags ?? 0) & IFF_UP) !== 0,
    tellsFirst: it.tells.backFirst,
    tells: it.tells.back,
  };
  const connection = sshConnection();
  const journal: Journal = {
    direction: plan.direction,
    interface: plan.interface,
    bridge: plan.bridge,
    ...(plan.manager === undefined ? {} : { manager: plan.manager }),
    at: new Date().toISOString(),
    timeout: options.timeout,
    bootId: bootId(),
    namespace: networkNamespace(),
    ...(connection === undefined ? {} : { connection }),
    files: plan.files.map((file) => ({ path: file.path, existed: file.before !== undefined, stays: file.after !== undefined })),
    settle: it.tells.settle,
    ...(it.undoes === undefined ? {} : { undoes: it.undoes }),
  };
  const { at, bootId: boot, namespace } = journal;
  return begin(stateDir, journal, plan.files, (folder) =>
    formatWayBack(before, plan.files, { at, command: options.command, bootId: boot, namespace, uptime: uptimeSeconds(), folder }),
  );
}

/** Of `ip link add type bridge`, and what a new bridge has by itself: a kernel that lacks one refuses to be told even that. */
const bridgeOptions: Readonly<Record<string, readonly [attribute: string, byItself: number]>> = {
  stp_state: ['STP_STATE', 0],
  forward_delay: ['FORWARD_DELAY', 1500],
  ageing_time: ['AGEING_TIME', 30_000],
  priority: ['PRIORITY', 32_768],
  vlan_filtering: ['VLAN_FILTERING', 0],
  mcast_snooping: ['MCAST_SNOOPING', 1],
  group_fwd_mask: ['GROUP_FWD_MASK', 0],
};

/** All that `ip link add type bridge` needs to make it again. */
function describeBridge(tables: Tables, name: string): BridgeBefore | undefined {
  const link = findLink(tables, name);
  if (link === undefined) return undefined;
  const data = link.attributes.nested('IFLA_LINKINFO')?.nested('IFLA_INFO_DATA');
  const options = Object.entries(bridgeOptions).flatMap(([word, [attribute, byItself]]) => {
    const value = data?.number(`IFLA_BR_${attribute}`);
    return value === undefined || value === byItself ? [] : [`${word} ${value}`];
  });
  const alias = link.attributes.text('IFLA_IFALIAS');
  const ports = tables.links.filter((it) => it.attributes.number('IFLA_MASTER') === link.index).map((it) => refOf(it).name);
  return { name, mac: macOf(link), mtu: mtuOf(link), ...(alias === undefined ? {} : { alias }), options, ports };
}

async function underBridge(kernel: WholeTables, { plan, port: link }: Prepared, port: LinkRef): Promise<LinkRef> {
  kernel.run([addBridge(plan.bridge, macOf(link), mtuOf(link))]);
  const made = findLink(kernel.read(), plan.bridge);
  if (made === undefined) throw unknownLink(kernel.read(), plan.bridge);
  const bridge = refOf(made);
  const sysctls = takeOverSysctls(port, bridge);
  // Read again: what came meanwhile moves too.
  const [up, join, ...moves] = enslave(kernel.read(), port, bridge);
  kernel.run(up === undefined ? [] : [up]);
  becomePort(kernel, join === undefined ? [] : [join], port);
  kernel.run(moves);
  writeLinkSysctl(port.name, 'ipv6/conf/disable_ipv6', '1');
  await untilSettled(kernel, bridge);
  sysctls.restore();
  return bridge;
}

/** Alone: where it is refused nothing has moved yet. */
function becomePort(kernel: WholeTables, join: readonly KernelChange[], port: LinkRef): void {
  try {
    kernel.run(join);
  } catch (error) {
    if (!isKernelError(error) || error.errno !== 'EBUSY') throw error;
    const reason = `${port.name} is the parent of a macvlan or ipvlan in another network namespace, a container's perhaps, and cannot be a port too`;
    throw new Error(reason, { cause: error });
  }
}

const IFA_F_TENTATIVE = 0x40;

/** The kernel decides on duplicate address detection a moment after an address is added, and by the sysctl as it is then. */
async function untilSettled(kernel: WholeTables, link: LinkRef): Promise<void> {
  const isTentative = (): boolean =>
    kernel.read().addresses.some((it) => it.link === link.index && it.family === 10 && (it.flags & IFA_F_TENTATIVE) !== 0);
  for (let round = 0; round < 100 && isTentative(); round += 1) await sleep(10);
}

async function offBridge(kernel: WholeTables, bridge: LinkRef, port: LinkRef): Promise<LinkRef> {
  const sysctls = takeOverSysctls(bridge, port);
  kernel.run(release(kernel.read(), bridge, port));
  await untilSettled(kernel, port);
  sysctls.restore();
  return port;
}

interface Moved {
  readonly owned: ReturnType<typeof belongingsOf>;
  readonly owner: LinkRef;
  readonly to: LinkRef;
}

async function verify(
  kernel: WholeTables,
  moved: Moved,
  stations: ReturnType<typeof stationsOf>,
  signal: AbortSignal,
): Promise<void> {
  refuseMissing(await stillMissing(kernel, moved, signal));
  const answering = await whoAnswers(kernel, moved.to, stations, 3500);
  signal.throwIfAborted();
  const silent = stations.map((it) => it.address).filter((it) => !answering.includes(it));
  if (silent.length > 0) throw new Error(`${silent.join(', ')} answered before, and does not over ${moved.to.name}`);
}

function refuseMissing(missing: readonly string[]): void {
  if (missing.length > 0) throw new Error(`this is not there: ${missing.join('; ')}`);
}

/** A manager that was told makes addresses and routes its own, with flags and metrics of its own, and asks its DHCP server. */
async function stillMissing(kernel: WholeTables, { owned, owner, to }: Moved, signal: AbortSignal): Promise<readonly string[]> {
  const end = performance.now() + 8000;
  for (;;) {
    const seen = kernel.read();
    const missing = goneOf(owned, owner, to, belongingsOf(seen, to), namesIn(seen));
    if (missing.length === 0 || performance.now() > end) return missing;
    signal.throwIfAborted();
    await sleep(100);
  }
}

/**
 * Writes the files of the next boot. Whoever confirms shows that the host can be reached anew: from a connection that was
 * there before the change only with `here`. @throws LandlineError BRIDGE_NOTHING, BOOT_FILE_CHANGED, CONFIRM_SAME_CONNECTION
 */
export function confirmBridge(stateDir: string, { here }: { readonly here: boolean }): Promise<BridgeStatus> {
  return alone(async () => {
    const isEnded = mend(stateDir) === 'confirmed';
    const current = readCurrent(stateDir);
    if (isEnded) return bridgeStatus(stateDir);
    if (current?.phase !== 'pending')
      throw new LandlineError('BRIDGE_NOTHING', { what: 'confirm', state: saysState(bridgeStatus(stateDir)) });
    const connection = sshConnection();
    if (!here && connection !== undefined && connection === current.journal.connection) {
      const [from = ''] = connection.split(' ');
      throw new LandlineError('CONFIRM_SAME_CONNECTION', { from, secondsLeft: secondsUntil(current.deadline) ?? 0 });
    }
    finish(current);
    return bridgeStatus(stateDir);
  });
}

function finish(current: Conversion): void {
  for (const [index, it] of current.journal.files.entries()) {
    if (readText(it.path) !== readText(path.join(current.folder, 'before', String(index))))
      throw new LandlineError('BOOT_FILE_CHANGED', { file: it.path });
  }
  if (!take(current, 'confirming'))
    throw new LandlineError('BRIDGE_NOTHING', { what: 'confirm', state: 'it has just been rolled back' });
  writeBootFiles(current);
}

function writeBootFiles(current: Conversion): void {
  const { folder } = current;
  // A shell of its own: what it has begun it ends, whatever becomes of this process.
  const { status, stderr } = spawnSync('/bin/sh', [path.join(folder, 'confirm.sh')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    cwd: folder,
  });
  if (status === 0) return;
  const [why = ''] = stderr.split('\n');
  const reason = `the files of the next boot could not be written${why === '' ? '' : `: ${why}`}`;
  const back = goBack(current, reason);
  throw new LandlineError('BRIDGE_FAILED', { reason, back, folder: currentFolder(current) });
}

/** What {@link mend} does, for the daemon at its start. @returns how the host stands; undefined where there is nothing to mend */
export async function mendBridge(stateDir: string): Promise<BridgeState | undefined> {
  if (readCurrent(stateDir) === undefined) return undefined;
  try {
    return await alone(async () => {
      mend(stateDir);
      return bridgeStatus(stateDir).state;
    });
  } catch (error) {
    // A command is at work on it.
    if (isLandlineError(error, 'BRIDGE_BUSY')) return undefined;
    throw error;
  }
}

/**
 * What a command that was cut off has left is finished or undone; the caller has the lock, so none is at work.
 * @returns `confirmed` where it was a confirmation
 */
function mend(stateDir: string): 'confirmed' | undefined {
  const current = readCurrent(stateDir);
  if (current === undefined || current.phase === 'rolled back') return undefined;
  const { folder, journal, phase } = current;
  const isThisBoot = journal.bootId === bootId();
  // Whoever took `pending` away wanted it so.
  if (fs.existsSync(path.join(folder, 'confirming'))) {
    writeBootFiles(current);
    return 'confirmed';
  }
  if (phase === 'confirmed') return undefined;
  if (!isThisBoot || phase === 'applying' || phase === 'going back')
    goBack(current, isThisBoot ? 'the command was cut off' : 'the machine was started anew');
  else if (phase === 'pending' && (secondsUntil(current.deadline) ?? 0) === 0) goBack(current, 'the watchdog is gone');
  return undefined;
}

const saysState = (it: BridgeStatus): string =>
  ({
    plain: 'the host is as it was configured',
    pending: `${it.interface} under ${it.bridge} waits for a confirmation`,
    confirming: `${it.interface} under ${it.bridge} is being confirmed`,
    bridged: `${it.interface} is under ${it.bridge}, confirmed`,
    'going back': 'the way back is being taken',
    'rolled back': `${it.interface} was put back`,
    half: 'not all of the network could be put back',
  })[it.state];

export function bridgeStatus(stateDir: string): BridgeStatus {
  const current = readCurrent(stateDir);
  if (current === undefined) return { state: 'plain' };
  const { journal, folder, phase, deadline } = current;
  const secondsLeft = secondsUntil(deadline);
  const states: Readonly<Record<string, BridgeState>> = {
    applying: 'pending',
    pending: fs.existsSync(path.join(folder, 'confirming')) ? 'confirming' : 'pending',
    'rolled back': 'rolled back',
    'going back': 'going back',
  };
  const state = phase === 'confirmed' ? (journal.direction === 'apply' ? 'bridged' : 'plain') : (states[phase] ?? 'half');
  return {
    state,
    interface: journal.interface,
    bridge: journal.bridge,
    direction: journal.direction,
    ...(journal.manager === undefined ? {} : { manager: journal.manager }),
    since: journal.at,
    ...(state === 'pending' && secondsLeft !== undefined ? { secondsLeft } : {}),
    folder,
    files: journal.files.map((it) => it.path),
  };
}

/** The reverse: the bridge's addresses back onto the NIC, and the files as they were. Ports of others forbid it. */
export const planRemoval = (stateDir: string): Promise<BridgePlan> =>
  withKernel(async (kernel) => prepareRemoval(kernel, stateDir, true).plan);

export function removeBridge(stateDir: string, options: ApplyOptions): Promise<Applied> {
  return alone(() =>
    withKernel(async (kernel) => {
      mend(stateDir);
      const current = readCurrent(stateDir);
      if (current?.phase === 'pending') throw underWay(current);
      return carryOut(kernel, stateDir, prepareRemoval(kernel, stateDir, true), options);
    }),
  );
}

function prepareRemoval(kernel: WholeTables, stateDir: string, sparesPorts: boolean): Prepared {
  const current = readCurrent(stateDir);
  if (current?.phase !== 'confirmed' || current.journal.direction !== 'apply') {
    throw new LandlineError('BRIDGE_NOTHING', { what: 'remove', state: saysState(bridgeStatus(stateDir)) });
  }
  const { journal } = current;
  const tables = kernel.read();
  const bridge = findLink(tables, journal.bridge);
  const port = findLink(tables, journal.interface);
  if (bridge === undefined || port === undefined)
    throw unknownLink(tables, bridge === undefined ? journal.bridge : journal.interface);
  const others = tables.links
    .filter((it) => it.attributes.number('IFLA_MASTER') === bridge.index && it.index !== port.index)
    .map((it) => refOf(it).name);
  const inUse = {
    code: 'IN_USE',
    reason: `${journal.bridge} has other ports: ${others.join(', ')}`,
    next: 'end the environments with `landline down --all`, or take the ports off it',
  };
  const processes = processesHere();
  const boot = bootWishOf(journal.interface, port.index, journal.bridge, macOf(port), processes);
  const files = restoredFiles(current);
  const burst: readonly KernelChange[] = release(tables, refOf(bridge), refOf(port));
  const plan: BridgePlan = {
    interface: journal.interface,
    bridge: journal.bridge,
    direction: 'remove',
    done: false,
    ...(journal.manager === undefined ? {} : { manager: journal.manager }),
    refusals: others.length > 0 && sparesPorts ? [inUse] : [],
    warnings: others.length > 0 && !sparesPorts ? [inUse] : [],
    now: burst.map((it) => it.says).filter((it) => it !== ''),
    files,
    notes: files
      .filter((it, index) => it.before !== readText(path.join(current.folder, 'after', String(index))))
      .map((it) => `${it.path} was changed since; a copy is kept`),
  };
  return {
    plan,
    tables,
    port,
    tells: tellsOf({ direction: 'remove', manager: journal.manager, boot, changes: files, processes }),
    undoes: path.basename(current.folder),
  };
}

/** The files as they were before the conversion, from its copies. */
function restoredFiles({ folder, journal }: Conversion): readonly BootChange[] {
  return journal.files.map((it, index) => {
    const now = readText(it.path);
    const then = readText(path.join(folder, 'before', String(index)));
    const mode = it.existed ? fs.statSync(path.join(folder, 'before', String(index))).mode & 0o7777 : 0o644;
    return { path: it.path, mode, ...(now === undefined ? {} : { before: now }), ...(then === undefined ? {} : { after: then }) };
  });
}

/** Puts everything back now: by the script while it is not confirmed, by the reverse of all afterwards. */
export function rollbackBridge(stateDir: string, options: ApplyOptions): Promise<BridgeStatus> {
  return alone(() =>
    withKernel(async (kernel) => {
      mend(stateDir);
      const current = readCurrent(stateDir);
      if (current === undefined)
        throw new LandlineError('BRIDGE_NOTHING', { what: 'roll back', state: saysState(bridgeStatus(stateDir)) });
      if (current.phase === 'rolled back' || (current.phase === 'confirmed' && current.journal.direction === 'remove'))
        return bridgeStatus(stateDir);
      if (current.phase !== 'confirmed') {
        if (!goBack(current, 'asked for'))
          throw new LandlineError('BRIDGE_FAILED', {
            reason: 'the way back failed',
            back: false,
            folder: currentFolder(current),
          });
        return bridgeStatus(stateDir);
      }
      await carryOut(kernel, stateDir, prepareRemoval(kernel, stateDir, false), options, 'should this be cut off');
      const removal = readCurrent(stateDir);
      if (removal !== undefined) finish(removal);
      return bridgeStatus(stateDir);
    }),
  );
}
