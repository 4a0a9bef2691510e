/** Anchors: the containers that hold sandboxes. */
import fs from 'node:fs';
import type { Sandboxes, SandboxView } from '../index.ts';
import { anchorImage } from './anchor/image.ts';
import type { Processor } from './anchor/program.ts';
import type { DockerClient } from './client.ts';
import { containerName, filterOf, labelsOf, madeLabel, serviceLabel } from './labels.ts';
import type { Container, ContainerCreate } from './types.ts';

export interface Anchors extends Sandboxes {
  /** The container as it is now, whether or not it runs. */
  inspect(environment: string): Promise<Container | undefined>;
}

export interface AnchorOptions {
  readonly docker: DockerClient;
  readonly installation: string;
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

export function openAnchors({ docker, installation, image, pull, inTurn }: AnchorOptions): Anchors {
  const known = new Map<string, Known>();

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

  const inspect = async (environment: string): Promise<Container | undefined> => {
    const found = await docker.containers.list(filterOf({ installation, environment }));
    const anchor = found.find((it) => it.Labels[serviceLabel] === undefined);
    return anchor === undefined ? undefined : docker.containers.inspect(anchor.Id);
  };

  const note = (environment: string, it: Container | undefined): void => {
    if (it?.State.Running !== true) known.delete(environment);
    else if (known.get(environment)?.pid !== it.State.Pid || known.get(environment)?.startTime !== startTimeOf(it.State.Pid))
      known.set(environment, { pid: it.State.Pid, startTime: startTimeOf(it.State.Pid) });
  };

  const path = (environment: string): string | undefined => {
    const it = known.get(environment);
    return it === undefined || it.startTime === undefined || startTimeOf(it.pid) !== it.startTime
      ? undefined
      : `/proc/${it.pid}/ns/net`;
  };

  const remove = async (environment: string): Promise<void> => {
    const it = await inspect(environment);
    if (it !== undefined) await docker.containers.remove(it.Id, { force: true });
    known.delete(environment);
  };

  return {
    inspect,
    path,
    remove,
    look: async (environment, hostname) => {
      const it = await inspect(environment);
      const isAsWished = it?.Config.Labels[madeLabel] === madeOf(hostname, image());
      note(environment, isAsWished ? it : undefined);
      return path(environment);
    },
    make: async (view) => {
      const name = containerName(view.environment);
      const before = await inspect(view.environment);
      const isAsWished = before?.Config.Labels[madeLabel] === madeOf(view.hostname, image());
      if (before !== undefined && !isAsWished) await docker.containers.remove(before.Id, { force: true });
      const id =
        before !== undefined && isAsWished
          ? before.Id
          : (await docker.containers.create(wishFor(view, await imageName(view.environment)), { name })).id;
      await inTurn(() => docker.containers.start(id));
      note(view.environment, await docker.containers.inspect(id));
    },
  };

  function wishFor(view: SandboxView, imageOfAnchor: string): ContainerCreate {
    const labels = labelsOf({ installation, environment: view.environment });
    return {
      Image: imageOfAnchor,
      Hostname: view.hostname,
      Labels: { ...labels, [madeLabel]: madeOf(view.hostname, image()) },
      HostConfig: {
        NetworkMode: 'none',
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

/** What an anchor is made with: another one is another anchor. */
const madeOf = (hostname: string, image: string | undefined): string => `1 ${hostname} ${image ?? ''}`.trim();

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
