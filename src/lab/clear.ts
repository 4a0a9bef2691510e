/** Ending a lab, whole or in pieces, until nothing of it is left. */
import fs from 'node:fs';
import { LandlineError } from '../errors.ts';
import { removeCgroups } from './cgroups.ts';
import { withLock } from './lock.ts';
import { endProcess, findByArgument, isGone, waitUntil } from './process.ts';
import { folderOf, isMarkOf, labExists, listLabs, readRecord } from './record.ts';

const patienceMs = 10_000;

/**
 * Kills process 1 of each machine, and with it all that runs there; waits until it is gone, and the commands that were
 * running in a machine too; removes the folder. The caller holds the lock.
 * @throws LandlineError LAB_FAILED when a process stays.
 */
export async function clearLab(name: string): Promise<void> {
  const machines = readRecord(name)?.machines ?? [];
  for (const machine of machines) endProcess(machine.init);
  // The holder takes process 1 off the process table, and ends.
  await waitUntil(() => machines.every((it) => isGone(it.init) && isGone(it.holder)), patienceMs);
  // Machines of a builder that was killed end by themselves a moment after it; `lab exec` ends a moment after its command.
  const remaining = (): readonly number[] => findByArgument((argument) => isMarkOf(name, argument)).map((it) => it.pid);
  if (!(await waitUntil(() => remaining().length === 0, patienceMs, 20))) {
    throw new LandlineError('LAB_FAILED', { doing: `end '${name}'`, reason: `these processes stay: ${remaining().join(', ')}` });
  }
  if (!(await waitUntil(() => removeCgroups(name), patienceMs, 20))) {
    throw new LandlineError('LAB_FAILED', { doing: `end '${name}'`, reason: 'its cgroups cannot be removed' });
  }
  fs.rmSync(folderOf(name), { recursive: true, force: true });
}

/** See index.ts. */
export async function takeDown(name: string): Promise<void> {
  await whereThereIs(name, () => withLock(name, ignore, () => whereThereIs(name, () => clearLab(name))));
}

/** The lab may go while one waits for it. */
async function whereThereIs(name: string, act: () => Promise<void>): Promise<void> {
  if (!labExists(name)) throw new LandlineError('LAB_UNKNOWN', { name, labs: listLabs() });
  await act();
}

const ignore = (): void => {};
