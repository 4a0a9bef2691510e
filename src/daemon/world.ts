/** What every part of the daemon is given: the doors, and the configuration as it is now. */
import type { Configuration, LanNetwork } from '../core/model.ts';
import type { DockerClient, DockerWatch } from '../engine/docker/index.ts';
import type { Engine } from '../engine/index.ts';
import type { Host } from '../host/index.ts';
import type { Store } from '../store/index.ts';
import type { Containers } from './containers.ts';
import type { Events } from './events.ts';
import type { Firewall } from './firewall.ts';
import type { Forwarding } from './forwarding.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { MarkedLinks } from './marked-links.ts';
import type { Names } from './names.ts';
import type { Nics } from './nics.ts';
import type { ProbesAhead } from './probes-ahead.ts';
import type { SecondGeneration } from './second-generation.ts';
import type { Shims } from './shims.ts';

export interface World {
  readonly host: Host;
  readonly engine: Engine;
  readonly store: Store;
  readonly events: Events;
  readonly forwarding: Forwarding;
  readonly marked: MarkedLinks;
  readonly firewall: Firewall;
  readonly names: Names;
  readonly leases: LeaseKeeper;
  readonly docker: DockerClient;
  /** Docker's events; whoever acts on them listens here. */
  readonly dockerWatch: DockerWatch;
  readonly containers: Containers;
  readonly probes: ProbesAhead;
  readonly shims: Shims;
  readonly nics: Nics;
  /** Group of the links of this installation. */
  readonly linkGroup: number;
  /** Folder in which sandboxes are bound, as `ip netns` does in /run/netns. */
  readonly netnsFolder: string;
  /** Networks that nobody configured, by name: see core/link-network. One that has been heard of stays known. */
  readonly linkNetworks: Map<string, LanNetwork>;
  /** Generations that are being built beside the current one, by environment. */
  readonly swaps: Map<string, SecondGeneration>;
  /** Changes whole at SIGHUP. */
  configuration: Configuration;
}

/** Path of the namespace of an environment's sandbox. */
export function netnsPath(world: Pick<World, 'netnsFolder'>, environment: string): string {
  return `${world.netnsFolder}/${environment}`;
}
