/**
 * One start of a service, as a folder of its own that no other start ever uses again:
 *
 *     alive        the pipe that process 1 holds open (alive.ts)
 *     plan         what init.sh is to run
 *     start.json   what the engine has to know of it later
 *     trouble      what went wrong before the service ran (stderr of the spawner's commands and of init.sh)
 *     identity     process 1, written by itself before it does anything else
 *     status       the exit status, written by process 1 as its last deed
 *     stopped      the engine was told to stop it: what follows is no end of its own
 *     check        what the last check of its health wrote
 *     health       what the checks made of it (health-watch.ts)
 *
 * The name is `MILLISECONDS-RANDOM`: it sorts by age and tells when it was started.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Healthcheck } from '../../core/model.ts';
import { makeFifo } from '../../host/fifo.ts';
import { hasWriter, openAlive } from './alive.ts';
import { deleteFolder, type Folders, listFolders, putAside } from './folders.ts';
import { type Identity, isThere, parseIdentity, signalProcess } from './identity.ts';
import { formatPlan, type Plan } from './plan.ts';

export interface Generation {
  readonly environment: string;
  readonly service: string;
  readonly id: string;
  readonly folder: string;
}

/** What of a start is wanted again by a later daemon. */
export interface StartRecord {
  readonly digest: string;
  readonly stopSignal: string;
  readonly healthcheck?: Healthcheck;
}

/** Makes the folder, with everything that init.sh needs. */
export function makeGeneration(
  folders: Folders,
  it: { environment: string; service: string; now: number },
  plan: Plan,
  record: StartRecord,
): Generation {
  const id = `${it.now}-${randomBytes(4).toString('hex')}`;
  const folder = path.join(folders.service(it.environment, it.service), id);
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'plan'), formatPlan(plan), { mode: 0o600 });
  fs.writeFileSync(path.join(folder, 'start.json'), JSON.stringify(record));
  makeFifo(alivePath({ folder }));
  return { environment: it.environment, service: it.service, id, folder };
}

export const alivePath = (it: { readonly folder: string }): string => path.join(it.folder, 'alive');

/** The generations of a service, the newest first. */
export async function listGenerations(folders: Folders, environment: string, service: string): Promise<Generation[]> {
  const parent = folders.service(environment, service);
  const ids = (await listFolders(parent)).sort((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10));
  return ids.map((id) => ({ environment, service, id, folder: path.join(parent, id) }));
}

/** Milliseconds since 1970. */
export const startedAt = (generation: Generation): number => Number.parseInt(generation.id, 10);

export function readIdentity(it: { readonly folder: string }): Identity | undefined {
  return parseIdentity(readText(it.folder, 'identity'));
}

export function readRecord(generation: Generation): StartRecord | undefined {
  const text = readText(generation.folder, 'start.json');
  // Written whole by makeGeneration, and read only of generations that came to run.
  return text === '' ? undefined : (JSON.parse(text) as StartRecord);
}

/** 0 to 255; undefined while it runs, or when nobody saw the end. */
export function readStatus(generation: Generation): number | undefined {
  const status = /^(\d+)\n$/.exec(readText(generation.folder, 'status'))?.[1];
  return status === undefined ? undefined : Number(status);
}

/** Before the signal: a daemon that is killed on the way must not take the end for the service's own. */
export function noteStop(generation: Generation): void {
  fs.writeFileSync(path.join(generation.folder, 'stopped'), '');
}

export function wasStopped(generation: Generation): boolean {
  return fs.existsSync(path.join(generation.folder, 'stopped'));
}

export function writeStatus(generation: Generation, status: number): void {
  fs.writeFileSync(path.join(generation.folder, 'status'), `${status}\n`);
}

/** What went wrong before the service ran, in lines. */
export function readTrouble(generation: Generation): readonly string[] {
  return readText(generation.folder, 'trouble')
    .split('\n')
    .filter((line) => line !== '')
    .slice(-5);
}

function readText(folder: string, file: string): string {
  try {
    return fs.readFileSync(path.join(folder, file), 'utf8');
  } catch {
    return '';
  }
}

export type Found =
  /** `alive` is the open reading end of its pipe, and the finder's to close. */
  | { readonly kind: 'running'; readonly identity: Identity; readonly alive: number }
  | { readonly kind: 'exited' }
  /** Nothing of it ever ran, or it is in the middle of being started. */
  | { readonly kind: 'half-made' };

/** How a generation of an earlier daemon stands. */
export function findGeneration(generation: Generation): Found {
  const alive = openIfThere(generation);
  if (alive === undefined) return { kind: 'half-made' };
  // Process 1 opens the pipe before it writes its identity: an identity seen first, and then no writer, is a past life.
  const past = readIdentity(generation);
  const writer = hasWriter(alive);
  const identity = past ?? readIdentity(generation);
  if (writer && identity !== undefined) return { kind: 'running', identity, alive };
  fs.closeSync(alive);
  return { kind: past !== undefined && !writer ? 'exited' : 'half-made' };
}

function openIfThere(it: { readonly folder: string }): number | undefined {
  try {
    return openAlive(alivePath(it));
  } catch (error) {
    // Node's errors of file calls carry `code`.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Removes a generation, whatever stage its start is in, and returns when nothing of it runs or ever will. First its
 * folder goes away: a process 1 that has not opened the pipe yet cannot any more, and ends; one that has it open ends
 * at its next step, or was beyond its last look, and then its identity is in the folder and it is killed.
 */
export async function takeAway(folders: Folders, generation: Generation): Promise<void> {
  const aside = await putAside(folders, generation.folder);
  if (aside === undefined) return;
  const alive = openIfThere({ folder: aside });
  try {
    while (alive !== undefined && hasWriter(alive)) {
      const identity = readIdentity({ folder: aside });
      if (identity !== undefined) signalProcess(identity, 'SIGKILL');
      await sleep(2);
    }
  } finally {
    if (alive !== undefined) fs.closeSync(alive);
  }
  const identity = readIdentity({ folder: aside });
  if (identity !== undefined) await untilGone(identity);
  await deleteFolder(aside);
}

/** Waits until a process 1 that has let go of its pipe is gone: the kernel first ends all others of its namespace. */
export async function untilGone(identity: Identity): Promise<void> {
  for (let ms = 0; isThere(identity); ms = Math.min(2 * ms + 1, 50)) await sleep(ms);
}
