/** A service's wish as Docker takes it. Pure. */
import type { Healthcheck, MountSpec, ServiceSpec, VolumeSpec } from '../../core/model.ts';
import { foreignLabels } from './labels.ts';
import type { ContainerCreate, HealthConfig, HostConfig, Labels, Mount } from './types.ts';

/** What a container is made with besides its service's own wish. */
export interface CreateContext {
  readonly environment: string;
  readonly volumes: readonly VolumeSpec[];
  /** `host`, or `container:ID`. */
  readonly networkMode: string;
  /** The container of another service, for a namespace that is shared. */
  readonly idOf: (service: string) => string;
  /** Files of the host that are mounted on the container's own. */
  readonly files: readonly { readonly source: string; readonly target: string; readonly readOnly: boolean }[];
  readonly labels: Labels;
}

const nanoseconds = (ms: number): number => ms * 1_000_000;

/** @throws Error for a service without a container: our own mistake */
export function createOf(service: ServiceSpec, context: CreateContext): ContainerCreate {
  const { container } = service;
  if (container === undefined) throw new Error(`service ${service.name} is no container`);
  return withoutUndefined({
    Image: container.image,
    Cmd: service.command.length === 0 ? undefined : service.command,
    // One empty word stands for none at all.
    Entrypoint: container.entrypoint?.length === 0 ? [''] : container.entrypoint,
    Env: Object.entries(service.environment).map(([name, value]) => `${name}=${value}`),
    Labels: { ...foreignLabels(container.labels ?? {}), ...context.labels },
    User: service.user,
    WorkingDir: service.workingDir,
    Tty: container.tty,
    OpenStdin: container.stdinOpen,
    StopSignal: service.stopSignal,
    Healthcheck: healthOf(service.healthcheck, container.noHealthcheck === true),
    HostConfig: hostConfigOf(service, context),
  });
}

function healthOf(check: Healthcheck | undefined, none: boolean): HealthConfig | undefined {
  if (none) return { Test: ['NONE'] };
  if (check === undefined) return undefined;
  return {
    ...(check.test.length === 0 ? {} : { Test: ['CMD', ...check.test] }),
    Interval: nanoseconds(check.intervalMs),
    Timeout: nanoseconds(check.timeoutMs),
    Retries: check.retries,
    StartPeriod: nanoseconds(check.startPeriodMs),
    StartInterval: nanoseconds(check.startIntervalMs),
  };
}

function hostConfigOf(service: ServiceSpec, context: CreateContext): HostConfig {
  const it = service.container ?? { image: '' };
  const shared = (namespace: string | undefined): string | undefined =>
    namespace?.startsWith('service:') ? `container:${context.idOf(namespace.slice('service:'.length))}` : namespace;
  const mounts = service.mounts ?? [];
  return withoutUndefined<HostConfig>({
    NetworkMode: context.networkMode,
    RestartPolicy: { Name: 'no' },
    Mounts: [
      ...mounts.flatMap((mount) => mountOf(mount, service.name, context)),
      ...context.files.map(
        ({ source, target, readOnly }): Mount => ({ Type: 'bind', Source: source, Target: target, ReadOnly: readOnly }),
      ),
    ],
    Tmpfs: Object.fromEntries(mounts.flatMap((mount) => (mount.kind === 'tmpfs' ? [[mount.target, mount.options]] : []))),
    CapAdd: it.capAdd,
    CapDrop: it.capDrop,
    Privileged: it.privileged,
    ReadonlyRootfs: it.readOnly,
    ShmSize: it.shmSize,
    Sysctls: it.sysctls,
    Memory: it.memLimit,
    MemorySwap: it.memswapLimit,
    MemoryReservation: it.memReservation,
    MemorySwappiness: it.memSwappiness,
    NanoCpus: it.cpus === undefined ? undefined : Math.round(it.cpus * 1e9),
    CpuShares: it.cpuShares,
    CpuPeriod: it.cpuPeriod,
    CpuQuota: it.cpuQuota,
    CpusetCpus: it.cpuset,
    PidsLimit: it.pidsLimit,
    OomScoreAdj: it.oomScoreAdj,
    OomKillDisable: it.oomKillDisable,
    Ulimits: service.ulimits?.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    GroupAdd: service.groups,
    Devices: it.devices?.map(deviceOf),
    DeviceCgroupRules: it.deviceCgroupRules,
    SecurityOpt: it.securityOpt,
    PidMode: shared(it.pid),
    IpcMode: shared(it.ipc),
    UTSMode: it.uts,
    UsernsMode: it.usernsMode,
    CgroupnsMode: it.cgroup,
    CgroupParent: it.cgroupParent,
    Init: it.init,
    Runtime: it.runtime,
    StorageOpt: it.storageOpt,
    LogConfig:
      it.logging === undefined ? undefined : { Type: it.logging.driver ?? 'json-file', Config: it.logging.options ?? {} },
  });
}

const deviceOf = (device: string): NonNullable<HostConfig['Devices']>[number] => {
  const [host = '', inside = host, permissions = 'rwm'] = device.split(':');
  return { PathOnHost: host, PathInContainer: inside, CgroupPermissions: permissions };
};

function mountOf(mount: MountSpec, service: string, { environment, volumes }: CreateContext): Mount[] {
  if (mount.kind === 'bind') return [{ Type: 'bind', Source: mount.source, Target: mount.target, ReadOnly: mount.readOnly }];
  if (mount.kind !== 'volume') return [];
  const source = volumeName(environment, service, mount, volumes);
  return [{ Type: 'volume', Source: source, Target: mount.target, ReadOnly: mount.readOnly }];
}

/** Docker's name of a volume: `shop_data`; one without a name is this service's own. */
export function volumeName(
  environment: string,
  service: string,
  mount: Extract<MountSpec, { kind: 'volume' }>,
  volumes: readonly VolumeSpec[],
): string {
  if (mount.volume === undefined)
    return `${environment}_${service}.${mount.target.replaceAll(/[^a-zA-Z0-9]+/g, '.').replace(/^\./, '')}`;
  return volumes.find((it) => it.volume === mount.volume)?.name ?? `${environment}_${mount.volume}`;
}

/** Left out is what Docker takes for its default. */
function withoutUndefined<T extends object>(it: { readonly [K in keyof T]: T[K] | undefined }): T {
  // A cast: what is left has a value for each key.
  return Object.fromEntries(Object.entries(it).filter(([, value]) => value !== undefined)) as T;
}
