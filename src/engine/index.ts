/**
 * What runs services. Knows processes, not networks: a sandbox is handed to it ready.
 *
 * Promises: a service outlives the daemon, and is found again; starting one that runs is an error of ours; stopping
 * one that is gone is success; nothing but a service's own processes is ever signalled.
 */
import type { SandboxSpec, ServiceSpec, ServiceStatus, VolumeSpec } from '../core/model.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { Prefix } from '../net/prefix.ts';

/** Where a service is to live: a namespace, and the files that tell it who it is. */
export interface SandboxView {
  readonly environment: string;
  readonly hostname: string;
  /** Path of the network namespace, as the daemon sees it. */
  readonly netns: string;
  /** Whole text of its /etc/hosts and /etc/resolv.conf. */
  readonly hosts: string;
  readonly resolvConf: string;
  /** Working directory of services that name none. */
  readonly directory: string;
  /** Whose sandbox it is in the end; left out: the environment's own. */
  readonly holder?: SandboxSpec;
  /** An address of the host that services reach it at, where there is one. */
  readonly hostAddress?: string;
  /** What is said of its volumes beyond their names. */
  readonly volumes?: readonly VolumeSpec[];
  /** The engine joins the sandbox to a LAN itself; left out: whoever asked for it does. */
  readonly join?: LanJoin;
}

/** One endpoint that the engine makes, on a bridge that is there and that it leaves as it is. */
export interface LanJoin {
  readonly network: string;
  readonly bridge: string;
  readonly subnet: Prefix;
  /** The LAN's router, of the default route. */
  readonly gateway: Ipv4;
  readonly address: Ipv4;
  readonly mac: Mac;
  /** The bridge's: a port with a smaller one would make the bridge's smaller. */
  readonly mtu: number;
}

/** What was found while a start was prepared. */
export interface Prepared {
  /** Ports that the image says it listens on: `80/tcp`. */
  readonly ports: readonly string[];
  /** Whether the image brings a healthcheck. */
  readonly hasHealthcheck: boolean;
  /** Paths at which the image wants a volume. */
  readonly volumes: readonly string[];
}

/** What a sandbox is made with: another one is another sandbox. */
export type SandboxWish = Pick<SandboxView, 'environment' | 'hostname'> & {
  /** Its MTU is the bridge's at the moment, and does not count. */
  readonly join?: Omit<LanJoin, 'mtu'>;
};

/** Sandboxes that an engine makes itself, and holds for as long as its own anchor of it runs. */
export interface Sandboxes {
  /** Looks whether it is there, and as it is to be. @returns the path of its namespace. @throws LandlineError DOCKER_UNREACHABLE */
  look(wish: SandboxWish): Promise<string | undefined>;
  /** The same path, as it was at the last look; undefined where there was none, or its anchor has ended since. */
  path(environment: string): string | undefined;
  /** A new one; an older one ends. */
  make(view: SandboxView): Promise<void>;
  /** None is success. */
  remove(environment: string): Promise<void>;
}

/**
 * One of several generations of an environment: one is current, and a later one may be built beside it. Wherever an
 * engine is told an environment, its name stands for the current one, and `shop.2` for that one alone.
 */
export interface Generation {
  readonly environment: string;
  readonly generation: number;
}

export const generationName = ({ environment, generation }: Generation): string => `${environment}.${generation}`;

/** Names of environments have no dots. */
export function parseGeneration(name: string): { readonly environment: string; readonly generation?: number } {
  const [environment = '', generation] = name.split('.');
  return { environment, ...(generation === undefined ? {} : { generation: Number(generation) }) };
}

/** How the services of a generation are stopped, by their names. */
export type StopManner = (service: string) => { readonly signal: string; readonly graceMs: number };

export interface Generations {
  /** Those of which there is anything, of all environments. */
  list(): Promise<readonly Generation[]>;
  /** Ends one, and removes it; left out: at once. What its services wrote is kept with the current one's. None is success. */
  end(it: Generation, manner?: StopManner): Promise<void>;
  /** The current one has the names that the environment's containers have, as soon as no other has them. */
  settle(environment: string): Promise<void>;
}

export interface LogLine {
  readonly service: string;
  readonly text: string;
  /** Milliseconds since 1970, to about a second; where `times` asks for it. */
  readonly time?: number;
}

export interface LogOptions {
  /** Only these services; empty: all. */
  readonly services: readonly string[];
  /** Last lines of each; undefined: all. */
  readonly tail?: number;
  /** Only what was written since, in milliseconds since 1970. */
  readonly since?: number;
  /** True: tell the time of each line. */
  readonly times?: boolean;
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

export interface Engine {
  readonly name: 'native' | 'docker';
  /** Left out: sandboxes are made for it. */
  readonly sandboxes?: Sandboxes;
  /** Left out: there is never more than one. */
  readonly generations?: Generations;
  /** Finds what an earlier daemon left; ends half-made starts. Called once, before anything else. */
  open(): Promise<void>;
  /** Names of environments of which the engine has anything: processes, logs, files. */
  environments(): Promise<readonly string[]>;
  /** How the services of an environment stand, those it knows of. */
  observe(environment: string): Promise<readonly ServiceStatus[]>;
  /** Writes hosts and resolv.conf again for running services too (in place). */
  refresh(view: SandboxView): Promise<void>;
  /**
   * Starts it, and returns when it runs. `digest` stands for everything it is started with; `observe` tells it again.
   * @throws LandlineError COMMAND_MISSING, SERVICE_FAILED, USER_UNKNOWN, PROGRAM_MISSING.
   */
  start(view: SandboxView, service: ServiceSpec, digest: string): Promise<void>;
  /**
   * Does what can be done beforehand of a start that is to come, and touches nothing that runs; left out: there is nothing.
   * @throws LandlineError IMAGE_REFUSED, IMAGE_MISSING
   */
  prepare?(view: SandboxView, service: ServiceSpec, digest: string): Promise<Prepared>;
  /** From now on what a start takes the place of is kept, so that it can be started again; left out: it is kept anyway, or nothing is lost. */
  keepFormer?(environment: string, service: string): void;
  /** Removes what was kept. */
  dropFormer?(environment: string, service: string): Promise<void>;
  /** The container of a running service, for whoever runs commands in it; left out: it has none. */
  containerOf?(environment: string, service: string): Promise<{ readonly id: string; readonly address: string } | undefined>;
  /** The environment variables that a service is started with, and what runs beside it later. */
  variables(view: SandboxView, service: ServiceSpec): Readonly<Record<string, string>>;
  /** What stands before a command so that root runs it as the user of a service; nothing for root. @throws LandlineError USER_UNKNOWN */
  becoming(environment: string, service: ServiceSpec): readonly string[];
  /** Stop signal, grace, SIGKILL; returns when every process of it is gone. */
  stop(environment: string, service: string, how: { readonly signal: string; readonly graceMs: number }): Promise<void>;
  /** How a service that does not run ended is forgotten: `observe` tells it as absent. Its log stays. */
  forget(environment: string, service: string): Promise<void>;
  /** Ends every process of the environment, of all its generations (SIGKILL after `graceMs`), and removes what the engine keeps of it. */
  remove(environment: string, graceMs: number): Promise<void>;
  /** Removes what its volumes hold; none is success. After `remove`. */
  removeVolumes(environment: string): Promise<void>;
  logs(environment: string, options: LogOptions): AsyncIterable<LogLine>;
  /** Told whenever a service may have ended; only a hint to observe. */
  onExit(listener: (environment: string, service: string) => void): void;
  /** Told whenever what a service's healthcheck says of it has changed; a hint to observe. */
  onHealth(listener: (environment: string, service: string) => void): void;
  /** Lets go of everything, and leaves every service running. */
  close(): Promise<void>;
}
