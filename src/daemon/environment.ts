/**
 * One environment's loop: observe, plan, run the first step, observe again, until the plan is empty.
 *
 * Promises: one loop at a time; a wish that changes meanwhile counts from the next round on; whoever waits is told of a
 * round that began after the call. A failure stands as a problem until a round succeeds.
 */
import type { Dependency, EnvironmentSpec, Lease, ServiceSpec } from '../core/model.ts';
import { isOurs } from '../core/plan/child.ts';
import type { Observed, Plan, ServiceMemory, Step } from '../core/plan/model.ts';
import { plan } from '../core/plan/plan.ts';
import { startsAgain, steadyAfterMs } from '../core/plan/services.ts';
import { asLandlineError, isLandlineError, LandlineError } from '../errors.ts';
import { formatIpv4, type Ipv4, ipv4 } from '../net/ipv4.ts';
import type { Restarts } from '../store/index.ts';
import type { AttachTimes } from './attach.ts';
import { ensureLeases, keepLeases } from './leasing.ts';
import { isPrivate, networksOf } from './networks.ts';
import { observe } from './observe.ts';
import { mtuOutwards } from './private-endpoint.ts';
import { refusal } from './refusals.ts';
import { runStep } from './run-step.ts';
import { isOwned, isPlumbed, lookAtSandbox, sandboxMissing, sandboxPath, viewOf } from './sandbox.ts';
import { desiredOf, desiredServices } from './wish.ts';
import { netnsPath, type World } from './world.ts';

/**
 * From one try to the next after a failure, in milliseconds: doubled each time, at most 15 s. What only a change can mend
 * is looked at once more, in case the world was just moving, and then that seldom: its change is mostly heard of.
 */
const firstRetryMs = 500;
const lastRetryMs = 15_000;

/** Kernel events of a failed try's own links and of their end come within so many milliseconds: no reason to try again. */
const echoMs = 250;

/** Whether a try that failed so may have made a link before, whose events are still to come. */
const hasEcho = (it: LandlineError): boolean => ['ADDRESS_TAKEN', 'KERNEL_REFUSED', 'INTERNAL'].includes(it.code);

/** More rounds than any honest plan has steps: then something undoes what we do, and we say so. */
const mostRounds = 500;

export interface EnvironmentLoop {
  readonly name: string;
  /** Works until nothing is left to do. @throws LandlineError what stood in the way; SUPERSEDED when the loop is closed first */
  converge(): Promise<void>;
  /** Something may have changed: looks, and works if need be; nobody waits for it. */
  wake(): void;
  observe(): Promise<Observed>;
  /** Trouble that stands at the moment. */
  readonly problem: LandlineError | undefined;
  /** Whether the last round found nothing left to do. */
  readonly settled: boolean;
  readonly times: AttachTimes | undefined;
  /** How long nobody held the address when its ports were exchanged, in milliseconds; undefined where they were not. */
  readonly exchangeMs: number | undefined;
  /** How often a service was started again after an end of its own. */
  restarts(service: string): number;
  /** Whether a service that ended by itself with this status is started again, now or after its back-off. */
  startsAgain(service: ServiceSpec, exitStatus: number): boolean;
  /** A wish was made anew, of these services or of all: those that have failed are started again whatever `restart` says, and `times` is forgotten. */
  renew(services?: readonly string[]): void;
  /** Ends the loop; nothing of the environment is touched. */
  close(): Promise<void>;
}

/**
 * @param wakeLater to be called when it is time to look again
 * @param place `aside`: its links are on no bridge yet
 */
export function environmentLoop(
  world: World,
  name: string,
  wakeLater: () => void,
  place: 'lan' | 'aside' = 'lan',
): EnvironmentLoop {
  const memory = new Map<string, ServiceMemory>();
  /** From before the daemon's start. A second generation has other services. */
  const former = place === 'lan' ? world.store.restartsOf(name) : new Map<string, Restarts>();
  const starts = new Map<string, number>();
  const avoid = new Map<string, Ipv4[]>();
  /** For those who wait for a round that has not begun. */
  let awaited: PromiseWithResolvers<void> | undefined;
  let running: Promise<void> | undefined;
  let woken = false;
  let failedAt = Number.NEGATIVE_INFINITY;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let retryMs = firstRetryMs;
  let problem: LandlineError | undefined;
  let settled = false;
  /** Addresses that were told to be another machine's. */
  const taken = new Set<string>();
  let times: AttachTimes | undefined;
  let probedMs = 0;
  let exchangeMs: number | undefined;
  let lastView = '';
  /** An endpoint has no address yet. */
  let waitsForLease = false;
  let lastWaits = new Map<string, string>();

  const look = async (): Promise<Observed> => {
    const spec = world.store.environment(name)?.spec;
    if (spec !== undefined) await lookAtSandbox(world, spec);
    return observe(world.host, world.engine, world.marked, {
      installation: world.store.installation,
      environment: name,
      netns: spec === undefined ? netnsPath(world, name) : sandboxPath(world, spec),
      owned: spec === undefined || isOwned(spec),
      plumbed: spec === undefined || isPlumbed(spec),
      nics: world.store.nics().filter((it) => it.environment === name),
    });
  };

  /** A NIC of the host whose sandbox has ended, or has become another, comes back before anything else is looked at. */
  const settleNics = async (): Promise<void> => {
    const spec = world.store.environment(name)?.spec;
    await world.nics.settle(name, spec === undefined ? undefined : sandboxPath(world, spec));
  };

  /** Notes the services that ended since the last look, for their back-off. */
  const remember = (observed: Observed): void => {
    for (const service of observed.services) {
      if (service.state !== 'exited' || hasEnded(service.name)) continue;
      const startedAt = starts.get(service.name);
      const endedAt = Date.now();
      const quick = startedAt !== undefined && endedAt - startedAt < steadyAfterMs;
      const before = memory.get(service.name);
      const quickEnds = quick ? (before?.quickEnds ?? -1) + 1 : 0;
      const unseen = service.exitStatus === undefined ? ({ unseen: true } as const) : {};
      // A daemon that was killed may have stopped it, for its start anew.
      const stopped = service.stopped === true;
      memory.set(service.name, { ...countsOf(service.name), quickEnds, endedAt, startAnyway: false, stopped, ...unseen });
      world.events.tell('service ended', { environment: name, service: service.name, status: service.exitStatus ?? 'unknown' });
    }
  };

  /** Tells of each service that waits for something else than at the last look. */
  const tellWaits = (waits: Plan['waits'] = []): void => {
    const now = new Map(waits.map(({ service, on }) => [service, waitText(on)]));
    for (const [service, on] of now)
      if (lastWaits.get(service) !== on) world.events.tell('service waiting', { environment: name, service, on });
    lastWaits = now;
  };

  /** Whether its last end has been noted. */
  const hasEnded = (service: string): boolean => {
    const ended = memory.get(service)?.endedAt;
    return ended !== undefined && ended >= (starts.get(service) ?? 0);
  };

  const nextPlan = async (observed: Observed): Promise<{ spec: EnvironmentSpec; todo: Plan } | undefined> => {
    const record = world.store.environment(name);
    if (record === undefined) return undefined;
    if (record.phase === 'removing') return { spec: record.spec, todo: plan(undefined, observed, memory, Date.now()) };
    if (observed.sandbox === undefined && !isOwned(record.spec))
      return { spec: record.spec, todo: awaitOwner(record.spec, observed) };
    const leases = await ensureLeases(world, record.spec, avoid);
    keepLeases(world, record.spec, linksOf(observed));
    const mtu = isPrivate(record.spec) ? await mtuOutwards(world.host) : undefined;
    const { installation } = world.store;
    const desired = desiredOf(networksOf(world), record.spec, leases, { installation, mtu, aside: place === 'aside' });
    await refreshFiles(record.spec, leases, observed);
    waitsForLease = desired.waiting !== undefined;
    return { spec: record.spec, todo: plan(desired, observed, memory, Date.now()) };
  };

  /** What lives on in a sandbox whose owner went is stopped; then there is nothing to do but wait. */
  const awaitOwner = (spec: EnvironmentSpec, observed: Observed): Plan => {
    if (spec.sandbox?.kind === 'container') return awaitContainer(world, observed);
    const { steps } = plan({ endpoints: [], services: desiredServices(spec) }, observed, memory, Date.now());
    const stops = steps.filter((step) => step.do === 'stop-service');
    if (stops.length === 0) throw sandboxMissing(world, spec);
    return { steps: stops };
  };

  /** Services that run on see another address, resolver or neighbour at once. */
  const refreshFiles = async (spec: EnvironmentSpec, leases: readonly Lease[], observed: Observed): Promise<void> => {
    if (!observed.services.some((it) => it.state === 'running')) return;
    const view = viewOf(world, spec, leases);
    const text = JSON.stringify(view);
    if (text !== lastView) await world.engine.refresh(view);
    lastView = text;
  };

  const run = async (spec: EnvironmentSpec, step: Step): Promise<void> => {
    if (step.do === 'stop-service') noteStop(step.name);
    const onAttached = (_endpoint: unknown, took: AttachTimes): void => {
      times = took;
    };
    const onExchanged = (ms: number): void => {
      exchangeMs = ms;
    };
    // Before it: where the daemon is killed in between, better one start too few than one too many.
    if (step.do === 'start-service') await writeCounts(step.service.spec.name);
    await runStep({ world, spec, onAttached, onProbed: (ms) => (probedMs = ms), probedMs, onExchanged }, step);
    if (step.do === 'start-service') await noteStart(step.service.spec.name);
  };

  /** That it ends now is no end of its own. */
  const noteStop = (service: string): void => {
    memory.set(service, { ...countsOf(service), quickEnds: 0, endedAt: Date.now(), startAnyway: false, stopped: true });
  };

  const noteStart = async (service: string): Promise<void> => {
    starts.set(service, Date.now());
    const before = memory.get(service);
    if (before === undefined) return;
    const { unseen: _, ...rest } = before;
    const counts = countsWithStart(before);
    memory.set(service, { ...rest, ...counts, startAnyway: false, stopped: false });
    // Somebody may have asked for it while it was being started.
    await put(service, counts);
  };

  const writeCounts = async (service: string): Promise<void> => {
    const before = memory.get(service);
    if (before !== undefined) await put(service, countsWithStart(before));
  };

  /** Into the ledger, where it says otherwise. A second generation is none of its business. */
  const put = async (service: string, { restarts, retries }: Restarts): Promise<void> => {
    if (place === 'aside') return;
    const written = world.store.restartsOf(name).get(service);
    if ((written?.restarts ?? 0) === restarts && (written?.retries ?? 0) === retries) return;
    await world.store.together(() => world.store.putRestarts({ environment: name, service, restarts, retries }));
  };

  const countsOf = (service: string): Restarts => {
    const { restarts = 0, retries = 0 } = memory.get(service) ?? former.get(service) ?? {};
    return { restarts, retries };
  };

  const round = async (): Promise<void> => {
    for (let count = 0; count < mostRounds; count += 1) {
      if (closed) throw endOfDaemon();
      await settleNics();
      const observed = await look();
      remember(observed);
      const next = await nextPlan(observed);
      tellWaits(next?.todo.waits);
      const steps = firstOf(next?.todo.steps ?? []);
      if (next === undefined || steps.length === 0) return sleepUntil(next?.todo.wakeAt);
      settled = false;
      await sideBySide(steps, (step) => run(next.spec, step).catch((error: unknown) => walkAround(next.spec, error)));
    }
    throw new Error(`environment ${name} does not settle in ${mostRounds} rounds`);
  };

  const endOfDaemon = (): LandlineError => new LandlineError('SUPERSEDED', { environment: name, by: 'the end of the daemon' });

  /** An address of the pool that somebody squats on: the next one is taken instead. */
  const walkAround = (spec: EnvironmentSpec, error: unknown): void => {
    if (!isLandlineError(error, 'ADDRESS_TAKEN')) throw error;
    const { address, holder, network } = error.details;
    // An IPv6 address is fixed, and no lease.
    const lease = world.store.leasesOf(name).find((it) => it.network === network && formatIpv4(it.address) === address);
    if (lease === undefined || lease.source === 'static') throw error;
    if (lease.source === 'dhcp') return world.leases.conflict(lease, holder);
    world.events.tell('address squatted', { environment: spec.name, network, address, holder });
    avoid.set(lease.interface, [...(avoid.get(lease.interface) ?? []), ipv4(address)]);
    world.store.release({ environment: name, interface: lease.interface, now: Date.now(), quarantineMs: 0 });
  };

  const sleepUntil = (at: number | undefined): void => {
    avoid.clear();
    for (const address of taken) world.events.tell('address free', { environment: name, address });
    taken.clear();
    failedAt = Number.NEGATIVE_INFINITY;
    settled = at === undefined && !waitsForLease;
    problem = undefined;
    retryMs = firstRetryMs;
    if (at !== undefined) wakeIn(at - Date.now());
  };

  const wakeIn = (ms: number): void => {
    clearTimeout(timer);
    if (!closed) timer = setTimeout(wakeLater, Math.max(0, ms));
  };

  const failed = (error: unknown): LandlineError => {
    const it = asLandlineError(refusal(error));
    if (closed) return it;
    if (problem?.message !== it.message) {
      if (isLandlineError(it, 'ADDRESS_TAKEN')) {
        const { address, holder } = it.details;
        world.events.tell('address taken', { environment: name, address, holder });
        taken.add(address);
      }
      world.events.tell('environment in trouble', { environment: name, code: it.code, problem: it.message });
    }
    if (it.code === 'INTERNAL') process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    problem = it;
    settled = false;
    failedAt = hasEcho(it) ? performance.now() : Number.NEGATIVE_INFINITY;
    avoid.clear();
    wakeIn(retryMs);
    retryMs = it.retry === 'later' ? Math.min(lastRetryMs, retryMs * 2) : lastRetryMs;
    return it;
  };

  /** Rounds, for as long as somebody waits for one or something has changed. A failed one's retry has its own time. */
  const work = async (): Promise<void> => {
    while (awaited !== undefined || woken) {
      const waiting = awaited;
      awaited = undefined;
      woken = false;
      clearTimeout(timer);
      await round().then(waiting?.resolve, (error: unknown) => {
        const it = failed(error);
        woken &&= !hasEcho(it);
        waiting?.reject(it);
      });
    }
    running = undefined;
  };

  return {
    name,
    converge: async () => {
      if (closed) throw endOfDaemon();
      awaited ??= Promise.withResolvers();
      const { promise } = awaited;
      running ??= work();
      await promise;
    },
    wake: () => {
      if (closed || performance.now() < failedAt + echoMs) return;
      woken = true;
      running ??= work();
    },
    observe: look,
    get problem() {
      return problem;
    },
    get settled() {
      return settled;
    },
    get times() {
      return times;
    },
    get exchangeMs() {
      return exchangeMs;
    },
    restarts: (service) => countsOf(service).restarts,
    startsAgain: (spec, exitStatus) => startsAgain(spec, exitStatus, memory.get(spec.name)),
    renew: (services) => {
      times = undefined;
      const asked = ([service]: [string, ServiceMemory]): boolean => services?.includes(service) ?? true;
      for (const [service, it] of [...memory].filter(asked))
        if (hasEnded(service)) memory.set(service, { ...it, startAnyway: true });
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}

/** With the start that comes now. */
function countsWithStart({ restarts, retries = 0, startAnyway, stopped, unseen }: ServiceMemory): Restarts {
  if (startAnyway || stopped) return { restarts, retries: 0 };
  // What was taken down with its sandbox or the machine has not failed.
  return { restarts: restarts + 1, retries: retries + (unseen === true ? 0 : 1) };
}

function waitText({ service, condition }: Dependency): string {
  if (condition === 'service_healthy') return `${service} to be healthy`;
  return condition === 'service_started' ? `${service} to start` : `${service} to complete`;
}

/** Names of the links that are there and Landline's own. */
const linksOf = (observed: Observed): ReadonlySet<string> =>
  new Set(observed.endpoints.filter((it) => isOurs(it) && it.up).map((it) => it.interface));

/**
 * A container that does not run is in order, and its address is nobody's meanwhile: who shares its network may live on,
 * and the links with them. Before Docker has been asked, nothing is known of it.
 * @throws LandlineError DOCKER_UNREACHABLE, DOCKER_TOO_OLD
 */
function awaitContainer({ containers, dockerWatch }: World, observed: Observed): Plan {
  if (containers.isListed) return { steps: observed.leftovers.length === 0 ? [] : [{ do: 'retire-leftovers' }] };
  if (dockerWatch.problem !== undefined) throw dockerWatch.problem;
  return { steps: [] };
}

/** What is done in one go: the first step; or all services that are to be stopped, or that nothing holds up any more. */
function firstOf(steps: readonly Step[]): readonly Step[] {
  const first = steps[0]?.do;
  return first === 'stop-service' || first === 'start-service' ? steps.filter((it) => it.do === first) : steps.slice(0, 1);
}

/** Waits for all, and then throws what the first that failed threw. */
async function sideBySide<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const outcomes = await Promise.allSettled(items.map(work));
  const failed = outcomes.find((it) => it.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
