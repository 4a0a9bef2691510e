/** What a service mounts besides its own files: folders and files of the host, volumes, memory. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { MountSpec } from '../../core/model.ts';
import { quote } from './plan.ts';

/** A mount with its source found. */
export type Mount =
  | { readonly kind: 'folder' | 'file'; readonly source: string; readonly target: string; readonly readOnly: boolean }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly options: string };

export interface VolumeOwner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Finds the sources, and makes those that are to be made: a volume is its service's user's.
 * @param volumes folder of the environment's volumes
 * @throws Error with a reason when a source is missing
 */
export function prepareMounts(
  mounts: readonly MountSpec[],
  volumes: string,
  service: string,
  owner: VolumeOwner,
): readonly Mount[] {
  return mounts.map((it): Mount => {
    if (it.kind === 'tmpfs') return it;
    if (it.kind === 'text') throw new Error(`a text can be mounted on ${it.target} of a container alone`);
    const { target, readOnly } = it;
    if (it.kind === 'volume') {
      const source = path.join(volumes, it.volume ?? ownVolume(service, target));
      makeVolume(source, owner);
      return { kind: 'folder', source, target, readOnly };
    }
    const stat = fs.statSync(it.source, { throwIfNoEntry: false });
    if (stat === undefined && !it.create) throw new Error(`there is no ${it.source} to mount on ${target}`);
    if (stat === undefined) fs.mkdirSync(it.source, { recursive: true });
    return { kind: stat === undefined || stat.isDirectory() ? 'folder' : 'file', source: it.source, target, readOnly };
  });
}

/** Names that people give to volumes begin with a letter or a digit. */
const ownVolume = (service: string, target: string): string =>
  `.${service}-${createHash('sha256').update(target).digest('hex').slice(0, 12)}`;

function makeVolume(folder: string, { uid, gid }: VolumeOwner): void {
  fs.mkdirSync(path.dirname(folder), { recursive: true, mode: 0o711 });
  try {
    fs.mkdirSync(folder);
    fs.chownSync(folder, uid, gid);
  } catch (error) {
    // Node's errors of file calls carry `code`.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** The first target that would hide `folder` from the service's process 1, which needs it to the end. */
export function hidingTarget(mounts: readonly MountSpec[], folder: string): string | undefined {
  return mounts.find(({ target }) => isWithin(folder, target))?.target;
}

/** Whether a path lies below, or is, another. */
export const isWithin = (file: string, folder: string): boolean =>
  `${file}/`.startsWith(folder.endsWith('/') ? folder : `${folder}/`);

/** As Docker's; what is written comes behind, and counts. */
const tmpfsOptions = (written: string): string =>
  ['nosuid,nodev,noexec,mode=1777', ...(written === '' ? [] : [written])].join(',');

/** Lines of the shell that mount it all, and make what there is nothing of to mount on. */
export function formatMountLines(mounts: readonly Mount[]): readonly string[] {
  return mounts.flatMap((it) => {
    const target = quote(it.target);
    const folder = `mkdir -p -- ${target} || return`;
    if (it.kind === 'tmpfs')
      return [folder, `mount -n -t tmpfs -o ${quote(tmpfsOptions(it.options))} landline-tmpfs ${target} || return`];
    const place =
      it.kind === 'folder'
        ? folder
        : `[ -e ${target} ] || { mkdir -p -- ${quote(path.dirname(it.target))} && : >${target}; } || return`;
    const bind = `mount -n --rbind ${quote(it.source)} ${target} || return`;
    return [place, bind, ...(it.readOnly ? [`mount -n -o remount,bind,ro ${target} || return`] : [])];
  });
}
