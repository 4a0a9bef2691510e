/** A real host in a room of its own: the private home of the test process, cleared after each test, and `ip` to look with. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { type Host, isKernelError, openHost } from '../../src/host/index.ts';
import { needsRoot } from './private-namespaces.ts';

export interface Room {
  readonly host: Host;
  /** Folder for namespaces; not there yet. */
  readonly folder: string;
  /** Makes a namespace and returns its path. */
  addNetns(name: string): Promise<string>;
}

let made = 0;
const leftovers = 4711;

export function makeRoom(): Room {
  const host = openHost();
  const folder = `/run/landline-test/netns${made++}`;
  const addNetns = async (name: string): Promise<string> => {
    const file = path.join(folder, name);
    await host.addNetns(file);
    return file;
  };
  return { host, folder, addNetns };
}

export async function clearRoom({ host, folder }: Room): Promise<void> {
  host.close();
  const fresh = openHost();
  for (const name of await fresh.listNetns(folder)) await fresh.deleteNetns(path.join(folder, name));
  const links = await fresh.kernel.listLinks();
  // Those of a namespace that is ending may go meanwhile. One by one they would take 16 ms each.
  const unlessGone = (error: unknown): void => {
    if (!isKernelError(error, 'ENODEV')) throw error;
  };
  const left = links.filter((link) => link.name !== 'lo');
  await Promise.all(left.map(({ index }) => fresh.kernel.setLink(index, { group: leftovers }).catch(unlessGone)));
  await fresh.kernel.deleteLinkGroup(leftovers).catch(unlessGone);
  fresh.close();
}

/** A test with a room of its own. */
export function inRoom(title: string, body: (room: Room) => Promise<void>): void {
  test(title, needsRoot, async () => {
    const room = makeRoom();
    try {
      await body(room);
    } finally {
      await clearRoom(room);
    }
  });
}

/** Runs a program at home, or in the namespace at `netns`: what it says. @throws Error when it fails */
export function run(command: string, options: { readonly netns?: string | undefined; readonly input?: string } = {}): string {
  const { netns, input } = options;
  const words = command.split(' ');
  const [program = '', ...args] = netns === undefined ? words : ['nsenter', `--net=${netns}`, ...words];
  return execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe', input: input ?? '' });
}

/** What `ip -j -d …` says, of which only the fields that a test reads matter. */
// biome-ignore lint/suspicious/noExplicitAny: its JSON has other fields for each thing, and in each version.
export const ipJson = (args: string, netns?: string): any => JSON.parse(run(`ip -j -d ${args}`, { netns }));

export const openFiles = (): number => fs.readdirSync('/proc/self/fd').length;
