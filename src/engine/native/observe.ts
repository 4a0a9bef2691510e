/** What there is of an environment's services: in the files and in the kernel. */
import fs from 'node:fs';
import type { ServiceStatus } from '../../core/model.ts';
import { type Folders, listFolders } from './folders.ts';
import {
  findGeneration,
  type Generation,
  listGenerations,
  readRecord,
  readStatus,
  startedAt,
  takeAway,
  wasStopped,
} from './generation.ts';
import type { HealthWatch } from './health-watch.ts';
import { firstChild, isThere } from './identity.ts';
import type { Running } from './running.ts';

/** How one service stands. */
export async function observeService(
  folders: Folders,
  running: Running,
  health: Pick<HealthWatch, 'of'>,
  environment: string,
  name: string,
): Promise<ServiceStatus> {
  const listed = running.get(environment, name) === undefined ? await listGenerations(folders, environment, name) : [];
  // Asked anew: one that was expected before the look at the folders may run by now, and would pass for one that was killed.
  const it = running.get(environment, name);
  if (it !== undefined && isThere(it.identity)) {
    const found = health.of(it.generation);
    const pid = firstChild(it.identity) ?? it.identity.pid;
    return { name, state: 'running', pid, ...describe(it.generation), ...(found === undefined ? {} : { health: found }) };
  }
  const former = listed.find((one) => !running.isExpected(one));
  const generation = it?.generation ?? former;
  if (generation === undefined) return { name, state: 'absent' };
  const exitStatus = readStatus(generation);
  const ended = {
    ...(exitStatus === undefined ? {} : { exitStatus }),
    ...(wasStopped(generation) ? { stopped: true as const } : {}),
  };
  return { name, state: 'exited', ...ended, ...describe(generation) };
}

/** A record is written once, before its generation comes to run. */
const digests = new WeakMap<Generation, string>();

function describe(generation: Generation): Pick<ServiceStatus, 'startedAt' | 'generation' | 'digest'> {
  const digest = digests.get(generation) ?? readRecord(generation)?.digest;
  if (digest !== undefined) digests.set(generation, digest);
  return { startedAt: startedAt(generation), generation: generation.id, ...(digest === undefined ? {} : { digest }) };
}

/**
 * Takes up what runs of an environment, and keeps how the others ended. Every other generation is taken away: starts
 * that were under way when the daemon was killed, and what a new start had not removed yet.
 */
export async function findServices(
  folders: Folders,
  running: Running,
  environment: string,
  log: (line: string, fields: Record<string, unknown>) => void,
): Promise<void> {
  for (const service of await listFolders(folders.services(environment))) {
    const all = (await listGenerations(folders, environment, service)).map((generation) => ({
      generation,
      found: findGeneration(generation),
    }));
    const kept = all.find((it) => it.found.kind === 'running') ?? all.find((it) => it.found.kind === 'exited');
    for (const it of all) {
      const { generation, found } = it;
      if (it === kept) {
        if (found.kind === 'running') running.adopt(generation, found.identity, found.alive);
        continue;
      }
      log('former start taken away', { environment, service, generation: generation.id, was: found.kind });
      if (found.kind === 'running') fs.closeSync(found.alive);
      await takeAway(folders, generation);
    }
  }
}
