import fs from 'node:fs';
import path from 'node:path';
import { type Candidate, testHost } from '../../src/host/contract.ts';
import { openHost } from '../../src/host/index.ts';
import { needsRoot } from './private-namespaces.ts';

let made = 0;

/** The home of this process is private, and cleared between the stories. */
async function makeCandidate(): Promise<Candidate> {
  const host = openHost();
  const folder = `/run/landline-test/netns${made++}`;
  return {
    host,
    folder,
    leaveFile: (file) => fs.writeFileSync(file, ''),
    dispose: () => clear(folder),
  };
}

async function clear(folder: string): Promise<void> {
  const host = openHost();
  for (const name of await host.listNetns(folder)) await host.deleteNetns(path.join(folder, name));
  for (const { index, name } of await host.kernel.listLinks())
    if (name !== 'lo') await host.kernel.deleteLink(index).catch(() => undefined);
  host.close();
}

testHost('the real host', makeCandidate, needsRoot);
