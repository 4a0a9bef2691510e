/**
 * The nouns that the rooms hand to one another: networks, environments and their wishes, what was observed of them,
 * and how they stand. Values only; all of `EnvironmentSpec` is JSON, as the ledger keeps it.
 */
import type { Ipv4 } from '../net/ipv4.ts';
import type { Ipv6 } from '../net/ipv6.ts';
import type { Mac } from '../net/mac.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Prefix6 } from '../net/prefix6.ts';
import type { Range } from '../net/range.ts';
import type { TsigAlgorithm } from '../wire/dns/tsig.ts';
import type { Grant } from './dhcp/model.ts';

/** How an address is probed before use: three probes within 300 ms, RFC 5227's own times, or not at all. */
export type ProbeProfile = 'fast' | 'rfc5227' | 'off';

/**
 * A NIC of this host whose children the endpoints are, in place of ports of a bridge. `phys`: the NIC itself is the one
 * endpoint, and not on the host meanwhile.
 */
export interface ParentLink {
  readonly kind: 'macvlan' | 'ipvlan' | 'phys';
  readonly link: string;
}

/** A network that endpoints join: a LAN's segment behind a bridge or a NIC of this host, or the private one, which has neither. */
export interface Network {
  readonly name: string;
  readonly bridge?: string;
  readonly parent?: ParentLink;
  readonly subnet: Prefix;
  readonly gateway?: Ipv4;
  /** Left out: there is no IPv6 on it. */
  readonly subnet6?: Prefix6;
  readonly gateway6?: Ipv6;
  /** Where addresses come from that nobody asks for by name; empty: only fixed addresses. */
  readonly pool: readonly Range[];
  /** Never taken from the pool; a fixed address may still be one of these. */
  readonly exclude: readonly Range[];
  readonly resolvers: readonly Ipv4[];
  readonly domain?: string;
  readonly probe: ProbeProfile;
  /** Where an endpoint's address comes from that names none; left out: the pool. */
  readonly addressing?: 'dhcp';
  /** Of leases from the LAN's DHCP server; left out: as {@link defaultLeasing} says. */
  readonly dhcp?: LeasingPolicy;
  /** Docker's own bridge driver makes the links of anchors; left out: Landline makes every link itself. */
  readonly backend?: 'docker-network';
}

/** How a network's DHCP leases are asked for, and what becomes of one that ends. */
export interface LeasingPolicy {
  /** What an address is when its lease has ended and no server has answered: kept until one does, or given up. */
  readonly expired: 'keep' | 'drop';
  /** DHCP messages that this host sends in a second, at most. */
  readonly rate: number;
  /** What a server is told of an endpoint's name: its hostname (option 12), or the full one and who registers it (option 81). */
  readonly name: 'hostname' | 'fqdn';
}

/** What is not said of a network. */
export const defaultLeasing: LeasingPolicy = { expired: 'keep', rate: 100, name: 'hostname' };

/** A LAN network of landline.yaml. */
export type LanNetwork = Network & ({ readonly bridge: string } | { readonly parent: ParentLink });

/** landline.yaml, checked. */
export interface Configuration {
  /** The installation's id when the file sets it; otherwise the ledger's own random one counts. */
  readonly id?: string;
  readonly networks: readonly LanNetwork[];
  /** Subnet of the built-in private network, `bridge`. */
  readonly privateSubnet: Prefix;
  readonly docker: DockerConfiguration;
  readonly dns: DnsConfiguration;
}

/** Whom to ask, or where to listen. */
export interface DnsServerAddress {
  readonly address: Ipv4;
  readonly port: number;
}

/** The key that updates are signed with (RFC 8945). */
export interface DnsKeySpec {
  readonly name: string;
  readonly algorithm: TsigAlgorithm;
  /** File with the bare base64 secret. */
  readonly secretFile: string;
}

/** The company's DNS, that names are registered in. */
export interface DnsUpdateSpec {
  /** In the order in which they are tried; empty: the zone's primary server, as its SOA record names it. */
  readonly servers: readonly DnsServerAddress[];
  readonly zone: string;
  readonly reverse: readonly string[];
  /** Left out: nothing is signed, and no answer can be verified. */
  readonly key?: DnsKeySpec;
  /** Seconds. */
  readonly ttl: number;
}

/** A zone that this host answers for itself. */
export interface DnsServeSpec {
  readonly listen: DnsServerAddress;
  readonly zone: string;
  /** Left out: those that the networks' subnets lie in. */
  readonly reverse?: readonly string[];
  /** Seconds. */
  readonly ttl: number;
}

export interface DnsConfiguration {
  readonly update?: DnsUpdateSpec;
  readonly serve?: DnsServeSpec;
}

/** How the Docker Engine is reached and used. */
export interface DockerConfiguration {
  /** Path of its unix socket; left out: that of DOCKER_HOST, or /var/run/docker.sock. */
  readonly socket?: string;
  /** Image of the anchors; left out: Landline's own. */
  readonly anchorImage?: string;
}

/** Another way out of the sandbox: `to` a prefix, `via` a router in the endpoint's subnet. */
export interface RouteSpec {
  readonly to: string;
  readonly via: string;
}

/** The wish for one endpoint. */
export interface EndpointSpec {
  readonly network: string;
  /** Name of the link in the sandbox. */
  readonly interface: string;
  /** A fixed address without prefix, or a word: `pool`, `dhcp`, `none`, a link whose addresses are others' business; or `default`, which is as the network says. */
  readonly address: string;
  /** A fixed IPv6 address beside it; left out: none. */
  readonly address6?: Ipv6;
  /** A chosen MAC; left out: derived from installation, network and environment. */
  readonly mac?: Mac;
  /** Name of the host's end, where it is a port of a bridge; left out: one by chance. */
  readonly hostInterface?: string;
  /** An address, or the word `none`; left out: the network's, on the first endpoint only. */
  readonly gateway?: string;
  /** Its name on its network; left out: the environment's hostname. */
  readonly hostname?: string;
  readonly routes: readonly RouteSpec[];
}

export type RestartPolicy = 'no' | 'always' | 'on-failure' | 'unless-stopped';

/** What a service waits for before it is started, in Compose's words. */
export const conditions = ['service_started', 'service_healthy', 'service_completed_successfully'] as const;

/** One service that another waits for. */
export interface Dependency {
  readonly service: string;
  readonly condition: (typeof conditions)[number];
  /** False: whoever waits starts also when this one is not there or has failed. */
  readonly required: boolean;
}

/** One thing that a service finds at a path of its own, in its own mount namespace alone. */
export type MountSpec =
  /** A folder or file of the host; `create`: a folder is made where there is nothing. */
  | {
      readonly kind: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly create: boolean;
    }
  /** A folder that Landline keeps for the environment; without a name it is this service's own. */
  | { readonly kind: 'volume'; readonly volume?: string; readonly target: string; readonly readOnly: boolean }
  /** In memory, gone with the service; `options` are those of mount(8), and stand behind Docker's own defaults. */
  | { readonly kind: 'tmpfs'; readonly target: string; readonly options: string }
  /** A file that nobody may write, with this text: of a container alone. */
  | { readonly kind: 'text'; readonly target: string; readonly text: string };

/** Limits of setrlimit(2); -1 stands for none. */
export interface UlimitSpec {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** How one finds out whether a service is well, in Compose's meaning of the words. Times in milliseconds. */
export interface Healthcheck {
  /** Program and arguments; ending with 0 is success. Empty: the image's own, and each 0 below is what the image says. */
  readonly test: readonly string[];
  /** From the end of a check to the next one, and from the start to the first. */
  readonly intervalMs: number;
  /** A check that takes longer is ended, and has failed. */
  readonly timeoutMs: number;
  /** So many failures in a row make it unhealthy. */
  readonly retries: number;
  /** Failures do not count for so long after the start, unless it was healthy before. */
  readonly startPeriodMs: number;
  /** Instead of `intervalMs` during the start period. */
  readonly startIntervalMs: number;
}

/**
 * What only a container has, in Compose's words and meaning: each field is the key of that name (`capAdd`: cap_add). Sizes
 * in bytes. Left out: as the image says, or Docker.
 */
export interface ContainerSpec {
  readonly image: string;
  readonly pullPolicy?: 'always' | 'missing' | 'never';
  readonly platform?: string;
  /** Instead of the image's; empty: none at all. */
  readonly entrypoint?: readonly string[];
  /** True: the image's own healthcheck is not run. */
  readonly noHealthcheck?: true;
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly cgroup?: 'host' | 'private';
  readonly cgroupParent?: string;
  readonly cpuPeriod?: number;
  readonly cpuQuota?: number;
  readonly cpuShares?: number;
  readonly cpus?: number;
  readonly cpuset?: string;
  readonly deviceCgroupRules?: readonly string[];
  /** `HOST:CONTAINER:rwm` */
  readonly devices?: readonly string[];
  readonly dns?: readonly string[];
  readonly dnsOpt?: readonly string[];
  readonly dnsSearch?: readonly string[];
  /** `NAME:ADDRESS`; the address may be the word `host-gateway`. */
  readonly extraHosts?: readonly string[];
  readonly init?: boolean;
  /** `host`, `private`, `shareable`, `none`, or `service:NAME`. */
  readonly ipc?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly logging?: { readonly driver?: string; readonly options?: Readonly<Record<string, string>> };
  readonly memLimit?: number;
  readonly memReservation?: number;
  readonly memSwappiness?: number;
  readonly memswapLimit?: number;
  readonly oomKillDisable?: boolean;
  readonly oomScoreAdj?: number;
  /** `host`, or `service:NAME`. */
  readonly pid?: string;
  readonly pidsLimit?: number;
  readonly privileged?: boolean;
  readonly readOnly?: boolean;
  readonly runtime?: string;
  readonly securityOpt?: readonly string[];
  readonly shmSize?: number;
  readonly stdinOpen?: boolean;
  readonly storageOpt?: Readonly<Record<string, string>>;
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly tty?: boolean;
  readonly usernsMode?: 'host';
  readonly uts?: 'host';
}

/** The wish for one service, in Compose's meaning of the words. */
export interface ServiceSpec {
  readonly name: string;
  /** Program and arguments, as exec takes them; of a container: arguments of its entrypoint, empty for the image's own. */
  readonly command: readonly string[];
  /** Of the engine `docker` alone. */
  readonly container?: ContainerSpec;
  /** More names that it has inside of the environment. */
  readonly aliases?: readonly string[];
  /** How often it has been replaced: each time it is started anew, though nothing else of the wish is another. */
  readonly replaced?: number;
  readonly environment: Readonly<Record<string, string>>;
  /** Absolute; left out: the directory of the environment file, or the image's. */
  readonly workingDir?: string;
  /** What is waited for before this one is started. */
  readonly dependsOn: readonly Dependency[];
  readonly restart: RestartPolicy;
  /** How often `on-failure` starts it again; left out: without end. */
  readonly restartLimit?: number;
  /** A signal's name with `SIG`; left out: the image's, or SIGTERM. */
  readonly stopSignal?: string;
  /** Milliseconds from the stop signal to SIGKILL, by default 10 000. */
  readonly stopGraceMs: number;
  readonly healthcheck?: Healthcheck;
  /** `USER` or `USER:GROUP`, each a name or a number; left out: root, or the image's. */
  readonly user?: string;
  /** More groups, names or numbers. */
  readonly groups?: readonly string[];
  readonly ulimits?: readonly UlimitSpec[];
  /** In the order in which they are mounted: what lies below another comes after it. */
  readonly mounts?: readonly MountSpec[];
}

/** A port of the host that leads to one of an environment on the private network. */
export interface PortSpec {
  /** One of the host's addresses; left out: all of them. */
  readonly hostAddress?: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp';
}

/** Whose network namespace the services live in. */
export type SandboxSpec =
  /** The host's own. */
  | { readonly kind: 'host' }
  /** That of another environment. */
  | { readonly kind: 'environment'; readonly name: string }
  /** That of a process, for as long as it lives; `startTime` as in field 22 of proc_pid_stat(5) tells it from a later one. */
  | { readonly kind: 'process'; readonly pid: number; readonly startTime: string }
  /** One that somebody else has bound to a file, as `ip netns add` does. */
  | { readonly kind: 'file'; readonly path: string }
  /** That of a container that is not Landline's, through all its restarts; `labelled`: its labels ask for it. */
  | { readonly kind: 'container'; readonly id: string; readonly container: string; readonly labelled: boolean };

/** What is said of a volume on the engine `docker` beyond its name. */
export interface VolumeSpec {
  readonly volume: string;
  /** Docker's name of it; left out: ENVIRONMENT_VOLUME. */
  readonly name?: string;
  /** True: it is somebody else's, has to be there, and stays. */
  readonly external?: true;
  readonly driver?: string;
  readonly driverOpts?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/** The wish for one environment: what `up` was asked for, checked and complete. */
export interface EnvironmentSpec {
  readonly name: string;
  /** What runs its services; left out: the native engine. */
  readonly engine?: 'docker';
  readonly hostname: string;
  /** Absolute path that relative paths and services without `working_dir` start from. */
  readonly directory: string;
  /** Left out: a sandbox of its own. */
  readonly sandbox?: SandboxSpec;
  /** Empty for the network `none`: the sandbox then has lo alone. */
  readonly endpoints: readonly EndpointSpec[];
  readonly services: readonly ServiceSpec[];
  /** Only on the private network; left out: none. */
  readonly ports?: readonly PortSpec[];
  /** How often it has been swapped for another generation; left out: never. */
  readonly generation?: number;
  /** Names of services that somebody stopped, until somebody starts them; left out: none. */
  readonly stopped?: readonly string[];
  /** How often somebody asked for a service to be stopped and started again; those of whom nobody did are left out. */
  readonly restarted?: Readonly<Record<string, number>>;
  /** Of the engine `docker`: volumes of which more is said than their name; left out: none. */
  readonly volumes?: readonly VolumeSpec[];
}

/** Where an address came from. */
export type LeaseSource = 'static' | 'pool' | 'dhcp';

/** The ledger's promise: this address is that endpoint's. */
export interface Lease {
  readonly network: string;
  readonly address: Ipv4;
  readonly environment: string;
  readonly interface: string;
  readonly mac: Mac;
  readonly source: LeaseSource;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Of a lease from DHCP. */
  readonly terms?: LeaseTerms;
}

/** The right of an endpoint to an IPv6 address, which is always a fixed one. */
export interface Lease6 extends Pick<Lease, 'network' | 'environment' | 'interface' | 'mac' | 'since'> {
  readonly address: Ipv6;
}

/** What a DHCP server granted last, and on which clock its times are. */
export interface LeaseTerms {
  readonly grant: Grant;
  readonly clock: ClockReading;
}

/** Tells two clocks' difference at one moment: instants of `boot` plus `offset` are milliseconds since 1970. */
export interface ClockReading {
  /** The kernel's id of this boot (random(4), boot_id). */
  readonly boot: string;
  readonly offset: number;
}

/** What a service's healthcheck says of it. */
export interface Health {
  readonly state: 'starting' | 'healthy' | 'unhealthy';
  /** Of the last check, once there was one: 0 is success; the end of what it wrote. */
  readonly exitStatus?: number;
  readonly output: string;
}

/** How one service stands, as the engine sees it. */
export interface ServiceStatus {
  readonly name: string;
  readonly state: 'running' | 'exited' | 'absent';
  /** The service's own process as this host counts it, while it runs. */
  readonly pid?: number;
  /** 0 to 255; 128 + the signal's number when a signal ended it; undefined while it runs, or when nobody saw the end. */
  readonly exitStatus?: number;
  /** True of one that has ended: not by itself, but because the engine was told to stop it. */
  readonly stopped?: true;
  /** Milliseconds since 1970. */
  readonly startedAt?: number;
  /** Tells two starts of one service apart. */
  readonly generation?: string;
  /** What it was started with, as `Engine.start` was told. */
  readonly digest?: string;
  /** Of a running service that has a healthcheck. */
  readonly health?: Health;
}
