/**
 * One environment's loop: observe, plan, run the first step, observe again, until the plan is empty.
 *
 * Promises: one loop at a time; a wish that changes meanwhile counts from the next round on; every waker waits for a
 * round that began after it called. A failure stands as a problem until a round succeeds.
 */
import type { EnvironmentSpec, Lease } from '../core/model.ts';
import type { Observed, Plan, ServiceMemory, Step } from '../core/plan/model.ts';
import { plan } from '../core/plan/plan.ts';
import { steadyAfterMs } from '../core/plan/services.ts';
import { asLandlineError, isLandlineError, type LandlineError } from '../errors.ts';
import { type Ipv4, ipv4 } from '../net/ipv4.ts';
import type { AttachTimes } from './attach.ts';
import { ensureLeases } from './leasing.ts';
import { observe } from './observe.ts';
import { refusal } from './refusals.ts';
import { runStep } from './run-step.ts';
import { desiredOf, sandboxView } from './wish.ts';
import { netnsPath, type World } from './world.ts';

/** From one try to the next after a failure, in milliseconds: doubled each time, at most 15 s. */
const firstRetryMs = 500;
const lastRetryMs = 15_000;

/** More rounds than any honest plan has steps: then something undoes what we do, and we say so. */
const mostRounds = 500;

export interface EnvironmentLoop {
  readonly name: string;
  /** Works until nothing is left to do. @throws LandlineError what stood in the way */
  converge(): Promise<void>;
  /** The same, for a trigger that nobody waits for. */
  wake(): void;
  observe(): Promise<Observed>;
  /** Trouble that stands at the moment. */
  readonly problem: LandlineError | undefined;
  /** Whether the last round found nothing left to do. */
  readonly settled: boolean;
  readonly times: AttachTimes | undefined;
  restarts(service: string): number;
  /** Services that have failed are started again, whatever `restart` says. */
  startAnyway(): void;
  /** Ends the loop; nothing of the environment is touched. */
  close(): Promise<void>;
}

export function environmentLoop(world: World, name: string): EnvironmentLoop {
  const memory = new Map<string, ServiceMemory>();
  const starts = new Map<string, number>();
  const avoid = new Map<string, Ipv4[]>();
  let running: Promise<void> | undefined;
  let again = false;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let retryMs = firstRetryMs;
  let problem: LandlineError | undefined;
  let settled = false;
  let times: AttachTimes | undefined;
  let lastView = '';

  const look = (): Promise<Observed> =>
    observe(world.host, world.engine, world.marked, {
      installation: world.store.installation,
      environment: name,
      netns: netnsPath(world, name),
    });

  /** Notes the services that ended since the last look, for their back-off. */
  const remember = (observed: Observed): void => {
    for (const service of observed.services) {
      if (service.state !== 'exited' || hasEnded(service.name)) continue;
      const startedAt = starts.get(service.name);
      const endedAt = Date.now();
      const quick = startedAt !== undefined && endedAt - startedAt < steadyAfterMs;
      const before = memory.get(service.name);
      const quickEnds = quick ? (before?.quickEnds ?? -1) + 1 : 0;
      memory.set(service.name, { restarts: before?.restarts ?? 0, quickEnds, endedAt, startAnyway: false });
      world.events.tell('service ended', { environment: name, service: service.name, status: service.exitStatus ?? 'unknown' });
    }
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
    const leases = await ensureLeases(world, record.spec, avoid);
    const desired = desiredOf(world.configuration.networks, record.spec, leases);
    await refreshFiles(record.spec, leases, observed);
    return { spec: record.spec, todo: plan(desired, observed, memory, Date.now()) };
  };

  /** Services that run on see another address, resolver or neighbour at once. */
  const refreshFiles = async (spec: EnvironmentSpec, leases: readonly Lease[], observed: Observed): Promise<void> => {
    if (!observed.services.some((it) => it.state === 'running')) return;
    const view = sandboxView(world.configuration.networks, spec, leases, netnsPath(world, name));
    const text = JSON.stringify(view);
    if (text !== lastView) await world.engine.refresh(view);
    lastView = text;
  };

  const run = async (spec: EnvironmentSpec, step: Step): Promise<void> => {
    await runStep({ world, spec, onAttached: (_endpoint, took) => (times = took) }, step);
    if (step.do !== 'start-service') return;
    const service = step.service.spec.name;
    const before = memory.get(service);
    if (before !== undefined) memory.set(service, { ...before, startAnyway: false, restarts: before.restarts + 1 });
    starts.set(service, Date.now());
  };

  const round = async (): Promise<void> => {
    for (let count = 0; count < mostRounds && !closed; count += 1) {
      const observed = await look();
      remember(observed);
      const next = await nextPlan(observed);
      const step = next?.todo.steps[0];
      if (next === undefined || step === undefined) return sleepUntil(next?.todo.wakeAt);
      settled = false;
      await run(next.spec, step).catch((error: unknown) => walkAround(next.spec, step, error));
    }
    if (!closed) throw new Error(`environment ${name} does not settle in ${mostRounds} rounds`);
  };

  /** An address of the pool that somebody squats on: the next one is taken instead. */
  const walkAround = (spec: EnvironmentSpec, step: Step, error: unknown): void => {
    const lease = world.store.leasesOf(name).find((it) => step.do === 'attach' && it.interface === step.endpoint.interface);
    if (!isLandlineError(error, 'ADDRESS_TAKEN') || lease?.source !== 'pool') throw error;
    const { address, holder, network } = error.details;
    world.events.tell('address squatted', { environment: spec.name, network, address, holder });
    avoid.set(lease.interface, [...(avoid.get(lease.interface) ?? []), ipv4(address)]);
    world.store.release({ environment: name, interface: lease.interface, now: Date.now(), quarantineMs: 0 });
  };

  const sleepUntil = (at: number | undefined): void => {
    avoid.clear();
    settled = at === undefined;
    problem = undefined;
    retryMs = firstRetryMs;
    if (at !== undefined) wakeIn(at - Date.now());
  };

  const wakeIn = (ms: number): void => {
    clearTimeout(timer);
    if (!closed) timer = setTimeout(loop.wake, Math.max(0, ms));
  };

  const failed = (error: unknown): LandlineError => {
    const it = asLandlineError(refusal(error));
    if (problem?.message !== it.message) world.events.tell('environment in trouble', { environment: name, code: it.code, problem: it.message });
    if (it.code === 'INTERNAL') process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    problem = it;
    settled = false;
    avoid.clear();
    wakeIn(retryMs);
    retryMs = Math.min(lastRetryMs, retryMs * 2);
    return it;
  };

  const work = async (): Promise<void> => {
    try {
      while (again && !closed) {
        again = false;
        clearTimeout(timer);
        await round();
      }
    } catch (error) {
      throw failed(error);
    } finally {
      running = undefined;
    }
  };

  const loop: EnvironmentLoop = {
    name,
    converge: async () => {
      again = true;
      running ??= work();
      await running;
      // A wake that came between the last look and the end of the work has its own round.
      if (again && !closed) await loop.converge();
    },
    wake: () => {
      // What stands in the way is kept as the problem.
      loop.converge().catch(() => undefined);
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
    restarts: (service) => memory.get(service)?.restarts ?? 0,
    startAnyway: () => {
      for (const [service, it] of memory) if (hasEnded(service)) memory.set(service, { ...it, startAnyway: true });
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await running?.catch(() => undefined);
    },
  };
  return loop;
}
