/** What one makes of the checks of a service, one after another. As Docker does (moby, daemon/health.go). */
import type { Health, Healthcheck } from '../../core/model.ts';

export interface HealthState extends Health {
  /** In a row. */
  readonly failures: number;
}

export const unchecked: HealthState = { state: 'starting', failures: 0, output: '' };

export interface Outcome {
  readonly exitStatus: number;
  /** The end of what the check wrote. */
  readonly output: string;
  /** From the start of the service to the beginning of the check, in milliseconds. */
  readonly sinceStartMs: number;
}

export function afterCheck(before: HealthState, { exitStatus, output, sinceStartMs }: Outcome, check: Healthcheck): HealthState {
  if (exitStatus === 0) return { state: 'healthy', failures: 0, exitStatus, output };
  if (before.state === 'starting' && sinceStartMs < check.startPeriodMs) return { ...before, exitStatus, output };
  const failures = before.failures + 1;
  return { state: failures >= check.retries ? 'unhealthy' : before.state, failures, exitStatus, output };
}

/** How long to wait for the next check, in milliseconds. */
export function untilNextMs({ state }: HealthState, sinceStartMs: number, check: Healthcheck): number {
  return state === 'starting' && sinceStartMs < check.startPeriodMs ? check.startIntervalMs : check.intervalMs;
}
