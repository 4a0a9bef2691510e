/** What is written down about a lab in /run/landline-lab/NAME/lab.json: enough to find all of it again, and to end it. */
import fs from 'node:fs';
import path from 'node:path';
import type { OfficeOptions } from './describe.ts';
import { identify, isRunning, type ProcessId } from './process.ts';

export const labsFolder = '/run/landline-lab';

export interface ProgramRecord {
  readonly name: string;
  /** As the machine's own /proc shows it. */
  readonly process: ProcessId;
  /** See Program of describe.ts. */
  readonly socket?: string;
}

export interface MachineRecord {
  readonly name: string;
  /** Process 1 of the machine. */
  readonly init: ProcessId;
  /** `unshare`, which waits for process 1. */
  readonly holder: ProcessId;
  readonly programs: readonly ProgramRecord[];
}

export interface LabRecord {
  /** While `building`, a machine lives only as long as the builder does, unless it is listed here. */
  readonly phase: 'building' | 'running';
  /** /proc/sys/kernel/random/boot_id: start times mean nothing after a reboot. */
  readonly bootId: string;
  readonly builder: ProcessId;
  /** ISO 8601. */
  readonly since: string;
  readonly options: OfficeOptions;
  readonly machines: readonly MachineRecord[];
}

export const folderOf = (name: string): string => path.join(labsFolder, name);
const fileOf = (name: string): string => path.join(folderOf(name), 'lab.json');

/** An argument of each of the lab's own processes. */
export const markOf = (name: string, machine: string): string => `landline-lab/${name}/${machine}`;
export const isMarkOf = (name: string, argument: string): boolean => argument.startsWith(`landline-lab/${name}/`);

export function newRecord(options: OfficeOptions): LabRecord {
  const builder = identify(process.pid);
  if (builder === undefined) throw new Error('/proc does not show this process');
  return { phase: 'building', bootId: bootId(), builder, since: new Date().toISOString(), options, machines: [] };
}

const bootId = (): string => fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** Replaced whole, so that a reader sees the old or the new one. */
export function writeRecord(name: string, record: LabRecord): void {
  const draft = `${fileOf(name)}.new`;
  fs.writeFileSync(draft, `${JSON.stringify(record, null, 1)}\n`);
  fs.renameSync(draft, fileOf(name));
}

/** Undefined where there is none of this boot: what lies in the folder then is a leftover without processes of its own. */
export function readRecord(name: string): LabRecord | undefined {
  try {
    // A cast: only writeRecord writes this file, in a folder that only root may write to.
    const record = JSON.parse(fs.readFileSync(fileOf(name), 'utf8')) as LabRecord;
    return record.bootId === bootId() ? record : undefined;
  } catch {
    return undefined;
  }
}

export const labExists = (name: string): boolean => fs.existsSync(folderOf(name));

/** Names of all labs and of what is left of any, in order. */
export function listLabs(): readonly string[] {
  if (!fs.existsSync(labsFolder)) return [];
  const entries = fs.readdirSync(labsFolder, { withFileTypes: true });
  return entries
    .filter((it) => it.isDirectory())
    .map((it) => it.name)
    .sort();
}

export const isWhole = (machine: MachineRecord): boolean => isRunning(machine.init) && isRunning(machine.holder);

export type LabState = 'running' | 'starting' | 'broken';

/** `broken` is what a crash left: a machine has ended, or the builder before it was done. */
export function stateOf(record: LabRecord | undefined): LabState {
  if (record === undefined) return 'broken';
  if (record.phase === 'building') return isRunning(record.builder) ? 'starting' : 'broken';
  return record.machines.every(isWhole) ? 'running' : 'broken';
}

/** The machine's own procfs, seen from outside. */
export const procOf = (machine: MachineRecord): string => `/proc/${machine.init.pid}/root/proc`;

export const netnsOf = (machine: MachineRecord): string => `/proc/${machine.init.pid}/ns/net`;
