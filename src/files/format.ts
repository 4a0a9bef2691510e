/** A checked environment as an environment file again, in JSON: what the command line sends to the daemon. */

import type { EnvironmentSpec, Healthcheck, MountSpec, PortSpec, ServiceSpec } from '../core/model.ts';
import { formatContainer } from './container.ts';
import { joinPrefix } from './fields.ts';
import { formatVolumeSpec } from './volumes.ts';

/** Reading it back without variables gives the same wish. */
export function formatEnvironment(spec: EnvironmentSpec): string {
  const text = JSON.stringify({
    name: spec.name,
    'x-landline': { ...formatEndpoints(spec), hostname: spec.hostname },
    services: Object.fromEntries(
      spec.services.map((it, index) => [it.name, { ...formatService(it), ...(index === 0 ? formatPorts(spec) : {}) }]),
    ),
    volumes: Object.fromEntries([
      ...spec.services.flatMap(volumesOf).map((name) => [name, {}] as const),
      ...(spec.volumes ?? []).map((it) => [it.volume, formatVolumeSpec(it)] as const),
    ]),
    configs: Object.fromEntries(spec.services.flatMap(textsOf).map((it) => [nameOfText(it), { content: it.text }])),
  });
  // Bare, it would be taken for the trace of a byte that was not UTF-8.
  return text.replaceAll('\uFFFD', '\\ufffd');
}

/** One by itself, unless it has a hostname of its own; several as a list. */
function formatEndpoints(spec: EnvironmentSpec): object {
  const endpoints = spec.endpoints.map(({ address, ...rest }) => (address === 'default' ? rest : { ...rest, address }));
  const [first, ...others] = endpoints;
  if (first === undefined) return { network: sharedNetwork(spec) };
  return others.length === 0 && first.hostname === undefined ? first : { networks: endpoints };
}

/** They are the environment's: which service stands with them makes no difference. */
function formatPorts({ ports = [] }: EnvironmentSpec): object {
  const one = ({ hostAddress, hostPort, containerPort, protocol }: PortSpec): string =>
    `${hostAddress === undefined ? '' : `${hostAddress}:`}${hostPort}:${containerPort}/${protocol}`;
  return ports.length === 0 ? {} : { ports: ports.map(one) };
}

function sharedNetwork({ sandbox }: EnvironmentSpec): string {
  if (sandbox?.kind === 'environment') return `${joinPrefix}${sandbox.name}`;
  return sandbox?.kind === 'host' ? 'host' : 'none';
}

function formatService(it: ServiceSpec): object {
  return {
    ...(it.container === undefined ? {} : formatContainer(it.container)),
    command: it.container === undefined || it.command.length > 0 ? it.command : undefined,
    networks: it.aliases === undefined ? undefined : { default: { aliases: it.aliases } },
    environment: it.environment,
    working_dir: it.workingDir,
    depends_on: Object.fromEntries(it.dependsOn.map(({ service, ...how }) => [service, how])),
    restart: it.restartLimit === undefined ? it.restart : `${it.restart}:${it.restartLimit}`,
    stop_signal: it.stopSignal,
    stop_grace_period: `${it.stopGraceMs}ms`,
    user: it.user,
    group_add: it.groups,
    ulimits:
      it.ulimits === undefined ? undefined : Object.fromEntries(it.ulimits.map(({ name, soft, hard }) => [name, { soft, hard }])),
    volumes: it.mounts?.flatMap((mount) => (mount.kind === 'tmpfs' || mount.kind === 'text' ? [] : [formatVolume(mount)])),
    configs:
      textsOf(it).length === 0 ? undefined : textsOf(it).map((text) => ({ source: nameOfText(text), target: text.target })),
    tmpfs: it.mounts?.flatMap((mount) => (mount.kind === 'tmpfs' ? [`${mount.target}:${mount.options}`] : [])),
    ...(it.healthcheck === undefined ? {} : { healthcheck: formatHealthcheck(it.healthcheck) }),
  };
}

type TextMount = Extract<MountSpec, { kind: 'text' }>;

const textsOf = (it: ServiceSpec): readonly TextMount[] => (it.mounts ?? []).filter((mount) => mount.kind === 'text');

/** Two services that have the same text at the same path may share it. */
const nameOfText = (it: TextMount): string => JSON.stringify([it.target, it.text]);

const volumesOf = (it: ServiceSpec): readonly string[] =>
  (it.mounts ?? []).flatMap((mount) => (mount.kind === 'volume' && mount.volume !== undefined ? [mount.volume] : []));

function formatVolume(it: Exclude<MountSpec, { kind: 'tmpfs' | 'text' }>): object {
  const { target, readOnly: read_only } = it;
  if (it.kind === 'volume') return { type: 'volume', source: it.volume, target, read_only };
  return { type: 'bind', source: it.source, target, read_only, bind: { create_host_path: it.create } };
}

function formatHealthcheck(it: Healthcheck): object {
  return {
    test: it.test.length === 0 ? undefined : ['CMD', ...it.test],
    interval: `${it.intervalMs}ms`,
    timeout: `${it.timeoutMs}ms`,
    retries: it.retries,
    start_period: `${it.startPeriodMs}ms`,
    start_interval: `${it.startIntervalMs}ms`,
  };
}
