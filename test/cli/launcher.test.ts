import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';

const home = resolve(import.meta.dirname, '../..');

/** An installation whose program tells what it was started with. */
function install(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'landline-launcher-'));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'src'));
  cpSync(join(home, 'bin'), join(root, 'bin'), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  writeFileSync(
    join(root, 'src/main.ts'),
    `import { DatabaseSync } from 'node:sqlite';
     const typed: readonly string[] = process.argv.slice(2);
     new DatabaseSync(':memory:').close();
     console.log(JSON.stringify({ arguments: typed, cache: process.env.NODE_COMPILE_CACHE }));
     process.exitCode = 7;`,
  );
  return root;
}

/** Puts this very Node where npm puts the one of this machine's kind. */
function giveNode(root: string): void {
  const folder = join(root, `node_modules/node-linux-${process.arch}/bin`);
  mkdirSync(folder, { recursive: true });
  symlinkSync(process.execPath, join(folder, 'node'));
}

const start = (program: string, args: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> =>
  spawnSync(program, args, { encoding: 'utf8', env: { PATH: '/usr/bin:/bin', ...environment } });

test('arguments, exit status and a silent stderr come through, also by way of symlinks', (t) => {
  const root = install(t);
  giveNode(root);
  symlinkSync('bin/landline', join(root, 'once'));
  symlinkSync(join(root, 'once'), join(root, 'twice'));
  for (const program of ['bin/landline', 'twice']) {
    const run = start(join(root, program), ['exec', 'shop', '--', 'echo', 'two words', ''], {
      NODE_COMPILE_CACHE: join(root, 'cache'),
    });
    assert.deepEqual(JSON.parse(run.stdout), {
      arguments: ['exec', 'shop', '--', 'echo', 'two words', ''],
      cache: join(root, 'cache'),
    });
    assert.equal(run.stderr, '');
    assert.equal(run.status, 7);
  }
});

test('compiled code is kept where nobody else may write', (t) => {
  const root = install(t);
  giveNode(root);
  const cacheOf = (environment: NodeJS.ProcessEnv): unknown =>
    JSON.parse(start(join(root, 'bin/landline'), [], environment).stdout).cache;
  const isRoot = process.getuid?.() === 0;
  assert.equal(cacheOf({ HOME: join(root, 'home') }), isRoot ? '/var/cache/landline' : join(root, 'home/.cache/landline'));
  assert.equal(cacheOf({ XDG_CACHE_HOME: join(root, 'xdg') }), isRoot ? '/var/cache/landline' : join(root, 'xdg/landline'));
  assert.equal(cacheOf({}), isRoot ? '/var/cache/landline' : undefined);
});

test('without a packaged Node, one of the PATH serves if it is new enough', (t) => {
  const root = install(t);
  assert.equal(start(join(root, 'bin/landline'), [], { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` }).status, 7);

  const old = join(root, 'old');
  mkdirSync(old);
  writeFileSync(join(old, 'node'), '#!/bin/sh\necho v20.20.2\n');
  chmodSync(join(old, 'node'), 0o755);
  for (const PATH of [`${old}:/usr/bin:/bin`, '/nonexistent']) {
    const run = start(join(root, 'bin/landline'), ['ps'], { PATH });
    assert.equal(run.stderr.trimEnd().split('\n').length, 2, run.stderr);
    assert.match(
      run.stderr,
      /^landline: NODE_MISSING: there is no Node\.js 26 or newer in .+\n→ run `npm ci --ignore-scripts` in /,
    );
    assert.equal(run.status, 1);
  }
});
