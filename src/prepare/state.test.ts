import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { abandon, begin, type Conversion, type Journal, lastConversion } from './state.ts';

const journal: Journal = {
  direction: 'apply',
  interface: 'ens33',
  bridge: 'br0',
  at: '2026-11-24T10:00:00.000Z',
  timeout: 60,
  bootId: '6f1a2b3c-0000-4000-8000-000000000001',
  namespace: 'net:[4026531840]',
  files: [],
  settle: [],
};

function room(t: TestContext): { readonly stateDir: string; beginAt(at: string): Conversion } {
  const stateDir = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-state-'));
  t.after(() => fs.rmSync(stateDir, { recursive: true }));
  return { stateDir, beginAt: (at) => begin(stateDir, { ...journal, at }, [], () => '#!/bin/sh\n') };
}

/** One whose folder does not let itself be deleted: where that begins, all else has been done. */
const undeletable = (it: Conversion): Conversion => ({ ...it, folder: path.join(path.dirname(it.folder), 'x'.repeat(300)) });

test('a conversion that is abandoned leaves nothing, and current leads where it led', (t) => {
  const { stateDir, beginAt } = room(t);
  const first = beginAt('2026-11-24T10:00:00.000Z');
  const second = beginAt('2026-11-24T11:00:00.000Z');
  assert.equal(lastConversion(stateDir)?.folder, second.folder);
  abandon(stateDir, second, first);
  assert.equal(lastConversion(stateDir)?.folder, first.folder);
  abandon(stateDir, first, undefined);
  assert.deepEqual([lastConversion(stateDir), fs.readdirSync(path.join(stateDir, 'host-bridge'))], [undefined, []]);
});

test('cut off before the folder of an abandoned one is deleted, current leads to the former one already', (t) => {
  const { stateDir, beginAt } = room(t);
  const first = beginAt('2026-11-24T10:00:00.000Z');
  const second = beginAt('2026-11-24T11:00:00.000Z');
  assert.throws(() => abandon(stateDir, undeletable(second), first));
  assert.equal(lastConversion(stateDir)?.folder, first.folder);
});
