/** Anchors: the containers that hold sandboxes. */
import fs from 'node:fs';
import { type Generation, generationName, type LanJoin, type Sandboxes, type SandboxView, type SandboxWish } from '../index.ts';
import { anchorImage } from './anchor/image.ts';
import type { Processor } from './anchor/program.ts';
import type { DockerClient } from './client.ts';
import { filterOf, generationIn, joinedLabel, labelsOf, madeLabel, serviceLabel } from './labels.ts';
import { dockerNetworkName, joiningCreate, joinText, openLanNetworks } from './lan-networks.ts';
import { beginOrReplace } from './start-error.ts';
import type { Container, ContainerCreate } from './types.ts';

export interface Anchors extends Sandboxes {
  /** The container as it is now, whether or not it runs. */
  inspect(environment: string): Promise<Container | undefined>;
  /** Removes Docker networks of ours that no anchor is on. */
  tidy(): Promise<void>;
}

export interface AnchorOptions {
  readonly docker: DockerClient;
  readonly installation: string;
  /** Which generation a name stands for, and what its containers are called. */
  readonly at: (name: string) => Generation;
  readonly nameOf: (name: string) => string;
  /** Instead of Landline's own. */
  readonly image: () => string | undefined;
  readonly pull: (image: string, environment: string) => Promise<void>;
  /** So that not all of them are started at once. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
}

/** A process, told from a later one of the same number by when it started. */
interface Known {
  readonly pid: number;
  readonly startTime: string | undefined;
}

export function openAnchors({ docker, installation, at, nameOf, image, pull, inTurn }: AnchorOptions): Anchors {
  /** By generation. */
  const known = new Map<string, Known>();
  const lans = openLanNetworks(docker, installation);
  const keyOf = (name: string): string => generationName(at(name));

  const imageName = async (environment: string): Promise<string> => {
    const chosen = image();
    if (chosen !== undefined) {
      if ((await docker.images.inspect(chosen)) === undefined) await pull(chosen, environment);
      return chosen;
    }
    const { Arch: processor } = await docker.version();
    if (processor !== 'amd64' && processor !== 'arm64')
      throw new Error(`there is no anchor for ${processor}: name one as engines.docker.anchorImage`);
    return requireImage(processor);
  };

  const requireImage = async (processor: Processor): Promise<string> => {
    const own = anchorImage(processor);
    if ((await docker.images.inspect(own.name)) === undefined) await docker.images.load(own.tar);
    return own.name;
  };

  const inspect = async (name: string): Promise<Container | undefined> => {
    const { environment, generation } = at(name);
    const found = await docker.containers.list(filterOf({ installation, environment }));
    const anchor = found.find((it) => it.Labels[serviceLabel] === undefined && generationIn(it.Labels) === generation);
    return anchor === undefined ? undefined : docker.containers.inspect(anchor.Id);
  };

  const note = (name: string, it: Container | undefined): void => {
    const key = keyOf(name);
    if (it?.State.Running !== true) known.delete(key);
    else if (known.get(key)?.pid !== it.State.Pid || known.get(key)?.startTime !== startTimeOf(it.State.Pid))
      known.set(key, { pid: it.State.Pid, startTime: startTimeOf(it.State.Pid) });
  };

  const path = (name: string): string | undefined => {
    const it = known.get(keyOf(name));
    return it === undefined || it.startTime === undefined || startTimeOf(it.pid) !== it.startTime
      ? undefined
      : `/proc/${it.pid}/ns/net`;
  };

  const remove = async (name: string): Promise<void> => {
    const it = await inspect(name);
    if (it !== undefined) await docker.containers.remove(it.Id, { force: true });
    known.delete(keyOf(name));
    if (it?.Config.Labels[joinedLabel] !== undefined) await lans.tidy();
  };

  /** The container that is to be the anchor: one that is there, or a new one. @param networkId of the Docker network that it joins */
  const requireContainer = async (view: SandboxView, networkId?: string): Promise<string> => {
    const before = await inspect(view.environment);
    if (before !== undefined && isMadeAs(before, view) && isOn(before, view.join, networkId)) return before.Id;
    if (before !== undefined) await docker.containers.remove(before.Id, { force: true });
    const wish = wishFor(view, await imageName(at(view.environment).environment));
    return (await docker.containers.create(wish, { name: nameOf(view.environment) })).id;
  };

  const isMadeAs = (it: Container | undefined, wish: SandboxWish): boolean =>
    it?.Config.Labels[madeLabel] === madeOf(wish, image());

  return {
    inspect,
    path,
    remove,
    tidy: lans.tidy,
    look: async (wish) => {
      const it = await inspect(wish.environment);
      note(wish.environment, isMadeAs(it, wish) ? it : undefined);
      return path(wish.environment);
    },
    make: async (view) => {
      const { environment, join } = view;
      const before = await inspect(environment);
      const require = (networkId?: string): Promise<string> => requireContainer(view, networkId);
      const begin = async (isSecond: boolean): Promise<string> => {
        if (isSecond) await remove(environment);
        const id = await (join === undefined ? require() : lans.joined(join, require));
        const left = before?.Config.Labels[joinedLabel];
        if (left !== undefined && left !== joinedName(join)) await lans.tidy();
        await inTurn(() => docker.containers.start(id));
        return id;
      };
      const id = await beginOrReplace(begin);
      note(environment, await docker.containers.inspect(id));
    },
  };

  function wishFor(view: SandboxView, imageOfAnchor: string): ContainerCreate {
    const { environment, join } = view;
    const joined = joinedName(join);
    const { networkMode, ...joining } = join === undefined ? { networkMode: 'none' } : joiningCreate(join);
    return {
      Image: imageOfAnchor,
      Hostname: view.hostname,
      Labels: {
        ...labelsOf({ installation, ...at(environment) }),
        [madeLabel]: madeOf(view, image()),
        ...(joined === undefined ? {} : { [joinedLabel]: joined }),
      },
      ...joining,
      HostConfig: {
        NetworkMode: networkMode,
        ReadonlyRootfs: true,
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        PidsLimit: 4,
        Memory: 8 * 1024 * 1024,
        LogConfig: { Type: 'none' },
        // Landline starts it: whoever else did would have services run without their network.
        RestartPolicy: { Name: 'no' },
      },
    };
  }
}

const joinedName = (join: LanJoin | undefined): string | undefined =>
  join === undefined ? undefined : dockerNetworkName(join.network);

/** Whether a container is on the Docker network of that id, and not on a former one of its name, with which it cannot start. */
function isOn({ NetworkSettings: { Networks } }: Container, join: LanJoin | undefined, networkId: string | undefined): boolean {
  if (join === undefined) return true;
  const joined = Networks[dockerNetworkName(join.network)];
  // One that has never run has no id yet.
  return joined !== undefined && (joined.NetworkID || networkId) === networkId;
}

/** What an anchor is made with: another one is another anchor. */
const madeOf = ({ hostname, join }: SandboxWish, image: string | undefined): string =>
  `1 ${hostname} ${image ?? ''}${join === undefined ? '' : ` ${joinText(join)}`}`.trim();

/** When a process started (field 22 of proc_pid_stat(5)); undefined when there is none. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything: fields are counted behind its end.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
