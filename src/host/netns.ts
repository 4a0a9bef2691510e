/**
 * Network namespaces: the one file that calls setns.
 *
 * A window into another namespace is strictly synchronous: only the main thread moves, a promise started inside would
 * run at home. Sockets are opened inside by FFI and keep the namespace they were born in.
 */
import fs from 'node:fs';
import path from 'node:path';
import { MNT_DETACH, MS_BIND, MS_REC, MS_SHARED, mount, setNetns, unmount, unshareNetns } from './ffi.ts';
import { isKernelError, KernelError } from './kernel-error.ts';

let home: number | undefined;

/** The namespace of the process, opened once; it is ours for as long as we live. */
function homeFd(): number {
  home ??= fs.openSync('/proc/self/ns/net', 'r');
  return home;
}

let device: number | undefined;

/** Of nsfs, the file system of namespaces, which that of the process is on too. */
function nsfsDevice(): number {
  device ??= fs.fstatSync(homeFd()).dev;
  return device;
}

/** What a synchronous window may return: a promise would have run at home. */
type NotPromise<T> = T extends PromiseLike<unknown> ? never : T;

/** Runs `body` inside the namespace of an open fd. If there is no way back, the process must not go on: abort. */
export function inNetns<T>(fd: number, body: () => NotPromise<T>): T {
  const back = homeFd();
  setNetns(fd);
  try {
    return body();
  } finally {
    returnTo(back);
  }
}

function returnTo(back: number): void {
  try {
    setNetns(back);
  } catch {
    process.abort();
  }
}

/** Opens a namespace by path. The fd keeps it alive: close it on every way out. @throws KernelError ENOENT, EINVAL. */
export function openNetns(file: string): number {
  const fd = openFile(file);
  if (isNetns(fd)) return fd;
  fs.closeSync(fd);
  throw new KernelError(`open ${file}`, 'EINVAL', 'not a namespace');
}

function openFile(file: string): number {
  try {
    return fs.openSync(file, 'r');
  } catch (error) {
    // Node's errors of file calls carry `code`.
    throw new KernelError(`open ${file}`, (error as NodeJS.ErrnoException).code ?? 'EIO', undefined, { cause: error });
  }
}

function isNetns(fd: number): boolean {
  return fs.fstatSync(fd).dev === nsfsDevice();
}

/** Inode of the namespace bound at `file`; undefined when there is none. */
export function netnsInode(file: string): number | undefined {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat !== undefined && stat.dev === nsfsDevice() ? stat.ino : undefined;
}

/**
 * Makes a namespace and binds it to a file, as `ip netns add` does. The folder is a shared mount of its own, so that
 * unbinding reaches every mount namespace that was copied from ours.
 */
export function bindNewNetns(file: string): number {
  prepareFolder(path.dirname(file));
  // A file without a namespace is what a crash left.
  if (netnsInode(file) === undefined) fs.rmSync(file, { force: true });
  fs.closeSync(openExclusive(file));
  const back = homeFd();
  try {
    unshareNetns();
    try {
      mount('/proc/thread-self/ns/net', file, null, MS_BIND);
    } finally {
      returnTo(back);
    }
  } catch (error) {
    fs.rmSync(file, { force: true });
    throw error;
  }
  return fs.statSync(file).ino;
}

function openExclusive(file: string): number {
  try {
    return fs.openSync(file, fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_RDONLY, 0o000);
  } catch (error) {
    throw new KernelError(`ip netns add ${path.basename(file)}`, (error as NodeJS.ErrnoException).code ?? 'EIO', undefined, {
      cause: error,
    });
  }
}

/** mount(2): a folder is bound on itself and shared; doing it twice would stack the mounts. */
function prepareFolder(folder: string): void {
  fs.mkdirSync(folder, { recursive: true, mode: 0o755 });
  try {
    mount('', folder, 'none', MS_SHARED | MS_REC);
  } catch (error) {
    if (!isKernelError(error, 'EINVAL')) throw error;
    mount(folder, folder, 'none', MS_BIND | MS_REC);
    mount('', folder, 'none', MS_SHARED | MS_REC);
  }
}

export function unbindNetns(file: string): void {
  try {
    unmount(file, MNT_DETACH);
  } catch (error) {
    if (!isKernelError(error, 'EINVAL', 'ENOENT')) throw error;
  }
  fs.rmSync(file, { force: true });
}

/** Names bound in a folder, which is made where it is missing; a file without a namespace is what a crash left, and goes. */
export function listBoundNetns(folder: string): string[] {
  prepareFolder(folder);
  return fs.readdirSync(folder).filter((name) => {
    const bound = netnsInode(path.join(folder, name)) !== undefined;
    if (!bound) fs.rmSync(path.join(folder, name), { force: true });
    return bound;
  });
}

/** Writes a sysctl of the namespace that the calling thread is in (proc(5)). */
export function writeSysctl(name: string, value: string, optional: boolean): void {
  try {
    fs.writeFileSync(`/proc/sys/net/${name}`, value);
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code ?? 'EIO';
    if (optional && errno === 'ENOENT') return;
    throw new KernelError(`sysctl net.${name.replaceAll('/', '.')}=${value}`, errno, undefined, { cause: error });
  }
}
