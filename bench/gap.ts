/** How long a colleague finds nobody at an address while what is there is put anew: by a swap, by a replacement, and by hand. */

import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDocker } from '../src/engine/docker/index.ts';
import { busyboxImage } from '../test/docker/busybox.ts';
import { spawnOnPc } from './colleague.ts';
import type { BenchLab } from './lab.ts';
import { interleave } from './measure.ts';

export interface GapTimings {
  /** `landline up --swap` */
  readonly swap: readonly number[];
  /** `landline replace shop web` */
  readonly replace: readonly number[];
  /** `docker stop`, `docker rm`, `docker run`, of a container with an address of the LAN by Docker's own bridge driver. */
  readonly byHand: readonly number[];
}

/** A colleague knocks this often, in milliseconds: a shorter gap may be seen as none. */
export const knockEveryMs = 5;

const watcher = path.join(import.meta.dirname, 'watcher/main.ts');
const address = '192.168.11.101';
const byHandAddress = '192.168.11.150';
const image = 'bench/box:1';

const shop = JSON.stringify({
  name: 'shop',
  'x-landline': { network: 'office', address },
  services: {
    web: {
      image,
      init: true,
      command: ['httpd', '-f', '-p', '80', '-h', '/tmp'],
      healthcheck: { test: ['CMD-SHELL', 'nc -w 1 127.0.0.1 80 </dev/null'], interval: '200ms' },
    },
  },
});

/** A network of Docker's own on the LAN: its bridge driver on the host's own bridge, whose address it leaves alone. */
const makeNetwork =
  'docker network create -d bridge -o com.docker.network.bridge.name=br0 -o com.docker.network.bridge.inhibit_ipv4=true ' +
  '-o com.docker.network.bridge.enable_ip_masquerade=false --subnet 192.168.10.0/23 --gateway 192.168.11.1 lan';
const runByHand = `docker run -d --init --name web --network lan --ip ${byHandAddress} ` + `${image} httpd -f -p 80 -h /tmp`;
const renewByHand = `docker stop web && docker rm web && ${runByHand}`;

/** @param lab whose host has a Docker */
export async function measureGaps(lab: BenchLab, rounds: number): Promise<GapTimings> {
  const docker = openDocker({ kind: 'unix', path: `/proc/${lab.pidOf('host')}/root/run/docker.sock` });
  try {
    await docker.images.load(busyboxImage(image));
  } finally {
    docker.close();
  }
  const up = (query: Readonly<Record<string, boolean>> = {}): Promise<unknown> =>
    lab.daemon.call('POST', '/v1/environments', { query, body: shop });
  const replace = (): Promise<unknown> => lab.daemon.call('POST', '/v1/environments/shop/replace', { query: { service: 'web' } });
  await up();
  await lab.read('host', ['sh', '-ec', `${makeNetwork}; ${runByHand}`]);
  const [own, theirs] = [watch(lab, address), watch(lab, byHandAddress)];
  try {
    const took = await interleave(
      [
        { name: 'swap', run: () => own.during(() => up({ swap: true })) },
        { name: 'replace', run: () => own.during(replace) },
        { name: 'by hand', run: () => theirs.during(() => lab.read('host', ['sh', '-ec', renewByHand])) },
      ],
      rounds,
    );
    return { swap: took.get('swap') ?? [], replace: took.get('replace') ?? [], byHand: took.get('by hand') ?? [] };
  } finally {
    own.close();
    theirs.close();
  }
}

/** A colleague who knocks without a pause. */
function watch(lab: BenchLab, at: string): { during(work: () => Promise<unknown>): Promise<number>; close(): void } {
  const child = spawnOnPc(lab.name, watcher, at, String(knockEveryMs));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const ask = async (): Promise<number> => {
    child.stdin.write('\n');
    const { value } = await lines.next();
    if (value === undefined) throw new Error('the colleague has gone');
    return Number(value);
  };
  return {
    during: async (work) => {
      await sleep(300);
      await ask();
      await work();
      await sleep(300);
      return ask();
    },
    close: () => child.stdin.end(),
  };
}
