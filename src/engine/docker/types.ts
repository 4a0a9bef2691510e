/**
 * What the Docker Engine's API takes and gives, in its own spelling (https://docs.docker.com/reference/api/engine/version/v1.41/).
 * Of what it gives, only what Landline reads.
 */

export interface DockerVersion {
  /** Of the Engine: `20.10.24`. */
  readonly Version: string;
  readonly ApiVersion: string;
  readonly MinAPIVersion?: string;
  /** `amd64`, `arm64`, … */
  readonly Arch: string;
  readonly Os: string;
}

export interface DockerInfo {
  /** Of the Engine, kept in its data-root. */
  readonly ID: string;
  readonly LiveRestoreEnabled: boolean;
  readonly CgroupDriver: 'cgroupfs' | 'systemd' | 'none';
  readonly CgroupVersion?: string;
  readonly DockerRootDir: string;
  readonly Driver: string;
  readonly DefaultRuntime: string;
}

export type Labels = Readonly<Record<string, string>>;

/** One line of `GET /containers/json`. */
export interface ContainerSummary {
  readonly Id: string;
  /** Each with a slash before it. */
  readonly Names: readonly string[];
  readonly Image: string;
  readonly ImageID: string;
  readonly Labels: Labels;
  readonly State: ContainerState['Status'];
  /** For people: `Up 3 seconds (healthy)`. */
  readonly Status: string;
  readonly HostConfig: { readonly NetworkMode: string };
}

export interface ContainerState {
  readonly Status: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
  readonly Running: boolean;
  readonly Paused: boolean;
  readonly Restarting: boolean;
  readonly OOMKilled: boolean;
  /** As the Engine's host counts; 0 while it does not run. */
  readonly Pid: number;
  readonly ExitCode: number;
  /** What stood in the way of its last start. */
  readonly Error: string;
  /** RFC 3339 with nanoseconds; `0001-01-01T00:00:00Z` where it never was. */
  readonly StartedAt: string;
  readonly FinishedAt: string;
  /** Of a container with a healthcheck. */
  readonly Health?: ContainerHealth;
}

export interface ContainerHealth {
  readonly Status: 'none' | 'starting' | 'healthy' | 'unhealthy';
  readonly FailingStreak: number;
  readonly Log:
    | readonly { readonly Start: string; readonly End: string; readonly ExitCode: number; readonly Output: string }[]
    | null;
}

/** `GET /containers/ID/json`. */
export interface Container {
  readonly Id: string;
  /** With a slash before it. */
  readonly Name: string;
  readonly Created: string;
  readonly Path: string;
  readonly Args: readonly string[];
  /** Id of its image. */
  readonly Image: string;
  readonly State: ContainerState;
  readonly RestartCount: number;
  readonly Config: ContainerConfig & { readonly Labels: Labels };
  readonly HostConfig: HostConfig & { readonly NetworkMode: string };
  readonly NetworkSettings: {
    /** Path of its network namespace; empty of one that joined another's. It stays after the end. */
    readonly SandboxKey: string;
    readonly Networks: Readonly<Record<string, EndpointSettings>>;
  };
  readonly Mounts: readonly MountPoint[];
}

export interface MountPoint {
  readonly Type: string;
  readonly Name?: string;
  readonly Source: string;
  readonly Destination: string;
  readonly RW: boolean;
}

/** How a health test is run; times in nanoseconds, 0 for Docker's default. */
export interface HealthConfig {
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly Retries?: number;
  readonly StartPeriod?: number;
  /** From API 1.44 on. */
  readonly StartInterval?: number;
}

/** What a container is, wherever it runs. */
export interface ContainerConfig {
  readonly Image?: string;
  readonly Cmd?: readonly string[] | null;
  readonly Entrypoint?: readonly string[] | null;
  /** `NAME=VALUE`. */
  readonly Env?: readonly string[] | null;
  readonly Labels?: Labels;
  readonly Hostname?: string;
  readonly Domainname?: string;
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly Tty?: boolean;
  readonly OpenStdin?: boolean;
  readonly StdinOnce?: boolean;
  readonly AttachStdin?: boolean;
  readonly AttachStdout?: boolean;
  readonly AttachStderr?: boolean;
  readonly StopSignal?: string;
  /** In seconds. */
  readonly StopTimeout?: number;
  readonly Healthcheck?: HealthConfig;
  /** `80/tcp`. */
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
  readonly Volumes?: Readonly<Record<string, Record<string, never>>> | null;
}

export interface RestartPolicyConfig {
  readonly Name: '' | 'no' | 'always' | 'on-failure' | 'unless-stopped';
  readonly MaximumRetryCount?: number;
}

export interface Mount {
  readonly Type: 'bind' | 'volume' | 'tmpfs';
  readonly Source?: string;
  readonly Target: string;
  readonly ReadOnly?: boolean;
  readonly BindOptions?: { readonly Propagation?: string; readonly CreateMountpoint?: boolean };
  readonly VolumeOptions?: { readonly NoCopy?: boolean; readonly Labels?: Labels };
  readonly TmpfsOptions?: { readonly SizeBytes?: number; readonly Mode?: number };
}

/** How the host runs it. */
export interface HostConfig {
  readonly NetworkMode?: string;
  readonly Binds?: readonly string[] | null;
  readonly Mounts?: readonly Mount[];
  /** Options by path. */
  readonly Tmpfs?: Readonly<Record<string, string>>;
  readonly CapAdd?: readonly string[] | null;
  readonly CapDrop?: readonly string[] | null;
  readonly Privileged?: boolean;
  readonly ReadonlyRootfs?: boolean;
  readonly ShmSize?: number;
  readonly Sysctls?: Readonly<Record<string, string>>;
  /** In bytes. */
  readonly Memory?: number;
  readonly MemorySwap?: number;
  readonly MemoryReservation?: number;
  readonly NanoCpus?: number;
  readonly CpuShares?: number;
  /** In microseconds. */
  readonly CpuPeriod?: number;
  readonly CpuQuota?: number;
  readonly CpusetCpus?: string;
  readonly MemorySwappiness?: number;
  readonly StorageOpt?: Readonly<Record<string, string>>;
  readonly PidsLimit?: number | null;
  readonly Ulimits?: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[] | null;
  readonly Devices?:
    | readonly {
        readonly PathOnHost: string;
        readonly PathInContainer: string;
        readonly CgroupPermissions: string;
      }[]
    | null;
  readonly DeviceCgroupRules?: readonly string[] | null;
  readonly GroupAdd?: readonly string[] | null;
  readonly SecurityOpt?: readonly string[] | null;
  readonly PidMode?: string;
  readonly IpcMode?: string;
  readonly UTSMode?: string;
  readonly UsernsMode?: string;
  readonly CgroupnsMode?: string;
  readonly CgroupParent?: string;
  readonly Init?: boolean | null;
  readonly Runtime?: string;
  readonly RestartPolicy?: RestartPolicyConfig;
  readonly AutoRemove?: boolean;
  readonly LogConfig?: { readonly Type: string; readonly Config?: Readonly<Record<string, string>> };
  /** `NAME:ADDRESS`. */
  readonly ExtraHosts?: readonly string[] | null;
  readonly Dns?: readonly string[] | null;
  readonly DnsSearch?: readonly string[] | null;
  readonly DnsOptions?: readonly string[] | null;
  /** By `80/tcp`. */
  readonly PortBindings?: Readonly<Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[]>>;
  readonly PublishAllPorts?: boolean;
  readonly OomScoreAdj?: number;
  readonly OomKillDisable?: boolean;
}

/** How a container joins one Docker network. */
export interface EndpointSettings {
  readonly IPAMConfig?: { readonly IPv4Address?: string; readonly IPv6Address?: string } | null;
  readonly Aliases?: readonly string[] | null;
  /** Given from API 1.44 on; before that it is the container's own. */
  readonly MacAddress?: string;
  readonly IPAddress?: string;
  readonly IPPrefixLen?: number;
  readonly Gateway?: string;
  readonly NetworkID?: string;
  readonly DriverOpts?: Readonly<Record<string, string>> | null;
}

/** The wish for a container, as API 1.41 takes it; the client writes it as the Engine's own version wants it. */
export interface ContainerCreate extends ContainerConfig {
  /** Of the endpoint on the Docker network of `HostConfig.NetworkMode`. */
  readonly MacAddress?: string;
  readonly HostConfig?: HostConfig;
  readonly NetworkingConfig?: { readonly EndpointsConfig: Readonly<Record<string, EndpointSettings>> };
}

/** What can be changed of a container that is there. */
export type ContainerUpdate = Pick<
  HostConfig,
  'RestartPolicy' | 'Memory' | 'MemorySwap' | 'MemoryReservation' | 'NanoCpus' | 'CpuShares' | 'CpusetCpus' | 'PidsLimit'
>;

export interface Image {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
  readonly Architecture: string;
  readonly Os: string;
  readonly Size: number;
  readonly Created?: string;
  readonly Config: ContainerConfig | null;
}

export interface Volume {
  readonly Name: string;
  readonly Driver: string;
  readonly Mountpoint: string;
  readonly Labels: Labels | null;
  readonly Options: Readonly<Record<string, string>> | null;
}

export interface VolumeCreate {
  readonly Name?: string;
  readonly Driver?: string;
  readonly DriverOpts?: Readonly<Record<string, string>>;
  readonly Labels?: Labels;
}

export interface DockerNetwork {
  readonly Name: string;
  readonly Id: string;
  readonly Driver: string;
  readonly Scope: string;
  readonly Internal: boolean;
  readonly Labels: Labels;
  readonly Options: Readonly<Record<string, string>> | null;
  readonly IPAM: { readonly Driver: string; readonly Config: readonly IpamPool[] | null };
  /** By container id; only of `inspect`. */
  readonly Containers?: Readonly<
    Record<string, { readonly Name: string; readonly MacAddress: string; readonly IPv4Address: string }>
  >;
}

export interface IpamPool {
  readonly Subnet?: string;
  readonly IPRange?: string;
  readonly Gateway?: string;
  readonly AuxiliaryAddresses?: Readonly<Record<string, string>>;
}

export interface DockerNetworkCreate {
  readonly Name: string;
  readonly CheckDuplicate?: boolean;
  readonly Driver?: string;
  readonly Internal?: boolean;
  readonly EnableIPv6?: boolean;
  readonly Options?: Readonly<Record<string, string>>;
  readonly Labels?: Labels;
  readonly IPAM?: { readonly Driver?: string; readonly Config?: readonly IpamPool[] };
}

/** One thing that happened in the Engine. */
export interface DockerEvent {
  readonly Type: 'container' | 'network' | 'image' | 'volume' | 'daemon' | 'plugin' | (string & {});
  /** `start`, `die`, `health_status: healthy`, … */
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  /** Seconds since 1970. */
  readonly time: number;
  readonly timeNano: number;
}

/** Which events, containers, … : any of the values of every key. */
export type Filters = Readonly<Record<string, readonly string[]>>;

/** A line of a pull's or a load's progress. */
export interface Progress {
  /** `Downloading`, `Pull complete`, … */
  readonly status?: string;
  /** Of the layer. */
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  /** What `docker load` says. */
  readonly stream?: string;
}
