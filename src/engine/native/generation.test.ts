import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { makeFifo } from '../../host/fifo.ts';
import { type Folders, foldersIn } from './folders.ts';
import { findGeneration, type Generation, takeAway } from './generation.ts';
import { isThere, parseIdentity } from './identity.ts';

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-generation-'));
after(() => fs.rmSync(home, { recursive: true }));
const folders: Folders = foldersIn(home);
let made = 0;

/** The folder of a start in which nothing has happened yet. */
function makeStart(): Generation {
  const id = `${++made}-test`;
  const folder = path.join(folders.service('shop', 'web'), id);
  fs.mkdirSync(folder, { recursive: true });
  makeFifo(path.join(folder, 'alive'));
  return { environment: 'shop', service: 'web', id, folder };
}

const WRITE_IDENTITY =
  'read -r pid _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ start _ </proc/self/stat; echo "$pid $start" >"$1/identity" || exit 9;';

/** A process that does as init.sh until it says `there`, and then `rest`. */
async function actAsInit(it: Generation, before: string, rest: string): Promise<ChildProcess> {
  const init = spawn('sh', ['-c', `exec 9<>"$1/alive"; ${before} echo there; ${rest}`, 'sh', it.folder]);
  await once(init.stdout, 'data');
  return init;
}

test('a start in which nothing has happened is half made, and so is one whose process 1 has not said who it is', async () => {
  const it = makeStart();
  assert.equal(findGeneration(it).kind, 'half-made');
  const init = await actAsInit(it, '', 'exec sleep 1000');
  assert.equal(findGeneration(it).kind, 'half-made');
  init.kill('SIGKILL');
  fs.rmSync(path.join(it.folder, 'alive'));
  assert.equal(findGeneration(it).kind, 'half-made', 'the pipe was not made yet');
});

test('a start runs while its process 1 holds the pipe, and has ended after', async () => {
  const it = makeStart();
  const init = await actAsInit(it, WRITE_IDENTITY, 'exec sleep 1000');
  const found = findGeneration(it);
  assert.equal(found.kind, 'running');
  assert.equal(found.identity.pid, init.pid);
  assert.ok(isThere(found.identity));
  fs.closeSync(found.alive);
  const exit = once(init, 'exit');
  init.kill('SIGKILL');
  await exit;
  assert.equal(findGeneration(it).kind, 'exited');
  assert.ok(!isThere(found.identity));
});

test('a process 1 that comes after its folder was taken away cannot open the pipe', async () => {
  const it = makeStart();
  await takeAway(folders, it);
  const init = spawn('sh', ['-c', 'exec 9<>"$1/alive"; exit 0', 'sh', it.folder], { stdio: 'ignore' });
  const [status] = await once(init, 'exit');
  assert.notEqual(status, 0);
  assert.ok(!fs.existsSync(it.folder));
});

test('a process 1 between its first two steps fails at the second, and taking away waits for its end', async () => {
  const it = makeStart();
  const init = await actAsInit(it, '', `sleep 0.2; ${WRITE_IDENTITY} exec sleep 1000`);
  const exit = once(init, 'exit');
  await takeAway(folders, it);
  assert.deepEqual(await exit, [9, null]);
});

test('a process 1 that is further than that is killed', async () => {
  const it = makeStart();
  const init = await actAsInit(it, WRITE_IDENTITY, 'trap "" TERM; while :; do sleep 0.1 9>&-; done');
  const exit = once(init, 'exit');
  await takeAway(folders, it);
  assert.deepEqual(await exit, [null, 'SIGKILL']);
  assert.deepEqual(fs.readdirSync(folders.removed), []);
});

test('an identity is of one process alone: another with its pid is not mistaken for it', () => {
  const stat = fs.readFileSync('/proc/self/stat', 'latin1');
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  assert.ok(isThere({ pid: process.pid, started }));
  assert.ok(!isThere({ pid: process.pid, started: String(Number(started) + 1) }));
});

test('an identity that was cut off while it was written is none', () => {
  assert.deepEqual(parseIdentity('4711 148739\n'), { pid: 4711, started: '148739' });
  for (const text of ['', '4711', '4711 1487', '4711 \n', 'x 1\n']) assert.equal(parseIdentity(text), undefined, text);
});
