/** Waiting until an environment's services run, are healthy, or have completed. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentSpec, ServiceSpec } from '../core/model.ts';
import type { ObservedService } from '../core/plan/model.ts';
import { LandlineError } from '../errors.ts';
import type { EnvironmentLoop } from './environment.ts';
import { desiredServices } from './wish.ts';

/** A service that still runs after so many milliseconds has started; one that cannot start is gone by then. */
const standsAfterMs = 150;

/** From look to look, in milliseconds: at first, and once it takes longer than most starts do. */
const lookEveryMs = 50;
const laterLookEveryMs = 200;

export interface ReadyOptions {
  /** The longest wait, in milliseconds. */
  readonly timeoutMs: number;
  /** What has been asked for since; undefined while this wish is the newest. */
  readonly overtakenBy: () => string | undefined;
  /** The address that an endpoint waits for; undefined when all have theirs. Left out: nobody waits for one. */
  readonly awaits?: () => string | undefined;
  /** The last lines of a service's log. */
  readonly logTail: (service: string) => Promise<string[]>;
}

/** @throws LandlineError SERVICE_FAILED, SERVICE_UNHEALTHY, DEPENDENCY_FAILED, WAIT_EXPIRED, SUPERSEDED */
export async function awaitReady(
  spec: EnvironmentSpec,
  loop: Pick<EnvironmentLoop, 'observe' | 'problem' | 'startsAgain'>,
  { timeoutMs, overtakenBy, awaits = () => undefined, logTail }: ReadyOptions,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  const digests = new Map(desiredServices(spec).map((it) => [it.spec.name, it.digest]));
  for (;;) {
    const services = (await loop.observe()).services.filter((it) => !isFormer(it, digests.get(it.name)));
    const by = overtakenBy();
    if (by !== undefined) throw new LandlineError('SUPERSEDED', { environment: spec.name, by });
    const failed = services.find((it) => hasFailed(spec, it, loop));
    if (failed !== undefined) throw await failure(spec, services, failed, logTail);
    const wanted = spec.services.filter(({ name }) => spec.stopped?.includes(name) !== true);
    const waitsFor = wanted.filter((it) => !stands(services.find((service) => service.name === it.name)));
    if (waitsFor.length === 0 && awaits() === undefined) return;
    if (performance.now() > deadline) {
      const names = waitsFor.map((it) => `service '${it.name}'`).join(', ');
      const waiting = loop.problem?.message ?? awaits() ?? names;
      throw new LandlineError('WAIT_EXPIRED', { environment: spec.name, seconds: timeoutMs / 1000, waitsFor: waiting });
    }
    await sleep(performance.now() < deadline - timeoutMs + 1000 ? lookEveryMs : laterLookEveryMs);
  }
}

/** What is left of a run that was ended to begin another: how it ended says nothing of the one that is waited for. */
function isFormer({ state, stopped, digest }: ObservedService, wished: string | undefined): boolean {
  return state === 'exited' && (stopped === true || (digest !== undefined && digest !== wished));
}

function stands(service: ObservedService | undefined): boolean {
  if (service === undefined) return false;
  if (service.state === 'exited') return service.exitStatus === 0;
  if (service.health !== undefined) return service.health.state === 'healthy';
  return service.state === 'running' && Date.now() - (service.startedAt ?? 0) >= standsAfterMs;
}

/** Whether a service is wished for, needed, and neither stands nor will soon. */
function hasFailed(spec: EnvironmentSpec, it: ObservedService, loop: Pick<EnvironmentLoop, 'startsAgain'>): boolean {
  const wish = spec.services.find((service) => service.name === it.name);
  const failed = it.state === 'exited' ? it.exitStatus !== 0 : it.health?.state === 'unhealthy';
  if (wish === undefined || !failed || spec.stopped?.includes(it.name) === true) return false;
  const waiting = dependents(spec, it.name);
  const isOptional = waiting.length > 0 && waiting.every(({ required }) => !required);
  const triesAgain = it.exitStatus !== undefined && loop.startsAgain(wish, it.exitStatus);
  return !isOptional && !(triesAgain && waiting.some(({ condition }) => condition === 'service_completed_successfully'));
}

/** Who waits for a service, and how. */
function dependents(spec: EnvironmentSpec, on: string): readonly (ServiceSpec['dependsOn'][number] & { readonly by: string })[] {
  return spec.services.flatMap(({ name, dependsOn }) =>
    dependsOn.filter(({ service }) => service === on).map((it) => ({ ...it, by: name })),
  );
}

async function failure(
  spec: EnvironmentSpec,
  services: readonly ObservedService[],
  failed: ObservedService,
  logTail: (service: string) => Promise<string[]>,
): Promise<LandlineError> {
  const environment = spec.name;
  const isStarted = (name: string): boolean => services.some((it) => it.name === name && it.state !== 'absent');
  const waiting = dependents(spec, failed.name).find(({ by, required }) => required && !isStarted(by));
  const { state, health } = failed;
  const log = state === 'running' && health !== undefined ? lastLines(health.output) : await logTail(failed.name);
  if (waiting !== undefined) {
    return new LandlineError('DEPENDENCY_FAILED', {
      environment,
      service: waiting.by,
      dependency: failed.name,
      ended: endOf(failed),
      log,
    });
  }
  if (state === 'running') return new LandlineError('SERVICE_UNHEALTHY', { environment, service: failed.name, log });
  return new LandlineError('SERVICE_FAILED', { environment, service: failed.name, ended: endOf(failed), log });
}

/** How a service ended, in words that follow its name. */
export function endOf({ state, exitStatus: status }: ObservedService): string {
  if (state === 'running') return 'is unhealthy';
  if (status === undefined) return 'was killed';
  return status > 128 ? `was ended by signal ${status - 128}` : `ended with status ${status}`;
}

/** The end of what a check wrote, for a message. */
export const lastLines = (output: string): string[] =>
  output
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-3);
