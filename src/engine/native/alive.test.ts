import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { makeFifo } from '../../host/fifo.ts';
import { isKernelError } from '../../host/kernel-error.ts';
import { hasWriter, openAlive, watchAlive } from './alive.ts';

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-alive-'));
after(() => fs.rmSync(home, { recursive: true }));
let made = 0;

function makePipe(): string {
  const file = path.join(home, `alive-${made++}`);
  makeFifo(file);
  return file;
}

/** Opens the pipe as init.sh does, says a word there, and holds it until its stdin ends. */
async function hold(file: string, word: string): Promise<ChildProcess> {
  const holder = spawn('sh', ['-c', 'exec 9<>"$1"; echo "$2" >&9; echo held; read -r _', 'sh', file, word]);
  await once(holder.stdout, 'data');
  return holder;
}

async function letGo(holder: ChildProcess): Promise<void> {
  const exit = once(holder, 'exit');
  holder.stdin?.end();
  await exit;
}

test('a pipe has a writer while somebody holds it, also when words wait in it, and not before or after', async () => {
  const file = makePipe();
  const fd = openAlive(file);
  assert.equal(hasWriter(fd), false);
  const holder = await hold(file, 'running');
  assert.equal(hasWriter(fd), true);
  await letGo(holder);
  assert.equal(hasWriter(fd), false);
  fs.closeSync(fd);
});

test('a watch tells the words and then the end, and not the end before anybody came', async () => {
  const file = makePipe();
  const heard: string[] = [];
  const ended = new Promise<void>((resolve) => {
    const onEnd = (): void => {
      heard.push('end');
      resolve();
    };
    watchAlive(openAlive(file), (word) => heard.push(word), onEnd);
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(heard, []);
  await letGo(await hold(file, 'running'));
  await ended;
  assert.deepEqual(heard, ['running', 'end']);
});

test('a watch that is stopped tells nothing more, and closes its descriptor', async () => {
  const file = makePipe();
  const fd = openAlive(file);
  const holder = await hold(file, 'running');
  const stop = watchAlive(fd, assert.fail, assert.fail);
  stop();
  await letGo(holder);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.throws(() => fs.fstatSync(fd), { code: 'EBADF' });
});

test('making a pipe where something is fails with the reason of the kernel', () => {
  const file = makePipe();
  assert.throws(
    () => makeFifo(file),
    (error) => isKernelError(error, 'EEXIST'),
  );
  assert.ok(fs.statSync(file).isFIFO());
});
