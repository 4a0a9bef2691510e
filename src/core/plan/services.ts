/** Services: which to start, in which order, which to stop, and which to leave alone for now. */
import type { Dependency, ServiceSpec } from '../model.ts';
import type { DesiredService, Observed, ObservedService, Plan, ServiceMemory, Step } from './model.ts';

/** Back-off of a service that ends by itself: 100 ms, doubled each time, at most a minute (as Docker's). */
export function backoffMs(quickEnds: number): number {
  return Math.min(60_000, 100 * 2 ** Math.min(quickEnds, 16));
}

/** After running for so long, in milliseconds, a service's back-off begins anew. */
export const steadyAfterMs = 10_000;

/** Whether an ended service is to run again, and from when on (milliseconds since 1970). */
type Verdict = { readonly kind: 'leave' } | { readonly kind: 'start'; readonly at: number };

export function planServices(
  desired: readonly DesiredService[],
  observed: Observed,
  memory: ReadonlyMap<string, ServiceMemory>,
  now: number,
): Plan {
  const steps: Step[] = planStops(desired, observed);
  const waits: { service: string; on: Dependency }[] = [];
  let wakeAt: number | undefined;
  for (const service of desired.filter(({ stopped }) => stopped !== true)) {
    const verdict = judge(service, find(observed, service.spec.name), memory.get(service.spec.name));
    if (verdict.kind === 'leave') continue;
    if (verdict.at > now) wakeAt = Math.min(wakeAt ?? verdict.at, verdict.at);
    else {
      const on = waitsFor(service, desired, observed, memory);
      if (on === undefined) steps.push({ do: 'start-service', service });
      else waits.push({ service: service.spec.name, on });
    }
  }
  return { steps, ...(wakeAt === undefined ? {} : { wakeAt }), ...(waits.length === 0 ? {} : { waits }) };
}

/**
 * What runs outside the sandbox, what nobody wishes for, and what was started otherwise than wished. Of the latter, what
 * depends on another that is to be stopped too goes first.
 */
function planStops(desired: readonly DesiredService[], observed: Observed): Step[] {
  const running = observed.services.filter((it) => it.state === 'running');
  const orderly = new Map(running.flatMap((it) => whyStop(it, desired) ?? []));
  const isNeeded = (name: string): boolean =>
    desired.some(({ spec }) => orderly.has(spec.name) && spec.dependsOn.some(({ service }) => service === name));
  return running.flatMap((it): Step[] => {
    if (!desired.some(({ spec }) => spec.name === it.name))
      return [{ do: 'stop-service', name: it.name, why: 'no longer wished for' }];
    if (it.inSandbox === false) return [{ do: 'stop-service', name: it.name, why: 'not in the sandbox' }];
    const why = orderly.get(it.name);
    return why === undefined || isNeeded(it.name) ? [] : [{ do: 'stop-service', name: it.name, why }];
  });
}

function whyStop(it: ObservedService, desired: readonly DesiredService[]): [[string, string]] | undefined {
  const wish = desired.find(({ spec }) => spec.name === it.name);
  if (wish === undefined) return undefined;
  if (wish.stopped === true) return [[it.name, 'stopped by hand']];
  return it.digest === wish.digest ? undefined : [[it.name, 'to be started anew']];
}

function judge(service: DesiredService, found: ObservedService | undefined, memory: ServiceMemory | undefined): Verdict {
  if (found?.state === 'running' && found.inSandbox !== false && found.digest === service.digest) return { kind: 'leave' };
  if (found === undefined || found.state !== 'exited' || found.digest !== service.digest) return { kind: 'start', at: 0 };
  if (found.stopped === true) return { kind: 'start', at: 0 };
  if (memory?.startAnyway === true && found.exitStatus !== 0) return { kind: 'start', at: 0 };
  // Nobody saw it end: its sandbox, the engine or the machine did, and not the service by itself.
  if (found.exitStatus === undefined) return { kind: 'start', at: 0 };
  if (!startsAgain(service.spec, found.exitStatus, memory)) return { kind: 'leave' };
  return { kind: 'start', at: (memory?.endedAt ?? 0) + backoffMs(memory?.quickEnds ?? 0) };
}

/** Whether `restart` has a service started again that ended by itself with this status. */
export function startsAgain(spec: ServiceSpec, exitStatus: number, memory: ServiceMemory | undefined): boolean {
  if (spec.restart !== 'on-failure') return spec.restart !== 'no';
  return exitStatus !== 0 && (memory?.retries ?? 0) < (spec.restartLimit ?? Number.POSITIVE_INFINITY);
}

/** The first dependency that is not as a service wants it before it starts; undefined when it may start. */
function waitsFor(
  service: DesiredService,
  desired: readonly DesiredService[],
  observed: Observed,
  memory: ReadonlyMap<string, ServiceMemory>,
): Dependency | undefined {
  return service.spec.dependsOn.find((dependency) => {
    const wish = desired.find((it) => it.spec.name === dependency.service);
    const found = find(observed, dependency.service);
    // What somebody stopped is not waited for.
    if (wish === undefined || wish.stopped === true || isMet(dependency, wish, found)) return false;
    return dependency.required || !isHopeless(wish, found, memory.get(dependency.service));
  });
}

function isMet({ condition }: Dependency, wish: DesiredService, found: ObservedService | undefined): boolean {
  if (found?.digest !== wish.digest) return false;
  const completed = found.state === 'exited' && found.exitStatus === 0;
  if (condition === 'service_completed_successfully') return completed;
  if (condition === 'service_healthy') return found.state === 'running' && found.health?.state === 'healthy';
  return found.state === 'running' || completed;
}

/** Nothing will become of it unless somebody changes something. */
function isHopeless(wish: DesiredService, found: ObservedService | undefined, memory: ServiceMemory | undefined): boolean {
  if (found?.state === 'running') return found.health?.state === 'unhealthy';
  return found?.state === 'exited' && found.exitStatus !== 0 && judge(wish, found, memory).kind === 'leave';
}

const find = (observed: Observed, name: string): ObservedService | undefined => observed.services.find((it) => it.name === name);
