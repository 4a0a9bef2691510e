/** All environments: bringing up, ending, looking, and what triggers their loops. */
import { restMs } from '../core/ipam/index.ts';
import type { EnvironmentSpec, ServiceSpec } from '../core/model.ts';
import { asLandlineError, isLandlineError, LandlineError } from '../errors.ts';
import { nearest } from '../net/name.ts';
import type { EnvironmentRecord } from '../store/index.ts';
import { type EnvironmentLoop, environmentLoop } from './environment.ts';
import { exclusively } from './exclusively.ts';
import { applyFirewall, requireFreePorts } from './host-firewall.ts';
import { hostAddresses6, hostAddressesOn, leasesAddress, putWithLeases, releaseLeases } from './leasing.ts';
import { logTail } from './log-tail.ts';
import { isPrivate, networksOf } from './networks.ts';
import { removeOwnBridges } from './own-bridges.ts';
import { prepareService } from './prepare.ts';
import { awaitReady } from './ready.ts';
import { sandboxPath } from './sandbox.ts';
import { endFormer, prepareSwap, type SwapOptions, swap } from './swap.ts';
import { requireNames } from './wish.ts';
import type { World } from './world.ts';

export interface UpOptions {
  /** Wait until every service runs; otherwise only until the network is whole and the services have been started. */
  readonly wait: boolean;
  /** The longest wait, in milliseconds. */
  readonly timeoutMs: number;
}

export interface DownOptions {
  readonly keepAddress: boolean;
  /** Remove what its volumes hold, too. */
  readonly volumes: boolean;
}

export interface Upped {
  readonly loop: EnvironmentLoop;
  /** What has been asked for since; undefined while it is still as this request wished it. */
  overtakenBy(): string | undefined;
}

export interface Environments {
  /** @throws LandlineError ADDRESS_*, POOL_*, NETWORK_UNKNOWN, NAME_TOO_LONG, BRIDGE_*, SERVICE_FAILED, COMMAND_MISSING, WAIT_EXPIRED, SUPERSEDED */
  up(spec: EnvironmentSpec, options: UpOptions): Promise<Upped>;
  /**
   * Another generation of what is up, healthy before it takes its place; one that is not up is brought up.
   * @throws LandlineError SWAP_*, and those of `up`
   */
  swap(spec: EnvironmentSpec, options: SwapOptions): Promise<Upped & { readonly exchangeMs?: number }>;
  /** @throws LandlineError ENVIRONMENT_UNKNOWN */
  down(name: string, options: DownOptions): Promise<void>;
  /** Stops services, all where none is named, until somebody starts them. @throws LandlineError ENVIRONMENT_UNKNOWN, SERVICE_UNKNOWN */
  stop(name: string, service: string | undefined): Promise<EnvironmentLoop>;
  /** Starts services anew that do not run. @throws LandlineError those of `up` */
  start(name: string, service: string | undefined, options: UpOptions): Promise<EnvironmentLoop>;
  /** Stops services and starts them again: one wish, that is fulfilled whole or not at all. @throws LandlineError those of `start` */
  restart(name: string, service: string | undefined, options: UpOptions): Promise<EnvironmentLoop>;
  /**
   * One service anew, the others as they are; when the new one does not stand, the former one is put back.
   * @throws LandlineError ENVIRONMENT_UNKNOWN, SERVICE_UNKNOWN, IMAGE_*, and those of `up`
   */
  replace(name: string, service: string, image: string | undefined, options: UpOptions): Promise<EnvironmentLoop>;
  /** Writes the wish for the sandbox of somebody else's container, and looks after it from now on: what stands in its way is a problem of it. */
  adopt(spec: EnvironmentSpec): Promise<void>;
  /** @throws LandlineError ENVIRONMENT_UNKNOWN */
  require(name: string): { readonly record: EnvironmentRecord; readonly loop: EnvironmentLoop };
  loop(name: string): EnvironmentLoop;
  /** After a start of the daemon: finishes what was being made or ended, and looks at what should be whole. */
  resume(name: string): Promise<void>;
  /** Something may have changed for these, and for those that share the network of one of them. */
  wake(names: Iterable<string>): void;
  /** These alone are looked at again, where they still are. */
  wakeThese(names: Iterable<string>): void;
  wakeAll(): void;
  close(): Promise<void>;
}

export function openEnvironments(world: World): Environments {
  const loops = new Map<string, EnvironmentLoop>();
  const inTurn = exclusively();

  const loop = (name: string): EnvironmentLoop => {
    const it = loops.get(name) ?? environmentLoop(world, name, () => wake([name]));
    loops.set(name, it);
    return it;
  };

  /** The ledger is read once for all. */
  const wake = (names: Iterable<string>): void => {
    const wanted = new Set(names);
    for (const record of world.store.environments()) {
      if (wanted.has(record.spec.name) || sharesNetworkOf(record.spec, wanted)) wakeOne(record);
    }
  };

  const wakeThese = (names: Iterable<string>): void => {
    for (const name of names) {
      const record = world.store.environment(name);
      if (record !== undefined) wakeOne(record);
    }
  };

  const wakeJoined = (name: string): void => {
    const its = new Set([name]);
    for (const record of world.store.environments()) if (sharesNetworkOf(record.spec, its)) wakeOne(record);
  };

  /** What one environment gave back may be what another lacks. */
  const wakeTroubled = (): void => {
    for (const it of loops.values()) if (it.problem?.retry === 'after-change') it.wake();
  };

  const wakeOne = ({ phase, spec }: EnvironmentRecord): void => {
    // What could not be ended whole is ended now, in the ledger too; what was attached to goes with its process.
    if (phase === 'removing') resume(spec.name).catch(() => undefined);
    else if (isOver(world, spec)) down(spec.name, { keepAddress: false, volumes: false }).catch(() => undefined);
    else {
      loop(spec.name).wake();
      world.swaps.get(spec.name)?.loop.wake();
    }
  };

  const unknown = (name: string): LandlineError => {
    const suggestion = nearest(
      name,
      world.store.environments().map((it) => it.spec.name),
    );
    return new LandlineError('ENVIRONMENT_UNKNOWN', { name, ...(suggestion === undefined ? {} : { suggestion }) });
  };

  const require = (name: string): { record: EnvironmentRecord; loop: EnvironmentLoop } => {
    const record = world.store.environment(name);
    if (record === undefined || record.phase === 'removing') throw unknown(name);
    return { record, loop: loop(name) };
  };

  /** Ends it in the world, then in the ledger. */
  const remove = async (
    name: string,
    options: { keepAddresses: boolean; quarantineMs: number; volumes?: boolean },
  ): Promise<void> => {
    const record = world.store.environment(name);
    // Refused before it was written.
    if (record === undefined) return endLoop(name);
    await world.store.together(() => world.store.putEnvironment(record.spec, 'removing', Date.now()));
    if (options.keepAddresses) world.leases.forget(name);
    await loop(name).converge();
    // Where there was no sandbox any more to release them from.
    if (!options.keepAddresses) await releaseLeases(world, record.spec);
    if (options.volumes === true) await world.engine.removeVolumes(name);
    const { keepAddresses, quarantineMs } = options;
    await world.store.together(() => world.store.removeEnvironment({ name, now: Date.now(), keepAddresses, quarantineMs }));
    await endLoop(name);
    await world.shims.settle();
    if (world.linkNetworks.size > 0) await removeOwnBridges(world).catch(() => undefined);
    await settleFirewall(world, record.spec).catch(() => undefined);
    world.events.tell('environment gone', { environment: name });
    wakeJoined(name);
    wakeTroubled();
  };

  const endLoop = async (name: string): Promise<void> => {
    await loops.get(name)?.close();
    loops.delete(name);
  };

  /** Puts the former wish back, after a new one was refused. */
  const putBack = async (name: string, before: EnvironmentRecord | undefined): Promise<void> => {
    if (before === undefined) return remove(name, { keepAddresses: false, quarantineMs: 0 });
    world.store.putEnvironment(before.spec, before.phase, Date.now());
    await loop(name).converge();
  };

  /** @returns the wish as it was written */
  const bringUp = async (wish: EnvironmentSpec): Promise<EnvironmentSpec> => {
    const before = world.store.environment(wish.name);
    const spec = withFormerRestarts(wish, before?.spec);
    const it = loop(spec.name);
    requireNames(networksOf(world), spec);
    await requireFreePorts(world, spec);
    try {
      for (const service of before?.spec.stopped ?? []) await world.engine.forget(spec.name, service);
      await putWithLeases(world, spec, before?.phase === 'up' ? 'up' : 'creating');
      await settleFirewall(world, spec);
      it.renew();
      await it.converge();
    } catch (error) {
      // The daemon ends: the next one finishes what was begun.
      if (isLandlineError(error, 'SUPERSEDED')) throw error;
      if (!takesBack(error)) {
        world.store.putEnvironment(spec, 'up', Date.now());
        throw error;
      }
      const restored = before?.phase === 'up' ? before : undefined;
      await putBack(spec.name, restored).catch((second: unknown) => {
        world.events.tell('could not put back', { environment: spec.name, problem: asLandlineError(second).message });
      });
      throw error;
    }
    await world.store.together(() => world.store.putEnvironment(spec, 'up', Date.now()));
    world.events.tell('environment up', { environment: spec.name });
    wakeJoined(spec.name);
    return spec;
  };

  const down = async (name: string, { keepAddress, volumes }: DownOptions): Promise<void> => {
    if (world.store.environment(name) === undefined) throw unknown(name);
    world.swaps.get(name)?.abort('`landline down`');
    await inTurn(name, async () => {
      if (keepAddress) await reserveOwn(world, name);
      await remove(name, { keepAddresses: keepAddress, quarantineMs: restMs, volumes });
    });
  };

  const swapOne: Environments['swap'] = async (wish, options) => {
    const { name } = wish;
    const swapped = await inTurn(name, async () => {
      const before = world.store.environment(name);
      if (before?.phase !== 'up') return { written: await bringUp(wish) };
      await prepareSwap(world, before.spec, wish, options.shared);
      const done = await swap(world, before, withFormerRestarts(wish, before.spec), { loop, endLoop }, options);
      world.events.tell('environment up', { environment: name });
      wakeJoined(name);
      await endFormer(world, done.former);
      return done;
    });
    if ('written' in swapped) {
      await ready(swapped.written, { wait: true, timeoutMs: options.timeoutMs });
      return upped(swapped.written);
    }
    const { spec, exchangeMs } = swapped;
    return { ...upped(spec), ...(exchangeMs === undefined ? {} : { exchangeMs }) };
  };

  /** Writes another wish, and waits until it is so. Cut off in the middle, the next daemon finishes it. */
  const rewish = async (name: string, change: (spec: EnvironmentSpec) => EnvironmentSpec): Promise<EnvironmentSpec> => {
    const { record, loop: it } = require(name);
    const spec = change(record.spec);
    world.store.putEnvironment(spec, record.phase, Date.now());
    await it.converge();
    return spec;
  };

  const stop: Environments['stop'] = async (name, service) => {
    const names = chosen(require(name).record.spec, service);
    await inTurn(name, () => rewish(name, (spec) => withStopped(spec, new Set(spec.stopped).union(new Set(names)))));
    world.events.tell('services stopped', { environment: name, services: names.join(' ') });
    return loop(name);
  };

  const start: Environments['start'] = async (name, service, options) => {
    const names = chosen(require(name).record.spec, service);
    const spec = await inTurn(name, async () => {
      // What ended is started like what never ran, also by the next daemon.
      for (const it of names) await world.engine.forget(name, it);
      loop(name).renew(names);
      return rewish(name, (it) => withStopped(it, new Set(it.stopped).difference(new Set(names))));
    });
    world.events.tell('services wished for again', { environment: name, services: names.join(' ') });
    await ready(spec, options);
    return loop(name);
  };

  const restart: Environments['restart'] = async (name, service, options) => {
    const names = chosen(require(name).record.spec, service);
    const spec = await inTurn(name, () =>
      rewish(name, (it) => withStopped(restarted(it, names), new Set(it.stopped).difference(new Set(names)))),
    );
    world.events.tell('services restarted', { environment: name, services: names.join(' ') });
    await ready(spec, options);
    return loop(name);
  };

  const replace: Environments['replace'] = async (name, service, image, options) => {
    chosen(require(name).record.spec, service);
    await inTurn(name, async () => {
      const { record } = require(name);
      const spec = withStopped(
        replacedIn(record.spec, service, image),
        (record.spec.stopped ?? []).filter((it) => it !== service),
      );
      await prepareService(world, spec, service);
      world.engine.keepFormer?.(name, service);
      try {
        await standIn(spec, service, options);
      } catch (error) {
        if (!isLandlineError(error, 'SUPERSEDED')) await putBackService(record.spec, record.phase, service);
        throw error;
      } finally {
        await world.engine.dropFormer?.(name, service).catch(() => undefined);
      }
    });
    world.events.tell('service replaced', { environment: name, service });
    return loop(name);
  };

  /** Writes the wish and waits until the one service stands. */
  const standIn = async (spec: EnvironmentSpec, service: string, options: UpOptions): Promise<void> => {
    world.store.putEnvironment(spec, 'up', Date.now());
    loop(spec.name).renew([service]);
    await loop(spec.name).converge();
    const alone = {
      ...spec,
      services: spec.services.filter((it) => it.name === service).map((it) => ({ ...it, dependsOn: [] })),
    };
    const overtakenBy = (): string | undefined => newerWish(world, spec);
    await awaitReady(alone, loop(spec.name), { timeoutMs: options.timeoutMs, overtakenBy, logTail: logTail(world, spec.name) });
  };

  const putBackService = async (spec: EnvironmentSpec, phase: EnvironmentRecord['phase'], service: string): Promise<void> => {
    world.store.putEnvironment(spec, phase, Date.now());
    loop(spec.name).renew([service]);
    await loop(spec.name)
      .converge()
      .catch((error: unknown) => {
        world.events.tell('could not put back', { environment: spec.name, problem: asLandlineError(error).message });
      });
    world.events.tell('former service put back', { environment: spec.name, service });
  };

  const ready = async (spec: EnvironmentSpec, { wait, timeoutMs }: UpOptions): Promise<void> => {
    const overtakenBy = (): string | undefined => newerWish(world, spec);
    if (wait)
      await awaitReady(spec, loop(spec.name), {
        timeoutMs,
        overtakenBy,
        logTail: logTail(world, spec.name),
        awaits: () => leaseAwaited(world, spec.name, loop(spec.name)),
      });
  };

  const upped = (spec: EnvironmentSpec): Upped => ({ loop: loop(spec.name), overtakenBy: () => newerWish(world, spec) });

  const resume = (name: string): Promise<void> =>
    inTurn(name, async () => {
      const record = world.store.environment(name);
      if (record?.phase === 'removing') await remove(name, { keepAddresses: false, quarantineMs: restMs });
      else if (record?.phase === 'creating') await bringUp(record.spec);
      else if (record !== undefined) await loop(name).converge();
    });

  const adopt: Environments['adopt'] = (spec) =>
    inTurn(spec.name, async () => {
      const before = world.store.environment(spec.name);
      if (before !== undefined && before.phase !== 'removing' && JSON.stringify(before.spec) === JSON.stringify(spec)) return;
      await world.store.together(() => world.store.putEnvironment(spec, 'up', Date.now()));
      // What stands in its way is a problem that the networks show, and that an attach to the private one meets.
      await settleFirewall(world, spec).catch(() => undefined);
      world.events.tell('environment up', { environment: spec.name });
      loop(spec.name).wake();
    });

  return {
    require,
    loop,
    resume,
    adopt,
    wake,
    wakeThese,
    up: async (spec, options) => {
      const written = await inTurn(spec.name, () => bringUp(spec));
      await ready(written, options);
      return upped(written);
    },
    swap: swapOne,
    down,
    stop,
    start,
    restart,
    replace,
    wakeAll: () => world.store.environments().forEach(wakeOne),
    close: async () => {
      await Promise.all([...loops.values(), ...[...world.swaps.values()].map((it) => it.loop)].map((it) => it.close()));
    },
  };
}

const sharesNetworkOf = ({ sandbox }: EnvironmentSpec, names: ReadonlySet<string>): boolean =>
  sandbox?.kind === 'environment' && names.has(sandbox.name);

/** Whether it was attached to a process that has ended: then there is nothing to come back. */
function isOver(world: World, spec: EnvironmentSpec): boolean {
  return spec.sandbox?.kind === 'process' && sandboxPath(world, spec) === undefined;
}

/** The wish with these services stopped. */
function withStopped({ stopped: _former, ...spec }: EnvironmentSpec, names: Iterable<string>): EnvironmentSpec {
  const stopped = [...names].sort();
  return stopped.length === 0 ? spec : { ...spec, stopped };
}

/** The wish with these services to be started once more. */
function restarted(spec: EnvironmentSpec, names: readonly string[]): EnvironmentSpec {
  const counts = Object.fromEntries(names.map((it) => [it, (spec.restarted?.[it] ?? 0) + 1]));
  return { ...spec, restarted: { ...spec.restarted, ...counts } };
}

/** A wish that says nothing of restarts and generations, with those that were before: they are no reason for another. */
function withFormerRestarts(wish: EnvironmentSpec, before: EnvironmentSpec | undefined): EnvironmentSpec {
  const spec = { ...wish, services: wish.services.map((it) => withFormerReplacements(it, before)) };
  const kept = Object.entries(before?.restarted ?? {}).filter(([name]) => spec.services.some((it) => it.name === name));
  return {
    ...spec,
    ...(before?.generation === undefined ? {} : { generation: before.generation }),
    ...(kept.length === 0 ? {} : { restarted: Object.fromEntries(kept) }),
  };
}

function withFormerReplacements(service: ServiceSpec, before: EnvironmentSpec | undefined): ServiceSpec {
  const replaced = before?.services.find((it) => it.name === service.name)?.replaced;
  return replaced === undefined ? service : { ...service, replaced };
}

/** The wish with this service anew, of another image where one is named. @throws LandlineError USAGE */
function replacedIn(spec: EnvironmentSpec, name: string, image: string | undefined): EnvironmentSpec {
  const services = spec.services.map((it): ServiceSpec => {
    if (it.name !== name) return it;
    const replaced = (it.replaced ?? 0) + 1;
    if (image === undefined) return { ...it, replaced };
    if (it.container !== undefined) return { ...it, replaced, container: { ...it.container, image } };
    const problem = `service '${name}' of '${spec.name}' is a command, and has no image`;
    throw new LandlineError('USAGE', { problem, advice: 'leave out --image' });
  });
  return { ...spec, services };
}

/** @throws LandlineError SERVICE_UNKNOWN */
function chosen(spec: EnvironmentSpec, service: string | undefined): readonly string[] {
  const services = spec.services.map((it) => it.name);
  if (service === undefined) return services;
  if (services.includes(service)) return [service];
  throw serviceUnknown(spec.name, service, services);
}

export function serviceUnknown(environment: string, service: string, services: readonly string[]): LandlineError {
  const suggestion = nearest(service, services);
  return new LandlineError('SERVICE_UNKNOWN', {
    environment,
    service,
    services,
    ...(suggestion === undefined ? {} : { suggestion }),
  });
}

/** Whether its sandbox is somebody else's, who lets it be plumbed. */
const isAttached = ({ sandbox }: EnvironmentSpec): boolean =>
  sandbox?.kind === 'process' || sandbox?.kind === 'file' || sandbox?.kind === 'container';

/** What has been asked for since, for the error that tells of it; undefined when `spec` is still the wish. */
function newerWish(world: World, spec: EnvironmentSpec): string | undefined {
  const record = world.store.environment(spec.name);
  if (record === undefined || record.phase === 'removing') return '`landline down`';
  if (JSON.stringify(record.spec) === JSON.stringify(spec)) return undefined;
  if (record.spec.stopped !== undefined) return '`landline stop`';
  if (isAttached(record.spec)) return 'another `landline attach` or `detach`';
  return record.spec.generation === spec.generation ? 'another `landline up`' : 'another `landline up --swap`';
}

/** What concerns the network takes the whole wish back; a service that fails leaves its environment to be looked at. */
function takesBack(error: unknown): boolean {
  const ofServices = ['SERVICE_FAILED', 'COMMAND_MISSING', 'USER_UNKNOWN', 'PROGRAM_MISSING'] as const;
  return !ofServices.some((code) => isLandlineError(error, code));
}

/**
 * The firewall as the ledger wishes it. Environments on the private network wait for it, and those that lease an
 * address: a foreign firewall that drops what is bridged would cost them their first request. Others of a LAN do not
 * need it, and what stands in its way is a problem that their network shows.
 */
async function settleFirewall(world: World, spec: EnvironmentSpec): Promise<void> {
  const settled = applyFirewall(world);
  const done = isPrivate(spec) ? settled : settled.catch(() => undefined);
  if (isPrivate(spec) || leasesAddress(world, spec)) await done;
}

/** Before an environment ends: so that its addresses stay its own even if the daemon dies on the way. */
async function reserveOwn(world: World, name: string): Promise<void> {
  for (const { network: joined, address, source } of world.store.leasesOf(name)) {
    // A lease stays the environment's at its server, until it ends there.
    if (source === 'dhcp') continue;
    const network = networksOf(world).find((it) => it.name === joined);
    if (network === undefined) continue;
    const hostAddresses = await hostAddressesOn(world, network);
    world.store.reserve({ network, address, holder: name, note: 'kept when it ended', hostAddresses, now: Date.now() });
  }
  const leases6 = world.store.leases6(name);
  const hostAddresses = leases6.length === 0 ? [] : await hostAddresses6(world);
  for (const { network: joined, address } of leases6) {
    const network = networksOf(world).find((it) => it.name === joined);
    if (network === undefined) continue;
    world.store.reserve6({ network, address, holder: name, note: 'kept when it ended', hostAddresses, now: Date.now() });
  }
}

/** What an environment without an address waits for. */
function leaseAwaited(world: World, name: string, loop: EnvironmentLoop): string | undefined {
  const awaited = world.leases.problems(name).find((it) => isLandlineError(it, 'LEASE_AWAITED'));
  if (awaited !== undefined) return awaited.message;
  const isLeased = world.store.leasesOf(name).some((it) => it.source === 'dhcp');
  return isLeased && !loop.settled ? `its address on the LAN` : undefined;
}
