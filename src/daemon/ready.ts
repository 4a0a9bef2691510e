/** Waiting until an environment's services run. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentSpec } from '../core/model.ts';
import type { ObservedService } from '../core/plan/model.ts';
import { LandlineError } from '../errors.ts';
import type { EnvironmentLoop } from './environment.ts';

/** A service that still runs after so many milliseconds has started; one that cannot start is gone by then. */
const standsAfterMs = 150;

/** From look to look, in milliseconds. */
const lookEveryMs = 50;

/**
 * @param logTail gives the last lines of a service's log
 * @throws LandlineError SERVICE_FAILED, WAIT_EXPIRED
 */
export async function awaitReady(
  spec: EnvironmentSpec,
  loop: EnvironmentLoop,
  timeoutMs: number,
  logTail: (service: string) => Promise<string[]>,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const { services } = await loop.observe();
    const failed = services.find((it) => it.state === 'exited' && it.exitStatus !== 0 && isWished(spec, it));
    if (failed !== undefined) throw await serviceFailed(spec.name, failed, logTail);
    const waitsFor = spec.services.filter((it) => !stands(services.find((service) => service.name === it.name)));
    if (waitsFor.length === 0) return;
    if (performance.now() > deadline) {
      const names = waitsFor.map((it) => `service '${it.name}'`).join(', ');
      const waiting = loop.problem?.message ?? names;
      throw new LandlineError('WAIT_EXPIRED', { environment: spec.name, seconds: timeoutMs / 1000, waitsFor: waiting });
    }
    await sleep(lookEveryMs);
  }
}

const isWished = (spec: EnvironmentSpec, it: ObservedService): boolean => spec.services.some((service) => service.name === it.name);

function stands(service: ObservedService | undefined): boolean {
  if (service === undefined) return false;
  if (service.state === 'exited') return service.exitStatus === 0;
  return service.state === 'running' && Date.now() - (service.startedAt ?? 0) >= standsAfterMs;
}

async function serviceFailed(
  environment: string,
  service: ObservedService,
  logTail: (service: string) => Promise<string[]>,
): Promise<LandlineError> {
  const status = service.exitStatus;
  const ended = status === undefined ? 'was killed' : status > 128 ? `was ended by signal ${status - 128}` : `ended with status ${status}`;
  return new LandlineError('SERVICE_FAILED', { environment, service: service.name, ended, log: await logTail(service.name) });
}
