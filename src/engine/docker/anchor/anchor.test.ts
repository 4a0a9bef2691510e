import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { anchorImage } from './image.ts';
import { anchorProgram, type Processor } from './program.ts';

const processors: readonly Processor[] = ['amd64', 'arm64'];

test('the program is a static ELF file that says where its bytes end, for both processors', () => {
  const machines = processors.map((processor) => {
    const file = Buffer.from(anchorProgram(processor));
    assert.equal(file.subarray(0, 7).toString('hex'), '7f454c46020101');
    assert.equal(file.readBigUInt64LE(96), BigInt(file.length));
    assert.equal(file.subarray(-8).readBigUInt64LE(), (1n << 1n) | (1n << 14n) | (1n << 16n));
    return [file.readUInt16LE(18), file.length];
  });
  assert.deepEqual(machines, [
    [62, 216],
    [183, 240],
  ]);
});

const own = process.arch === 'arm64' ? 'arm64' : 'amd64';

test('it runs until SIGTERM or SIGINT, ends with 0, and a dead child does not end it', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-anchor-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'anchor');
  fs.writeFileSync(file, anchorProgram(own), { mode: 0o755 });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const child = spawn(file, [], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('exit', (status, by) => resolve({ status, by })));
    await new Promise((resolve) => child.on('spawn', resolve));
    for (let tries = 0; !/State:\s+S/.test(fs.readFileSync(`/proc/${child.pid}/status`, 'utf8')); tries += 1) {
      assert.ok(tries < 1000, 'it waits');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    child.kill('SIGCHLD');
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(child.exitCode, null);
    child.kill(signal);
    assert.deepEqual(await ended, { status: 0, by: null });
  }
});

test('the image is the same each time, and each processor has its own', () => {
  for (const processor of processors) assert.deepEqual(anchorImage(processor), anchorImage(processor));
  assert.deepEqual(
    processors.map((it) => anchorImage(it).name),
    ['landline/anchor:ec59cbd0541f', 'landline/anchor:e31ec8d87c3b'],
  );
});
