import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { foldersIn } from './folders.ts';
import { makeGeneration } from './generation.ts';
import { parseIdentity } from './identity.ts';
import { observeService } from './observe.ts';
import { makeRunning } from './running.ts';

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-observe-'));
after(() => fs.rmSync(home, { recursive: true }));
const folders = foldersIn(home);
const plan = {
  hostname: 'shop',
  log: '/dev/null',
  ownMounts: '/dev/null',
  workingDir: '/',
  variables: {},
  command: [],
  become: [],
  mounts: [],
};

function ownIdentity(): NonNullable<ReturnType<typeof parseIdentity>> {
  const stat = fs.readFileSync('/proc/self/stat', 'latin1');
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  const identity = parseIdentity(`${process.pid} ${started}\n`);
  assert.ok(identity !== undefined);
  return identity;
}

test('a service that comes to run while it is looked for is running, and was not killed', async () => {
  const record = { digest: 'x', stopSignal: 'SIGTERM' };
  const generation = makeGeneration(folders, { environment: 'shop', service: 'web', now: 1 }, plan, record);
  const table = makeRunning(() => undefined);
  const start = table.expect(generation);
  const observing = observeService(folders, table, { of: () => undefined }, 'shop', 'web');
  // Said while the folders are read.
  start.abandon();
  table.adopt(generation, ownIdentity(), fs.openSync(path.join(generation.folder, 'alive'), fs.constants.O_RDWR));
  const { state } = await observing;
  table.close();
  assert.equal(state, 'running');
});
