/**
 * Where the native engine keeps what it knows, in folders that one can look into:
 *
 *     mounts                                     what every service mounts (fstab(5))
 *     ENVIRONMENT/{hosts,resolv.conf,mounts}     what the services of an environment mount
 *     ENVIRONMENT/services/SERVICE/log           what it said, over all its starts; log.start and log.times beside it
 *     ENVIRONMENT/services/SERVICE/GENERATION/   one start (generation.ts)
 *     .removed/                                  what is being removed
 *     ../volumes/ENVIRONMENT/NAME                named volumes, and `.SERVICE-…` those without a name
 *
 * Names of environments and services begin with a letter or a digit, so `.removed` is nobody's.
 */
import { randomBytes } from 'node:crypto';
import { type Dirent, readdirSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';

export interface Folders {
  readonly directory: string;
  readonly commonMounts: string;
  readonly removed: string;
  environment(environment: string): string;
  hosts(environment: string): string;
  resolvConf(environment: string): string;
  ownMounts(environment: string): string;
  services(environment: string): string;
  service(environment: string, service: string): string;
  log(environment: string, service: string): string;
  /** Where the log begins: what was before has been let go (log-keeper.ts). */
  logStart(environment: string, service: string): string;
  /** When the log had which length (log-times.ts). */
  logTimes(environment: string, service: string): string;
  volumes(environment: string): string;
}

export function foldersIn(directory: string): Folders {
  const environment = (name: string): string => path.join(directory, name);
  const services = (name: string): string => path.join(directory, name, 'services');
  const service = (name: string, of: string): string => path.join(directory, name, 'services', of);
  return {
    directory,
    commonMounts: path.join(directory, 'mounts'),
    removed: path.join(directory, '.removed'),
    environment,
    hosts: (name) => path.join(directory, name, 'hosts'),
    resolvConf: (name) => path.join(directory, name, 'resolv.conf'),
    ownMounts: (name) => path.join(directory, name, 'mounts'),
    services,
    service,
    log: (name, of) => path.join(service(name, of), 'log'),
    logStart: (name, of) => path.join(service(name, of), 'log.start'),
    logTimes: (name, of) => path.join(service(name, of), 'log.times'),
    volumes: (name) => path.join(path.dirname(directory), 'volumes', name),
  };
}

/**
 * Names of the folders in a folder, sorted; none where it does not exist. Each look at an environment lists one or two
 * small ones, and the way to a thread and back takes several times what the kernel does.
 */
export async function listFolders(folder: string): Promise<string[]> {
  return readEntries(folder)
    .filter((it) => it.isDirectory() && !it.name.startsWith('.'))
    .map((it) => it.name)
    .sort();
}

function readEntries(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    // Node's errors of file calls carry `code`.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Takes a folder out of its place in one step, so that nobody finds half of it: a path into it fails from now on,
 * and what is open stays open. Returns where it is now; undefined where there was none.
 */
export async function putAside(folders: Folders, folder: string): Promise<string | undefined> {
  await fs.mkdir(folders.removed, { recursive: true });
  const aside = path.join(folders.removed, `${path.basename(folder)}.${randomBytes(6).toString('hex')}`);
  try {
    await fs.rename(folder, aside);
    return aside;
  } catch (error) {
    // Node's errors of file calls carry `code`.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Deletes a folder with all that is in it. */
export async function deleteFolder(folder: string): Promise<void> {
  await fs.rm(folder, { recursive: true, force: true });
}
