/** An office whose host has a Docker of its own, for tests: its client, images that are made here, and dockerd's life. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import type { TestContext } from 'node:test';
import { type DockerClient, openDocker } from '../../src/engine/docker/index.ts';
import type { TarEntry } from '../../src/engine/docker/tar.ts';
import type { ContainerConfig } from '../../src/engine/docker/types.ts';
import type { LabWish } from '../../src/lab/index.ts';
import { type Office, until, withOffice } from '../office.ts';
import { imageTar } from './image.ts';

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
    const image = (name: string, config: ContainerConfig, files: readonly TarEntry[]): Uint8Array =>
      imageTar({ name, files: [...busyboxFiles(), ...files], config: { Env: ['PATH=/bin'], ...config } });
    try {
      await body({
        ...office,
        docker,
        dockerd: controlDockerd(office, root, docker),
        dockerCommand: (...args) => office.read('host', ['docker', ...args]),
        loadImage: async (name, config = {}, files = []) => {
          await docker.images.load(image(name, config, files));
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

let busybox: readonly TarEntry[] | undefined;

/** This machine's busybox with the libraries that it needs, if any, and its commands as links. */
function busyboxFiles(): readonly TarEntry[] {
  busybox ??= readBusybox();
  return busybox;
}

function readBusybox(): readonly TarEntry[] {
  const file = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  // A static one has none, and ldd says so with its status.
  const libraries = execFileSync('sh', ['-c', `ldd ${file} 2>/dev/null || true`], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  const commands = execFileSync(file, ['--list'], { encoding: 'utf8' }).trim().split('\n');
  const program = (path: string, from: string): TarEntry => ({ path, mode: 0o755, bytes: fs.readFileSync(from) });
  return [
    { path: 'tmp', mode: 0o1777 },
    { path: 'etc/passwd', bytes: 'root:x:0:0:root:/:/bin/sh\nweb:x:1000:1000::/:/bin/sh\n' },
    { path: 'etc/group', bytes: 'root:x:0:\nweb:x:1000:\n' },
    program('bin/busybox', file),
    ...libraries.map((it) => program(it.slice(1), it)),
    ...commands.filter((it) => it !== 'busybox').map((it) => ({ path: `bin/${it}`, link: 'busybox' })),
  ];
}
