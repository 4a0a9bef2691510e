/** How labs stand: from their records, and from the kernel itself. */
import { LandlineError } from '../errors.ts';
import { type Host, isKernelError, openHost } from '../host/index.ts';
import { formatPrefix } from '../net/prefix.ts';
import { isProgramRunning } from './programs.ts';
import {
  isWhole,
  type LabState,
  labExists,
  listLabs,
  type MachineRecord,
  netnsOf,
  type ProgramRecord,
  readRecord,
  stateOf,
} from './record.ts';

export interface LabStatus {
  readonly name: string;
  /** `broken`: a machine has ended, or whoever built it has; `lab up` builds it anew. */
  readonly state: LabState;
  /** When it was made, ISO 8601; null where a crash left no record. */
  readonly since: string | null;
  readonly machines: readonly LabMachine[];
}

export interface LabMachine {
  readonly name: string;
  readonly state: 'running' | 'ended';
  /** Its process 1, as this machine sees it: /proc/PID/ns/net is its network. */
  readonly pid: number;
  /** As they are now, with their prefix; without those of lo. */
  readonly addresses: readonly string[];
  readonly programs: readonly { readonly name: string; readonly state: 'running' | 'ended' }[];
}

/** See index.ts. */
export async function describeLabs(name: string | undefined): Promise<readonly LabStatus[]> {
  if (name !== undefined && !labExists(name)) throw new LandlineError('LAB_UNKNOWN', { name, labs: listLabs() });
  const host = openHost();
  try {
    return await Promise.all((name === undefined ? listLabs() : [name]).map((it) => describeLab(host, it)));
  } finally {
    host.close();
  }
}

export async function describeLab(host: Host, name: string): Promise<LabStatus> {
  const record = readRecord(name);
  const machines = await Promise.all((record?.machines ?? []).map((it) => describeMachine(host, it)));
  return { name, state: stateOf(record), since: record?.since ?? null, machines };
}

async function describeMachine(host: Host, machine: MachineRecord): Promise<LabMachine> {
  const addresses = await readAddresses(host, machine);
  const programs = await Promise.all(machine.programs.map((it) => describeProgram(machine, it)));
  return { name: machine.name, state: isWhole(machine) ? 'running' : 'ended', pid: machine.init.pid, addresses, programs };
}

async function describeProgram(machine: MachineRecord, it: ProgramRecord): Promise<LabMachine['programs'][number]> {
  return { name: it.name, state: (await isProgramRunning(machine, it)) ? 'running' : 'ended' };
}

/** A machine that has ended, or does so meanwhile, has none. */
async function readAddresses(host: Host, machine: MachineRecord): Promise<readonly string[]> {
  if (!isWhole(machine)) return [];
  try {
    const addresses = await host.within(netnsOf(machine), (inside) => inside.kernel.listAddresses());
    return addresses.filter((it) => it.link !== 1).map((it) => formatPrefix(it.address));
  } catch (error) {
    if (isKernelError(error, 'ENOENT', 'ESRCH')) return [];
    throw error;
  }
}
