/**
 * The files that tell a service who it is: /etc/hosts and /etc/resolv.conf, of which every environment has its own,
 * bound over the host's in the mount namespace of each service.
 *
 * They are written in place, never renamed: a mount shows the inode it was made of. The host's own files are another
 * matter: dhclient, systemd-resolved and editors replace them by rename, and the kernel then drops every mount on the
 * old file, in all namespaces. So whoever owns these mounts has to watch for that and mount anew.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { SandboxView } from '../index.ts';
import type { Folders } from './folders.ts';
import type { Identity } from './identity.ts';
import { bind, commonMounts, formatMounts } from './plan.ts';

const HOSTS = '/etc/hosts';
const RESOLV_CONF = '/etc/resolv.conf';
const MADE_BY_US = '# Made by Landline as a place to mount on: its environments have their own.\n';

/** Writes what services of this environment mount. Running ones see it at once. */
export function writeSandboxFiles(folders: Folders, view: SandboxView): void {
  const { environment } = view;
  fs.mkdirSync(folders.services(environment), { recursive: true });
  writeInPlace(folders.hosts(environment), view.hosts);
  writeInPlace(folders.resolvConf(environment), view.resolvConf);
  const mounts = [bind(folders.hosts(environment), HOSTS), bind(folders.resolvConf(environment), RESOLV_CONF)];
  writeInPlace(folders.ownMounts(environment), formatMounts(mounts));
}

/** Writes what services of all environments mount. */
export function writeCommonMounts(folders: Folders): void {
  const withSys = fs.existsSync('/sys/class/net') && fs.existsSync('/sys/devices/virtual/net');
  writeInPlace(folders.commonMounts, commonMounts(withSys));
}

/** Gives a file this text, keeping its inode; the same text again touches nothing. Readable to all: services may be anybody. */
function writeInPlace(file: string, text: string): void {
  const bytes = Buffer.from(text);
  const fd = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o644);
  try {
    if (fs.readFileSync(fd).equals(bytes)) return;
    let written = 0;
    while (written < bytes.length) written += fs.writeSync(fd, bytes, written, bytes.length - written, written);
    fs.ftruncateSync(fd, bytes.length);
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Makes the host's files where they are missing, or a link to nowhere: there has to be something to mount on. A
 * missing resolv.conf and an empty one mean the same to a resolver (resolv.conf(5)). Returns those that were made.
 */
export function makeMountPoints(): readonly string[] {
  return [HOSTS, RESOLV_CONF].map(followLinks).filter((file) => {
    if (fs.existsSync(file)) return false;
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, MADE_BY_US, { flag: 'wx' });
    return true;
  });
}

/** Where a path leads in the end, though there may be nothing there. Forty links are a circle to the kernel too. */
function followLinks(file: string): string {
  let end = file;
  for (let links = 0; links < 40; links++) {
    const target = readLink(end);
    if (target === undefined) return end;
    end = path.resolve(path.dirname(end), target);
  }
  return end;
}

function readLink(file: string): string | undefined {
  try {
    return fs.readlinkSync(file);
  } catch {
    // EINVAL: not a link; ENOENT: nothing there.
    return undefined;
  }
}

/** Whether a service still sees its environment's files, and not the host's. */
export function seesOwnFiles(folders: Folders, environment: string, identity: Identity): boolean {
  const seen = (file: string): string => `/proc/${identity.pid}/root${followLinks(file)}`;
  return isSameFile(seen(HOSTS), folders.hosts(environment)) && isSameFile(seen(RESOLV_CONF), folders.resolvConf(environment));
}

function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((file) => fs.statSync(file, { throwIfNoEntry: false }));
  return a !== undefined && a.ino === b?.ino && a.dev === b.dev;
}

/** Tells when the host's files may have been replaced; returns the way to stop watching. */
export function watchMountPoints(onReplaced: () => void): () => void {
  const watchers = [...new Set([HOSTS, RESOLV_CONF, ...[HOSTS, RESOLV_CONF].map(followLinks)])].map((file) =>
    watchName(file, onReplaced),
  );
  return () => {
    for (const watcher of watchers) watcher?.close();
  };
}

/** The folder is watched and not the file, whose watch would go with the inode. */
function watchName(file: string, onReplaced: () => void): fs.FSWatcher | undefined {
  const folder = path.dirname(file);
  if (!fs.existsSync(folder)) return undefined;
  const watcher = fs.watch(folder, (event, name) => {
    if (event === 'rename' && (name === null || name === path.basename(file))) onReplaced();
  });
  // The folder itself is gone, and the file with it: nothing is left to be replaced.
  return watcher.on('error', () => watcher.close());
}
