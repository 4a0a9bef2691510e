/** An office whose host has a Docker of its own, for tests: its client, images that are made here, and dockerd's life. */
import fs from 'node:fs';
import type { TestContext } from 'node:test';
import { type DockerClient, openDocker } from '../../src/engine/docker/index.ts';
import type { TarEntry } from '../../src/engine/docker/tar.ts';
import type { ContainerConfig } from '../../src/engine/docker/types.ts';
import type { LabWish } from '../../src/lab/index.ts';
import { type Office, until, withOffice } from '../office.ts';
import { busyboxImage } from './busybox.ts';

export interface DockerOffice extends Office {
  /** A client of the host's Docker, from outside of the lab. */
  readonly docker: DockerClient;
  /** `docker ARGS` on the host, which must succeed: its output. */
  dockerCommand(...args: readonly string[]): Promise<string>;
  /** Makes an image with busybox in it, and loads it. @returns its name */
  loadImage(name: string, config?: ContainerConfig, files?: readonly TarEntry[]): Promise<string>;
  readonly dockerd: DockerdControl;
}

export interface DockerdControl {
  pid(): Promise<number>;
  /** SIGTERM, and waits until it is gone. */
  stop(): Promise<void>;
  /** kill -9 of dockerd alone, and waits until it is gone. */
  kill(): Promise<void>;
  /** Starts one, and returns once it answers. */
  start(): Promise<void>;
  /** Writes /etc/docker/daemon.json; counts from the next start on. */
  configure(settings: unknown): Promise<void>;
  log(): Promise<string>;
}

/** An office whose host runs dockerd, and the daemon unless it is not wanted; it goes with the test. */
export async function withDockerOffice(
  t: TestContext,
  options: Omit<LabWish, 'name' | 'docker'>,
  body: (office: DockerOffice) => Promise<void>,
): Promise<void> {
  await withOffice(t, { ...options, docker: true }, async (office) => {
    const root = `/proc/${office.pidOf('host')}/root`;
    const docker = openDocker({ kind: 'unix', path: `${root}/run/docker.sock` });
    try {
      await body({
        ...office,
        docker,
        dockerd: controlDockerd(office, root, docker),
        dockerCommand: (...args) => office.read('host', ['docker', ...args]),
        loadImage: async (name, config = {}, files = []) => {
          await docker.images.load(busyboxImage(name, config, files));
          return name;
        },
      });
    } finally {
      docker.close();
    }
  });
}

const dockerdScript = new URL('../../src/lab/dockerd.sh', import.meta.url).pathname;

function controlDockerd(office: Office, root: string, docker: DockerClient): DockerdControl {
  const pid = async (): Promise<number> => Number(fs.readFileSync(`${root}/run/docker.pid`, 'utf8'));
  const signal = async (name: string): Promise<void> => {
    const it = await pid();
    await office.read('host', ['sh', '-c', `kill -s ${name} ${it}; while [ -e /proc/${it} ]; do sleep 0.01; done`]);
  };
  return {
    pid,
    stop: () => signal('TERM'),
    kill: () => signal('KILL'),
    start: async () => {
      await office.read('host', ['sh', '-c', `setsid sh ${dockerdScript} >>/var/log/docker.log 2>&1 </dev/null &`]);
      await until(() => answers(docker), 'dockerd answers', 60_000);
    },
    configure: async (settings) => {
      const script = 'mkdir -p /etc/docker; cat >/etc/docker/daemon.json';
      await office.read('host', ['sh', '-c', script], { stdin: JSON.stringify(settings) });
    },
    log: async () => fs.readFileSync(`${root}/var/log/docker.log`, 'utf8'),
  };
}

const answers = (docker: DockerClient): Promise<boolean> =>
  docker.ping().then(
    () => true,
    () => false,
  );
