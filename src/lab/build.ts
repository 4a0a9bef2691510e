/** Builds a lab from the description of the office. What a failure or a crash interrupts leaves nothing running. */
import fs from 'node:fs';
import path from 'node:path';
import { LandlineError } from '../errors.ts';
import { type Host, isKernelError } from '../host/index.ts';
import { wireOffice } from './cables.ts';
import { clearLab } from './clear.ts';
import { describeOffice, type Office, type OfficeOptions } from './describe.ts';
import { type StartedMachine, startMachine } from './machine.ts';
import { isToRun, startPrograms } from './programs.ts';
import { folderOf, type LabRecord, type MachineRecord, newRecord, writeRecord } from './record.ts';

/** The caller holds the lock, and has cleared what was there. @throws LandlineError LAB_FAILED, PROGRAM_MISSING */
export async function buildLab(
  host: Host,
  name: string,
  options: OfficeOptions,
  onProgress: (line: string) => void,
): Promise<void> {
  try {
    await build(host, name, options, onProgress);
  } catch (error) {
    await clearLab(name);
    throw isKernelError(error)
      ? new LandlineError('LAB_FAILED', { doing: error.doing, reason: error.message }, { cause: error })
      : error;
  }
}

async function build(host: Host, name: string, options: OfficeOptions, onProgress: (line: string) => void): Promise<void> {
  const office = describeOffice(options);
  const files = makeFolders(name);
  const empty = newRecord(options);
  writeRecord(name, empty);

  onProgress(`starting the machines: ${office.machines.map((it) => it.name).join(', ')}`);
  const started = await startMachines(name, office, files);
  try {
    // Written before any of them may stay, so that each that outlives a crash of ours is known.
    const building: LabRecord = { ...empty, machines: started.map((it) => it.record) };
    writeRecord(name, building);

    onProgress('laying the cables');
    await wireOffice(host, office, building.machines);
    const machines = await startAllPrograms(office, building.machines, onProgress);
    writeRecord(name, { ...building, machines });

    await Promise.all(started.map((it) => it.stay()));
    writeRecord(name, { ...building, machines, phase: 'running' });
  } catch (error) {
    for (const it of started) it.end();
    throw error;
  }
}

/** The files lie in a folder that no earlier attempt knows, so that none which is just ending writes here. */
function makeFolders(name: string): string {
  fs.mkdirSync(folderOf(name), { recursive: true });
  const files = fs.mkdtempSync(path.join(folderOf(name), 'files-'));
  // Whatever the umask is: programs that give up root look through these folders.
  for (const folder of [folderOf(name), files]) fs.chmodSync(folder, 0o755);
  return files;
}

/** All at once; if one cannot be started, none stays. */
async function startMachines(name: string, office: Office, files: string): Promise<readonly StartedMachine[]> {
  const outcomes = await Promise.allSettled(office.machines.map((it) => startMachine(name, it, path.join(files, it.name))));
  const started = outcomes.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
  const refused = outcomes.find((it) => it.status === 'rejected');
  if (refused === undefined) return started;
  for (const it of started) it.end();
  throw refused.reason;
}

/** Starts what does not run of each machine's programs, in the order of the office. */
export async function startAllPrograms(
  office: Office,
  machines: readonly MachineRecord[],
  onProgress: (line: string) => void,
): Promise<readonly MachineRecord[]> {
  const done: MachineRecord[] = [];
  for (const machine of machines) {
    const programs = office.machines.find((it) => it.name === machine.name)?.programs.filter(isToRun) ?? [];
    if (programs.length > 0) onProgress(`starting in ${machine.name}: ${programs.map((it) => it.name).join(', ')}`);
    done.push({ ...machine, programs: await startPrograms(machine, programs) });
  }
  return done;
}
