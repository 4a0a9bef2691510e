/** A checked environment as an environment file again, in JSON: what the command line sends to the daemon. */
import type { EnvironmentSpec, Healthcheck, ServiceSpec } from '../core/model.ts';

/** Reading it back without variables gives the same wish. */
export function formatEnvironment(spec: EnvironmentSpec): string {
  const [first] = spec.endpoints;
  const text = JSON.stringify({
    name: spec.name,
    'x-landline': { ...(first ?? { network: 'none' }), hostname: spec.hostname },
    services: Object.fromEntries(spec.services.map((it) => [it.name, formatService(it)])),
  });
  // Bare, it would be taken for the trace of a byte that was not UTF-8.
  return text.replaceAll('\uFFFD', '\\ufffd');
}

function formatService(it: ServiceSpec): object {
  return {
    command: it.command,
    environment: it.environment,
    working_dir: it.workingDir,
    depends_on: Object.fromEntries(it.dependsOn.map(({ service, ...how }) => [service, how])),
    restart: it.restart,
    stop_signal: it.stopSignal,
    stop_grace_period: `${it.stopGraceMs}ms`,
    healthcheck: it.healthcheck === undefined ? undefined : formatHealthcheck(it.healthcheck),
  };
}

function formatHealthcheck(it: Healthcheck): object {
  return {
    test: ['CMD', ...it.test],
    interval: `${it.intervalMs}ms`,
    timeout: `${it.timeoutMs}ms`,
    retries: it.retries,
    start_period: `${it.startPeriodMs}ms`,
    start_interval: `${it.startIntervalMs}ms`,
  };
}
