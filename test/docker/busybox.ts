/** Images made here: this machine's busybox, and whatever else a test wants in them. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import type { TarEntry } from '../../src/engine/docker/tar.ts';
import type { ContainerConfig } from '../../src/engine/docker/types.ts';
import { imageTar } from './image.ts';

/** For `POST /images/load`. */
export function busyboxImage(name: string, config: ContainerConfig = {}, files: readonly TarEntry[] = []): Uint8Array {
  return imageTar({ name, files: [...busyboxFiles(), ...files], config: { Env: ['PATH=/bin'], ...config } });
}

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
