/** What the routes need of the daemon. */
import type {
  AddressView,
  ContainerNetnsView,
  EndpointRow,
  EnvironmentView,
  EventView,
  ExecView,
  HistoryView,
  LeaseRow,
  LogView,
  NameCheckView,
  NamesView,
  NetworkView,
  SandboxView,
  UpView,
  VersionView,
} from './contract.ts';

export interface UpAsk {
  /** An environment file: YAML, or JSON. */
  readonly text: string;
  /** Its name in messages. */
  readonly file: string;
  /** Absolute path that relative paths start from. */
  readonly directory: string;
  readonly overrides: {
    readonly name?: string;
    readonly network?: string;
    readonly address?: string;
    readonly hostname?: string;
  };
  readonly wait: boolean;
  /** The longest wait, in milliseconds. */
  readonly timeoutMs: number;
  /** A new generation, healthy before it takes the place of what runs; `shared`: both may write to the same volumes. */
  readonly swap?: 'alone' | 'shared';
}

export interface WaitAsk {
  readonly wait: boolean;
  /** The longest wait, in milliseconds. */
  readonly timeoutMs: number;
}

export interface DownAsk {
  readonly keepAddress: boolean;
  /** Remove what its volumes hold, too. */
  readonly volumes: boolean;
}

export interface AttachAsk {
  /** Left out, of a container alone: one like the container's. */
  readonly name?: string;
  readonly target:
    | { readonly kind: 'process'; readonly pid: number }
    | { readonly kind: 'file'; readonly path: string }
    /** Its id or name. */
    | { readonly kind: 'container'; readonly container: string };
  readonly network: string;
  /** A fixed address, or a word: `pool`, `dhcp`, or `none`; left out: as the network says. */
  readonly address?: string;
  /** A fixed IPv6 address beside it; left out: none. */
  readonly address6?: string;
  readonly interface?: string;
  /** Name of the host's end. */
  readonly hostInterface?: string;
  readonly mac?: string;
  /** An address, or the word `none`. */
  readonly gateway?: string;
  readonly routes: readonly { readonly to: string; readonly via: string }[];
}

export interface LogAsk {
  readonly environment: string;
  /** Undefined: all services. */
  readonly service?: string;
  readonly tail?: number;
  /** Milliseconds since 1970. */
  readonly since?: number;
  readonly timestamps: boolean;
  readonly follow: boolean;
}

export interface HistoryAsk {
  readonly network?: string;
  readonly address?: string;
  readonly environment?: string;
  /** Milliseconds since 1970. */
  readonly at?: number;
}

export interface ReserveAsk {
  readonly address: string;
  /** Undefined: the network whose subnet the address lies in. */
  readonly network?: string;
  readonly environment: string;
  readonly note: string;
}

/** Every method throws LandlineError, as the catalogue says. */
export interface Daemon {
  version(): VersionView;
  environments(): Promise<readonly EnvironmentView[]>;
  environment(name: string): Promise<EnvironmentView>;
  up(ask: UpAsk): Promise<UpView>;
  down(name: string, options: DownAsk): Promise<void>;
  /** All services, where none is named. */
  stop(name: string, service: string | undefined): Promise<EnvironmentView>;
  start(name: string, service: string | undefined, options: WaitAsk): Promise<EnvironmentView>;
  /** Stops and starts. */
  restart(name: string, service: string | undefined, options: WaitAsk): Promise<EnvironmentView>;
  /** One service anew, of another image where one is named; the former one is put back when it does not stand. */
  replace(name: string, service: string, image: string | undefined, options: WaitAsk): Promise<EnvironmentView>;
  /** @returns the names of what was ended */
  downAll(options: DownAsk): Promise<readonly string[]>;
  attach(ask: AttachAsk): Promise<UpView>;
  detach(name: string, network: string | undefined): Promise<void>;
  networks(): Promise<readonly NetworkView[]>;
  endpoints(): Promise<readonly EndpointRow[]>;
  names(): NamesView;
  checkName(name: string): Promise<NameCheckView>;
  /** Gives up a name that is still to be taken back, and that of its address. @returns their names */
  forgetName(name: string): Promise<readonly string[]>;
  addresses(): readonly AddressView[];
  history(ask: HistoryAsk): readonly HistoryView[];
  reserve(ask: ReserveAsk): Promise<AddressView>;
  release(ask: { readonly address: string; readonly network?: string }): void;
  exec(environment: string, service: string | undefined): Promise<ExecView>;
  sandbox(environment: string): SandboxView;
  /** Of any container, by its id or name. */
  containerNetns(container: string): Promise<ContainerNetnsView>;
  logs(ask: LogAsk, signal: AbortSignal): AsyncIterable<LogView>;
  /** Of one environment, where one is named. */
  leases(): readonly LeaseRow[];
  /** Those of one environment, or of one link of it. @returns how they stand then */
  renewLeases(environment: string, link: string | undefined): Promise<readonly LeaseRow[]>;
  releaseLeases(environment: string, link: string | undefined): Promise<readonly LeaseRow[]>;
  /** In Prometheus' text format. */
  metrics(): string;
  events(environment: string | undefined, signal: AbortSignal): AsyncIterable<EventView>;
}
