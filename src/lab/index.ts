/**
 * The lab: a whole office LAN made of namespaces on one machine, for the demo, the tests, and to rehearse what one
 * would rather not try on the real host first.
 *
 * Promises: nothing is made in the machine's own network namespace, and none of its files and mounts change but for
 * /run/landline-lab; several labs, told apart by name, have the same addresses side by side; a lab is up whole or not
 * at all, whatever is killed when; after `down` no process, mount, link or file of it is left.
 * It needs root, and unshare, nsenter and mount of util-linux. A lab does not outlive a reboot.
 */
import fs from 'node:fs';
import { LandlineError } from '../errors.ts';
import { environmentNameRule, isEnvironmentName } from '../net/name.ts';
import { takeDown } from './clear.ts';
import { foldersOfPrograms } from './enter.ts';
import { findMachine, runInside } from './exec.ts';
import type { LabStatus } from './status.ts';
import type { LabUp, LabWish } from './up.ts';

export { describeOffice, type Machine } from './describe.ts';
export type { LabMachine, LabStatus } from './status.ts';
export type { LabUp, LabWish } from './up.ts';

// The kernel's door takes a tenth of a second to open; only what needs it imports it.

/**
 * Makes the office, and returns once its daemon answers. A lab that is whole is left as it is (`made: false`); what a
 * crash left is cleared away first. Waits while another command works on the same lab.
 * @throws LandlineError USAGE, NOT_ROOT, LAB_FAILED, PROGRAM_MISSING
 */
export async function labUp(wish: LabWish): Promise<LabUp> {
  check(wish.name, 'landline lab up');
  return (await import('./up.ts')).bringUp(wish);
}

/** Whether this machine has a BIND that can run on the office's server. */
export function isBindInstalled(): boolean {
  return foldersOfPrograms.some((folder) => fs.existsSync(`${folder}/named`));
}

/** Whether this machine has a dockerd that can run in the office's host. */
export function isDockerInstalled(): boolean {
  return foldersOfPrograms.some((folder) => fs.existsSync(`${folder}/dockerd`));
}

/** Ends the lab and all that runs in it. @throws LandlineError USAGE, NOT_ROOT, LAB_UNKNOWN, LAB_FAILED */
export async function labDown({ name }: { readonly name: string }): Promise<void> {
  check(name, 'landline lab down');
  await takeDown(name);
}

/** All labs, or the one of this name. @throws LandlineError USAGE, NOT_ROOT, LAB_UNKNOWN */
export async function labStatus({ name }: { readonly name?: string } = {}): Promise<readonly LabStatus[]> {
  check(name, 'landline lab status');
  return (await import('./status.ts')).describeLabs(name);
}

export interface LabCommand {
  readonly name: string;
  /** Name of the machine. */
  readonly host: string;
  /** Program and arguments. */
  readonly command: readonly string[];
}

/**
 * Runs a command in a machine of the lab, with our own stdin, stdout, stderr and, where the machine has it, folder;
 * signals to us go to the command. Resolves to its exit status, 128+n when signal n ended it.
 * @throws LandlineError USAGE, NOT_ROOT, LAB_UNKNOWN, LAB_HOST_UNKNOWN, LAB_FAILED, PROGRAM_MISSING
 */
export async function labExec({ name, host, command }: LabCommand): Promise<number> {
  check(name, 'landline lab exec');
  return runInside(name, findMachine(name, host), command);
}

function check(name: string | undefined, command: string): void {
  if (name !== undefined && !isEnvironmentName(name)) {
    throw new LandlineError('USAGE', { problem: `'${name}' is no name for a lab`, advice: `a name has ${environmentNameRule}` });
  }
  if (process.getuid?.() !== 0) throw new LandlineError('NOT_ROOT', { command });
}
