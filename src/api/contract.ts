/**
 * The API as others see it: JSON shapes with stable field names, under `/v1` on the unix socket. Additions are
 * welcome; nothing here changes its name or meaning.
 */
import type { ErrorBody } from '../errors.ts';

/** Version of the API, in the header `landline-api` of every answer. */
export const apiVersion = 1;

export interface LeaseView {
  /** `none`: its addresses are others' business, and told as they are found. */
  readonly source: 'static' | 'pool' | 'dhcp' | 'none';
  /** Of a lease from DHCP: its state in RFC 2131's words, or `expired` where the address is kept without a lease. */
  readonly state: LeaseState;
  /** ISO 8601; null where a lease has no end. */
  readonly expiresAt: string | null;
  /** Of a lease from DHCP that is held: its server, and when it will be asked to renew it. */
  readonly server?: string;
  readonly renewAt?: string | null;
}

export type LeaseState =
  | 'bound'
  | 'init'
  | 'selecting'
  | 'requesting'
  | 'init-reboot'
  | 'rebooting'
  | 'renewing'
  | 'rebinding'
  | 'expired'
  | 'released';

/** A lease from DHCP, or the wish for one. */
export interface LeaseRow {
  readonly environment: string;
  readonly network: string;
  readonly interface: string;
  readonly mac: string;
  /** Option 61, in pairs of hex digits. */
  readonly clientId: string;
  readonly state: LeaseState;
  /** With its prefix; null while there is none. */
  readonly address: string | null;
  readonly server: string | null;
  readonly routes: readonly { readonly to: string; readonly via: string }[];
  readonly resolvers: readonly string[];
  readonly search: readonly string[];
  readonly mtu: number | null;
  /** What the server says of the full name (option 81); `registered`: it keeps the name's A record itself. Null where it says nothing. */
  readonly fqdn: { readonly name: string; readonly registered: boolean } | null;
  /** ISO 8601; null where there is no lease, or it has no end. */
  readonly since: string | null;
  readonly renewAt: string | null;
  readonly rebindAt: string | null;
  readonly expiresAt: string | null;
}

export interface EndpointView {
  readonly network: string;
  readonly interface: string;
  readonly mac: string;
  /** With their prefix: `192.168.11.101/23`. */
  readonly addresses: readonly string[];
  readonly gateway: string | null;
  readonly lease: LeaseView;
  /** DNS names without final dot. */
  readonly names: readonly string[];
}

export interface ServiceView {
  readonly name: string;
  /** `restarting`: it ended by itself, and waits for its back-off. `stopped`: somebody stopped it, and it stays so. */
  readonly state: 'starting' | 'running' | 'restarting' | 'exited' | 'stopped';
  /** `healthy`, `unhealthy`, `starting`; null for a service without a healthcheck. */
  readonly health: string | null;
  readonly image: string | null;
  readonly pid: number | null;
  readonly exitStatus: number | null;
  readonly restarts: number;
}

export interface EnvironmentView {
  readonly name: string;
  readonly state: 'starting' | 'running' | 'degraded' | 'stopped' | 'failed';
  readonly engine: 'native' | 'docker';
  /** A configured network (several with `, ` between), `none`, `host`, or `container:OTHER`. */
  readonly network: string;
  readonly sandbox: { readonly inode: number } | null;
  readonly endpoints: readonly EndpointView[];
  readonly services: readonly ServiceView[];
  readonly problems: readonly Pick<ErrorBody, 'code' | 'message' | 'next'>[];
  /** While a second generation is built beside this one, off the LAN: its services. */
  readonly next?: { readonly services: readonly ServiceView[] };
}

/** What `up` answers: the environment, how long its attach took, and notes about its file. */
export interface UpView extends EnvironmentView {
  /** Milliseconds from the first kernel request to the announcement; null when nothing was attached. */
  readonly attachMs: number | null;
  readonly probeMs: number | null;
  /** Of a swap: how long nobody held the address, in milliseconds. */
  readonly exchangeMs?: number;
  /** `FILE:LINE:COLUMN: …` of keys without effect. */
  readonly notes: readonly string[];
}

export interface NetworkView {
  readonly name: string;
  readonly kind: 'lan' | 'private' | 'none';
  readonly bridge: string | null;
  /** The NIC whose children the endpoints are, and what kind of link they are. */
  readonly parent: { readonly kind: 'macvlan' | 'ipvlan' | 'phys'; readonly link: string } | null;
  /** Who makes links to its bridge, Landline or Docker; null where there is no bridge. */
  readonly backend: 'veth' | 'docker-network' | null;
  readonly subnet: string | null;
  readonly gateway: string | null;
  readonly domain: string | null;
  readonly resolvers: readonly string[];
  readonly pool: {
    readonly ranges: readonly string[];
    readonly size: number;
    readonly used: number;
    readonly resting: number;
  } | null;
  readonly endpoints: number;
  readonly problems: readonly Pick<ErrorBody, 'code' | 'message' | 'next'>[];
}

export interface AddressView {
  readonly network: string;
  readonly address: string;
  /** Name of the environment that has it, or may have it. */
  readonly environment: string;
  readonly state: 'bound' | 'reserved';
  readonly source: 'static' | 'pool' | 'dhcp' | null;
  readonly interface: string | null;
  readonly mac: string | null;
  /** Whether it is kept for the environment, also while it is bound. */
  readonly reserved: boolean;
  /** Of the reservation. */
  readonly note: string;
  /** ISO 8601. */
  readonly since: string;
}

export interface HistoryView {
  readonly network: string;
  readonly address: string;
  readonly environment: string;
  readonly interface: string;
  readonly mac: string;
  readonly source: 'static' | 'pool' | 'dhcp';
  readonly from: string;
  /** Null while it is held. */
  readonly to: string | null;
}

/** A name of an environment in DNS. */
export interface NameView {
  /** Without final dot. */
  readonly name: string;
  readonly zone: string;
  readonly environment: string;
  /** `A 192.168.11.101` */
  readonly records: readonly string[];
  /** Registered in the company's DNS, or answered for by this host. */
  readonly source: 'update' | 'serve';
  /** `held`: somebody else has it. `leaving`: it is still to be taken back. */
  readonly state: 'registered' | 'pending' | 'held' | 'leaving';
  readonly problem: Pick<ErrorBody, 'code' | 'message' | 'next'> | null;
}

/** All names, and what has been done with them since the daemon started. */
export interface NamesView {
  readonly names: readonly NameView[];
  readonly counters: {
    readonly registered: number;
    readonly removed: number;
    readonly refreshed: number;
    readonly held: number;
    readonly failures: number;
    readonly served: { readonly udp: number; readonly tcp: number; readonly dropped: number };
  };
}

/** Names that are given up: nothing more is done about their records in DNS. */
export interface NamesForgottenView {
  readonly forgotten: readonly string[];
}

/** What one server says of one name. */
export interface NameAnswerView {
  readonly server: string;
  readonly name: string;
  readonly records: readonly { readonly record: string; readonly ttl: number }[];
  readonly owner: { readonly installation: string; readonly environment: string } | null;
  /** Why there is no answer. */
  readonly error: string | null;
}

export interface NameCheckView {
  readonly name: string;
  readonly environment: string;
  readonly state: NameView['state'];
  /** What is wished for: name and record. */
  readonly records: readonly string[];
  readonly answers: readonly NameAnswerView[];
  /** What is not as it is wished for; empty: all is well. */
  readonly differences: readonly string[];
}

export interface EndpointRow extends EndpointView {
  readonly environment: string;
}

export interface VersionView {
  readonly version: string;
  readonly api: number;
  readonly node: string;
  readonly pid: number;
  readonly installation: string;
}

/** What `exec` needs to join a running service: the command itself is run by the client, with its own terminal. */
export interface ExecView {
  readonly environment: string;
  readonly service: string;
  /** A process of the service, as the daemon counts. */
  readonly pid: number;
  readonly workingDir: string;
  /** What the service itself was started with. */
  readonly variables: Readonly<Record<string, string>>;
  /** What stands before the command, so that root runs it as the user of the service; empty where that is root. */
  readonly become: readonly string[];
  /** Of a service that is a container: its id, and where its Docker listens; `docker exec` runs commands in it. */
  readonly container?: { readonly id: string; readonly address: string };
}

/** Where the network of a running container is, whoever plumbed it. */
export interface ContainerNetnsView {
  readonly container: string;
  /** Path of the network namespace, as every process of the host can open it. */
  readonly netns: string;
}

/** What `exec --sandbox` needs to run a program of the host in the network of an environment. */
export interface SandboxView {
  readonly environment: string;
  /** Path of the network namespace, as every process of the host can open it. */
  readonly netns: string;
  /** Texts of /etc/hosts and /etc/resolv.conf in there. */
  readonly hosts: string;
  readonly resolvConf: string;
}

/** One line of a service's output. */
export interface LogView {
  readonly service: string;
  readonly text: string;
  /** ISO 8601, to about a second; where `timestamps` asks for it. */
  readonly time?: string;
}

/** One thing that happened, of `GET /v1/events`. */
export interface EventView {
  readonly time: string;
  readonly what: string;
  readonly fields: Readonly<Record<string, string | number>>;
}
