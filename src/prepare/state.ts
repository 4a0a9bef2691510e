/**
 * Where a conversion of the host is written down: a folder for each, with the way back, copies of files before and
 * after, and where it stands; `current` leads to the last. Shell and program both read and write it, so it is plain
 * files.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { BootChange } from '../core/bridge/boot.ts';
import { shellWord } from '../core/bridge/way-back.ts';

/** What is written down before anything is changed. */
export interface Journal {
  readonly direction: 'apply' | 'remove';
  readonly interface: string;
  readonly bridge: string;
  readonly manager?: string;
  /** ISO 8601. */
  readonly at: string;
  /** Seconds until the way back is taken unless somebody confirms. */
  readonly timeout: number;
  readonly bootId: string;
  readonly namespace: string;
  /** SSH_CONNECTION of whoever applied. */
  readonly connection?: string;
  /** For the next boot; written by `confirm`. The texts lie beside, as before/N and after/N. */
  readonly files: readonly { readonly path: string; readonly existed: boolean; readonly stays: boolean }[];
  /** Commands for the manager once it is confirmed. */
  readonly settle: readonly string[];
  /** Name of the folder of the conversion that this one is the reverse of. */
  readonly undoes?: string;
}

/** `pending` waits for a confirmation; the shell writes the phase too. */
export type Phase = 'applying' | 'pending' | 'confirmed' | 'going back' | 'rolled back' | 'not all of it is back: see log';

export interface Conversion {
  readonly folder: string;
  readonly journal: Journal;
  readonly phase: Phase;
  /** Milliseconds since 1970 at which the watchdog acts; undefined where none waits. */
  readonly deadline?: number;
}

const stateFolder = (stateDir: string): string => path.join(stateDir, 'host-bridge');

/** The same folder by the name that always leads to the last one. */
export const currentFolder = (it: Conversion): string => path.join(path.dirname(it.folder), 'current');

/** The last one; but a removal that was rolled back left things as the conversion before it had made them. */
export function readCurrent(stateDir: string): Conversion | undefined {
  const last = readConversion(path.join(stateFolder(stateDir), 'current'));
  if (last?.journal.undoes === undefined || last.phase !== 'rolled back') return last;
  return readConversion(path.join(stateFolder(stateDir), last.journal.undoes)) ?? last;
}

function readConversion(folder: string): Conversion | undefined {
  const text = readText(path.join(folder, 'conversion.json'));
  if (text === undefined) return undefined;
  // Our own file, written whole before `current` leads to it.
  const journal = JSON.parse(text) as Journal;
  const phase = (readText(path.join(folder, 'phase'))?.trim() ?? 'applying') as Phase;
  const deadline = Number(readText(path.join(folder, 'deadline')));
  const isPending = fs.existsSync(path.join(folder, 'pending'));
  return { folder: fs.realpathSync(folder), journal, phase, ...(isPending && deadline > 0 ? { deadline } : {}) };
}

export function readText(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Makes the folder, with everything in it on the disk before `current` leads there. */
export function begin(
  stateDir: string,
  journal: Journal,
  changes: readonly BootChange[],
  wayBack: (folder: string) => string,
): Conversion {
  const folder = path.join(stateFolder(stateDir), journal.at.replaceAll(':', '-'));
  fs.mkdirSync(path.join(folder, 'before'), { recursive: true, mode: 0o700 });
  fs.mkdirSync(path.join(folder, 'after'), { mode: 0o700 });
  for (const [index, it] of changes.entries()) {
    // With owner and permissions, as it is to come back.
    if (it.before !== undefined) fs.copyFileSync(it.path, path.join(folder, 'before', String(index)), fs.constants.COPYFILE_EXCL);
    if (it.before !== undefined) copyOwner(it.path, path.join(folder, 'before', String(index)));
    if (it.after === undefined) continue;
    writeSafely(path.join(folder, 'after', String(index)), it.after, it.mode);
    if (it.before !== undefined) copyOwner(it.path, path.join(folder, 'after', String(index)));
  }
  writeSafely(path.join(folder, 'way-back.sh'), wayBack(folder), 0o700);
  writeSafely(path.join(folder, 'watchdog.sh'), watchdog(folder, journal.timeout), 0o700);
  writeSafely(path.join(folder, 'confirm.sh'), confirmScript(folder, changes), 0o700);
  writeSafely(path.join(folder, 'phase'), 'applying\n', 0o600);
  writeSafely(path.join(folder, 'pending'), '', 0o600);
  writeSafely(path.join(folder, 'conversion.json'), `${JSON.stringify(journal, undefined, 2)}\n`, 0o600);
  const link = path.join(stateFolder(stateDir), 'current');
  fs.rmSync(`${link}.new`, { force: true });
  fs.symlinkSync(path.basename(folder), `${link}.new`);
  fs.renameSync(`${link}.new`, link);
  syncFolder(stateFolder(stateDir));
  return { folder, journal, phase: 'applying' };
}

/** Whoever renames `pending` decides: the watchdog, or `confirm`. */
const watchdog = (folder: string, seconds: number): string => `#!/bin/sh
# Takes the way back in ${seconds} s, unless \`landline host bridge confirm\` has taken \`pending\` away.
cd '${folder}' || exit 1
trap '' HUP INT TERM
sleep "\${1:-${seconds}}"
mv pending expired 2>/dev/null || exit 0
exec sh ./way-back.sh 'nobody confirmed in ${seconds} s'
`;

/** The files of the next boot, by a shell: it ends what it has begun, whoever is killed meanwhile. */
function confirmScript(folder: string, changes: readonly BootChange[]): string {
  const made = changes.map((it, index) => ({ ...it, index, word: shellWord(it.path) }));
  const kept = made.filter((it) => it.after !== undefined);
  return [
    '#!/bin/sh',
    '# Writes the files of the next boot. `confirm` runs this once it has taken `pending` away.',
    `cd '${folder}' || exit 1`,
    "trap '' HUP INT TERM",
    'failed=',
    ...kept.map(
      (it) => `mkdir -p ${shellWord(path.dirname(it.path))} && cp -p after/${it.index} ${it.word}.landline || failed=yes`,
    ),
    'if [ -n "$failed" ]; then exit 1; fi',
    'sync',
    ...kept.map((it) => `mv -f ${it.word}.landline ${it.word} || failed=yes`),
    ...made.filter((it) => it.after === undefined).map((it) => `rm -f ${it.word} || failed=yes`),
    ...(kept.length === 0
      ? []
      : [`if command -v restorecon >/dev/null; then restorecon ${kept.map((it) => it.word).join(' ')}; fi`]),
    'sync',
    'if [ -n "$failed" ]; then exit 1; fi',
    'echo confirmed >phase',
    '',
  ].join('\n');
}

function copyOwner(from: string, to: string): void {
  const { uid, gid, mode, atime, mtime } = fs.statSync(from);
  fs.chownSync(to, uid, gid);
  fs.chmodSync(to, mode & 0o7777);
  fs.utimesSync(to, atime, mtime);
}

export function setPhase(it: Conversion, phase: Phase): void {
  writeSafely(path.join(it.folder, 'phase'), `${phase}\n`, 0o600);
}

/** Takes `pending` away, so that the watchdog does nothing any more. @returns false where it was first. */
export function take(it: Conversion, as: string): boolean {
  try {
    fs.renameSync(path.join(it.folder, 'pending'), path.join(it.folder, as));
    syncFolder(it.folder);
    return true;
  } catch {
    return false;
  }
}

/** A whole file or the one before, whatever happens; durable when this returns. */
export function writeSafely(file: string, text: string, mode: number): void {
  const fresh = `${file}.landline`;
  const fd = fs.openSync(fresh, 'w', mode);
  try {
    fs.fchmodSync(fd, mode);
    fs.writeSync(fd, text);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(fresh, file);
  syncFolder(path.dirname(file));
}

function syncFolder(folder: string): void {
  const fd = fs.openSync(folder, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
