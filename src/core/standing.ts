/** How an environment stands, in one word, from what was observed. */
import type { EnvironmentSpec } from './model.ts';
import type { Observed, ObservedService } from './plan/model.ts';

export type EnvironmentState = 'starting' | 'running' | 'degraded' | 'stopped' | 'failed';

export interface Standing {
  /** False until it has been plumbed once. */
  readonly plumbed: boolean;
  readonly observed: Observed;
  readonly spec: EnvironmentSpec;
  /** Whether something stands in its way at the moment. */
  readonly troubled: boolean;
  /** Whether the plan is empty: nothing is left to do now. */
  readonly settled: boolean;
}

/** What somebody stopped does not count. `stopped` means that all services were, or have completed with 0; `degraded`, that some but not all is well, or unhealthy. */
export function stateOf(it: Standing): EnvironmentState {
  const wanted = it.spec.services.filter(({ name }) => it.spec.stopped?.includes(name) !== true);
  const services = wanted.map((spec) => it.observed.services.find((service) => service.name === spec.name));
  // What lives on in a sandbox that is gone is about to be started anew.
  const well = services.filter((service) => service?.state === 'running' && service.inSandbox !== false);
  const completed = services.filter((service) => service?.state === 'exited' && service.exitStatus === 0);
  const failed = services.filter(isFailed);
  if (!it.plumbed) return it.troubled ? 'failed' : 'starting';
  if (it.troubled) return well.length > 0 ? 'degraded' : 'failed';
  if (failed.length > 0) return well.length + completed.length > 0 ? 'degraded' : 'failed';
  if (services.some((service) => service?.health?.state === 'unhealthy')) return 'degraded';
  if (services.some((service) => service?.health?.state === 'starting')) return 'starting';
  if (well.length + completed.length < services.length || !it.settled) return 'starting';
  return well.length === 0 && it.spec.services.length > 0 ? 'stopped' : 'running';
}

function isFailed(service: ObservedService | undefined): boolean {
  return service?.state === 'exited' && service.exitStatus !== 0;
}
