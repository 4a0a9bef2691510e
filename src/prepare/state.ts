/**
 * Where a conversion of the host is written down: a folder for each, with the way back, copies of files before and
 * after, and where it stands; `current` leads to the last. Shell and program both read and write it, so it is plain
 * files.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { BootChange } from '../core/bridge/boot.ts';
import { freshName, shellWord } from '../core/bridge/way-back.ts';
import { LandlineError } from '../errors.ts';

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
  // One that is empty was cut off, or the disk was full.
  const phase = (readText(path.join(folder, 'phase'))?.trim() || 'applying') as Phase;
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

/**
 * Makes the folder, with everything in it on the disk before `current` leads there. Whatever has to be written later is
 * there already, so that a disk which fills up meanwhile is in nobody's way.
 * @throws LandlineError STATE_UNWRITABLE: nothing of it is left then
 */
export function begin(
  stateDir: string,
  journal: Journal,
  changes: readonly BootChange[],
  wayBack: (folder: string) => string,
): Conversion {
  const folder = path.join(stateFolder(stateDir), journal.at.replaceAll(':', '-'));
  return orNothing(folder, () => {
    fs.mkdirSync(path.join(folder, 'before'), { recursive: true, mode: 0o700 });
    fs.mkdirSync(path.join(folder, 'after'), { mode: 0o700 });
    for (const [index, it] of changes.entries()) keepCopies(folder, index, it);
    writeSafely(path.join(folder, 'way-back.sh'), wayBack(folder), 0o700);
    writeSafely(path.join(folder, 'watchdog.sh'), watchdog(folder, journal.timeout), 0o700);
    writeSafely(path.join(folder, 'confirm.sh'), confirmScript(folder, changes, journal.settle), 0o700);
    writeSafely(path.join(folder, 'phase'), 'applying\n', 0o600);
    writeSafely(path.join(folder, 'phase.confirmed'), 'confirmed\n', 0o600);
    for (const name of ['pending', 'confirm.lock', 'log']) writeSafely(path.join(folder, name), '', 0o600);
    writeSafely(path.join(folder, 'conversion.json'), `${JSON.stringify(journal, undefined, 2)}\n`, 0o600);
    leadTo(stateDir, path.basename(folder));
    return { folder, journal, phase: 'applying' };
  });
}

/** The conversion never was: nothing has changed, and `current` leads where it led. */
export function abandon(stateDir: string, it: Conversion, former: Conversion | undefined): void {
  take(it, 'taken');
  // Before its folder goes: at no moment `current` leads nowhere, as if the host had never been converted.
  if (former === undefined) fs.rmSync(path.join(stateFolder(stateDir), 'current'), { force: true });
  else leadTo(stateDir, path.basename(former.folder));
  fs.rmSync(it.folder, { recursive: true, force: true });
}

/** Where `current` leads, whatever became of it. */
export const lastConversion = (stateDir: string): Conversion | undefined =>
  readConversion(path.join(stateFolder(stateDir), 'current'));

function leadTo(stateDir: string, name: string): void {
  const link = path.join(stateFolder(stateDir), 'current');
  fs.rmSync(`${link}.new`, { force: true });
  fs.symlinkSync(name, `${link}.new`);
  fs.renameSync(`${link}.new`, link);
  sync(stateFolder(stateDir));
}

function orNothing<T>(folder: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    fs.rmSync(folder, { recursive: true, force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new LandlineError('STATE_UNWRITABLE', { file: folder, reason }, { cause: error });
  }
}

/** As it is, with owner and permissions, since so it is to come back; and as it is to be. */
function keepCopies(folder: string, index: number, it: BootChange): void {
  const [before, after] = ['before', 'after'].map((name) => path.join(folder, name, String(index))) as [string, string];
  if (it.before !== undefined) {
    fs.copyFileSync(it.path, before, fs.constants.COPYFILE_EXCL);
    copyOwner(it.path, before);
    sync(before);
  }
  if (it.after === undefined) return;
  writeSafely(after, it.after, it.mode);
  if (it.before !== undefined) copyOwner(it.path, after);
}

/** Whoever renames `pending` decides: the watchdog, or `confirm`; what the latter has begun the watchdog ends. */
const watchdog = (folder: string, seconds: number): string => `#!/bin/sh
# Takes the way back in ${seconds} s, unless \`landline host bridge confirm\` has taken \`pending\` away.
cd '${folder}' || exit 1
trap '' HUP INT TERM
sleep "\${1:-${seconds}}"
if mv pending expired 2>/dev/null; then exec sh ./way-back.sh 'nobody confirmed in ${seconds} s'; fi
# A confirmation that was cut off.
[ -e confirming ] || exit 0
(trap - HUP INT TERM; exec sh ./confirm.sh) || exec sh ./way-back.sh 'the files of the next boot could not be written'
`;

/**
 * The files of the next boot, by a shell: it ends what it has begun, whoever is killed meanwhile; and if it is killed itself,
 * it is run again. What needs room on the disk comes first, and changes nothing.
 */
function confirmScript(folder: string, changes: readonly BootChange[], settle: readonly string[]): string {
  const made = changes.map((it, index) => ({ ...it, index, word: shellWord(it.path), fresh: shellWord(freshName(it.path)) }));
  const kept = made.filter((it) => it.after !== undefined);
  return [
    '#!/bin/sh',
    '# Writes the files of the next boot. `confirm` runs this once it has taken `pending` away, and whoever comes after one',
    '# that was cut off.',
    `cd '${folder}' || exit 1`,
    "trap '' HUP INT TERM",
    'exec 9>>confirm.lock || exit 1',
    'if command -v flock >/dev/null; then flock 9; fi',
    '# Another has ended it, or gone back.',
    '[ -e confirming ] || exit 0',
    'failed=',
    'if [ -e phase.confirmed ]; then',
    ...kept.map((it) => `  mkdir -p ${shellWord(path.dirname(it.path))} && cp -p after/${it.index} ${it.fresh} || failed=yes`),
    ...(kept.length === 0 ? [] : [`  if [ -n "$failed" ]; then rm -f ${kept.map((it) => it.fresh).join(' ')}; exit 1; fi`]),
    '  sync',
    ...kept.map((it) => `  mv -f ${it.fresh} ${it.word} || failed=yes`),
    ...made.filter((it) => it.after === undefined).map((it) => `  rm -f ${it.word} || failed=yes`),
    ...(kept.length === 0
      ? []
      : [`  if command -v restorecon >/dev/null; then restorecon ${kept.map((it) => it.word).join(' ')}; fi`]),
    '  sync',
    '  if [ -n "$failed" ]; then exit 1; fi',
    '  mv -f phase.confirmed phase',
    '  sync',
    'fi',
    ...settle.map((it) => `(trap - HUP INT TERM; exec sh -c ${shellWord(it)}) >/dev/null 2>&1 9>&-`),
    'mv -f confirming settled',
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
    sync(it.folder);
    return true;
  } catch {
    return false;
  }
}

/** A whole file or the one before, whatever happens; durable when this returns. */
export function writeSafely(file: string, text: string, mode: number): void {
  const fresh = freshName(file);
  try {
    const fd = fs.openSync(fresh, 'w', mode);
    try {
      fs.fchmodSync(fd, mode);
      // All of it: a disk that is nearly full takes a part, and says how much.
      fs.writeFileSync(fd, text);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(fresh, file);
  } catch (error) {
    fs.rmSync(fresh, { force: true });
    throw error;
  }
  sync(path.dirname(file));
}

/** A file or a folder. */
function sync(file: string): void {
  const fd = fs.openSync(file, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
