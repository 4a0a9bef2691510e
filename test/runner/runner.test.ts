import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const runner = resolve(import.meta.dirname, '../run');
const fixtures = resolve(import.meta.dirname, '../run-fixtures');

const runOn = (fixture: string, args: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> =>
  spawnSync(runner, ['--root', join(fixtures, fixture), ...args], {
    encoding: 'utf8',
    env: { ...process.env, LANDLINE_REQUIRE: '', ...environment },
  });

const lastLine = (it: SpawnSyncReturns<string>): string | undefined => it.stdout.trimEnd().split('\n').at(-1);

/** What a run ends with, and that this line stands nowhere else. */
function assertEnds(it: SpawnSyncReturns<string>, tally: string, status: number): void {
  assert.equal(lastLine(it), tally, it.stdout + it.stderr);
  assert.equal(it.status, status);
  assert.equal(it.stderr, '');
  assert.equal(it.stdout.match(/^\d+ passed, \d+ failed(, \d+ skipped)?$/gm)?.length, 1);
}

/** A process that has ended, and waits for init to take note of it, is not running. */
const isRunning = (pid: number): boolean => {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

const asRoot = { skip: process.getuid?.() === 0 ? false : 'needs root' };

test('tests that pass are counted once each, parents and suites not at all', () => {
  assertEnds(runOn('passing'), '4 passed, 0 failed', 0);
});

test('a failure is shown with its full title, both values and its line', () => {
  const run = runOn('failing');
  assertEnds(run, '1 passed, 3 failed', 1);
  assert.match(run.stdout, /✖ parent > child\n.*\n *\+ actual - expected\n\n *\+ '192\.168\.11\.101'\n *- '192\.168\.11\.102'/);
  assert.match(run.stdout, /a\.test\.ts:6:38/);
  assert.match(run.stdout, /✖ suite\n *Error: the hook broke/);
});

test('a file that hangs is killed with its children, and has failed', () => {
  const run = runOn('hanging', ['--limit', '1']);
  assertEnds(run, '1 passed, 1 failed', 1);
  assert.match(run.stdout, /killed: it had not ended after 1 s \(running: waits for ever\)/);
  const child = Number(/child (\d+)/.exec(run.stdout)?.[1]);
  assert.ok(child > 0);
  assert.equal(isRunning(child), false);
});

test('a file that crashes, throws late, leaves early or is no TypeScript has failed', () => {
  const run = runOn('crashing');
  assertEnds(run, '1 passed, 5 failed', 1);
  assert.match(run.stdout, /killed by SIGKILL/);
  assert.match(run.stdout, /SyntaxError \[ERR_INVALID_TYPESCRIPT_SYNTAX\]/);
  assert.match(run.stdout, /Error: thrown while loading/);
  assert.match(run.stdout, /Error: thrown too late/);
});

test('a skip and a to-do print their reasons, and fail nothing', () => {
  const run = runOn('skipping');
  assertEnds(run, '1 passed, 0 failed, 3 skipped', 0);
  assert.match(run.stdout, /skipped: asks for more: needs two bridges\n/);
  assert.match(run.stdout, /skipped: is still to be written: to do: with IPv6\n/);
});

test('where a phase is required, a skip in it is a failure, unless the kernel itself lacks something', () => {
  const run = runOn('skipping', [], { LANDLINE_REQUIRE: 'netns,unit' });
  assertEnds(run, '1 passed, 2 failed, 1 skipped', 1);
  assert.match(run.stdout, /LANDLINE_REQUIRE forbids that: needs two bridges/);
});

test('a file without tests has failed', () => {
  assertEnds(runOn('empty'), '0 passed, 1 failed', 1);
});

test('a run of nothing has failed', () => {
  assertEnds(runOn('passing', ['--only', 'no-such-file']), '0 passed, 0 failed', 1);
});

test('phases run in order, and long tests only in a soak', asRoot, () => {
  const run = runOn('phases');
  assertEnds(run, '3 passed, 0 failed, 1 skipped', 0);
  assert.deepEqual(run.stdout.match(/^\w+$/gm), ['unit', 'netns', 'cli']);
  assertEnds(runOn('phases', ['--soak']), '4 passed, 0 failed, 1 skipped', 0);
});

test('--only picks files by a part of their path or by a glob', () => {
  assertEnds(runOn('phases', ['--only', 'cli/out']), '1 passed, 0 failed', 0);
  assertEnds(runOn('phases', ['--only', '{src,test/cli}/*.test.ts']), '2 passed, 0 failed', 0);
});

test('without root, a file of namespaces is skipped whole and says why; where they are required it has failed', asRoot, () => {
  // In a user namespace of its own, without a mapping: the same files, and another uid.
  const runAsNobody = (required: string): SpawnSyncReturns<string> =>
    spawnSync('unshare', ['--user', runner, '--root', join(fixtures, 'phases'), '--only', 'netns'], {
      encoding: 'utf8',
      env: { ...process.env, LANDLINE_REQUIRE: required },
    });
  const run = runAsNobody('');
  assertEnds(run, '0 passed, 0 failed, 1 skipped', 1);
  assert.match(run.stdout, /skipped: the whole file: it needs root\n/);
  assertEnds(runAsNobody('netns'), '0 passed, 1 failed', 1);
});

test('a test file that no phase would run is a failure', () => {
  const run = runOn('lost');
  assertEnds(run, '1 passed, 1 failed', 1);
  assert.match(run.stdout, /test\/elsewhere\/lost\.test\.ts belongs to no phase/);
});

test('the check counts as one test', () => {
  assertEnds(runOn('phases', ['--check', '--only', 'src/']), '2 passed, 0 failed', 0);
  const run = runOn('unchecked', ['--check']);
  assertEnds(run, '1 passed, 1 failed', 1);
  assert.match(run.stdout, /FAIL {2}types/);
});

test('what earlier runs left is cleared away before and after', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'landline-runner-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const log = join(folder, 'log');
  runOn('phases', ['--only', 'src/'], { CLEAN_LOG: log });
  assert.equal(readFileSync(log, 'utf8'), 'cleaned\ncleaned\n');
});
