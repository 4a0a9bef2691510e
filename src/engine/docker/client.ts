/**
 * A thin, typed client of the Docker Engine's API: over the unix socket or TCP, in the newest version from 1.41 on that
 * both speak. It keeps nothing but its connections: Docker is asked each time.
 *
 * Every call may throw DOCKER_UNREACHABLE, DOCKER_TOO_OLD, and DOCKER_REFUSED with Docker's own message and status; what
 * it throws besides stands with the call. Where an ended stream or an AbortSignal is concerned, an abort is an end.
 */
import type { DockerAddress } from './address.ts';
import { openCaller } from './caller.ts';
import { type Containers, containersOn } from './containers.ts';
import { type EventOptions, streamEvents } from './events.ts';
import { type Execs, execsOn } from './exec.ts';
import { type Images, imagesOn } from './images.ts';
import { type DockerNetworks, networksOn } from './networks.ts';
import { openTransport } from './transport.ts';
import type { DockerEvent, DockerInfo, DockerVersion } from './types.ts';
import { formatApiVersion } from './version.ts';
import { type Volumes, volumesOn } from './volumes.ts';

export interface DockerClient {
  /** Where the Engine listens, for people. */
  readonly address: string;
  /** Asks the Engine whether it is there. @returns the API version that is spoken: `1.41` */
  ping(): Promise<string>;
  version(): Promise<DockerVersion>;
  /** Some facts of the Engine. */
  inspect(): Promise<DockerInfo>;
  /**
   * What happens from now on, or since a moment; the stream replays nothing from before the Engine's own start. It
   * throws DOCKER_UNREACHABLE when the Engine ends: then list, and listen again.
   */
  events(options: EventOptions): AsyncGenerator<DockerEvent>;
  readonly containers: Containers;
  readonly execs: Execs;
  readonly images: Images;
  readonly volumes: Volumes;
  readonly networks: DockerNetworks;
  /** Closes its connections. */
  close(): void;
}

/** Opens nothing yet. */
export function openDocker(address: DockerAddress): DockerClient {
  const caller = openCaller(openTransport(address));
  // Casts: the shapes are those that Docker documents for these calls.
  return {
    address: caller.address,
    ping: async () => {
      await caller.call({ method: 'GET', path: '/version', doing: 'answer', timeoutMs: 10_000 });
      return formatApiVersion(await caller.version());
    },
    version: async () => (await caller.call({ method: 'GET', path: '/version', doing: 'tell its version' })) as DockerVersion,
    inspect: async () => (await caller.call({ method: 'GET', path: '/info', doing: 'tell of itself' })) as DockerInfo,
    events: (options) => streamEvents(caller, options),
    containers: containersOn(caller),
    execs: execsOn(caller),
    images: imagesOn(caller),
    volumes: volumesOn(caller),
    networks: networksOn(caller),
    close: () => caller.close(),
  };
}
