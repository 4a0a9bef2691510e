import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { lookUp } from './command.ts';

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-command-'));
after(() => fs.rmSync(home, { recursive: true }));
for (const folder of ['bin', 'sbin', 'bin/folder']) fs.mkdirSync(path.join(home, folder));
const write = (file: string, mode: number): void => fs.writeFileSync(path.join(home, file), '', { mode });
write('bin/both', 0o644);
write('sbin/both', 0o755);
write('bin/plain', 0o644);
write('here', 0o755);

const found = (file: string): unknown => ({ kind: 'found', file: path.join(home, file) });
const unusable = (file: string): unknown => ({ kind: 'unusable', file: path.join(home, file) });
const missing = { kind: 'missing' };

const cases: readonly (readonly [string, unknown, string])[] = [
  ['both', found('sbin/both'), 'the PATH is gone through until a file can be executed'],
  ['plain', unusable('bin/plain'), 'a file that cannot be executed is told from none'],
  ['folder', unusable('bin/folder'), 'a folder is no program'],
  ['here', missing, 'the working directory is not looked in'],
  ['./here', found('here'), 'a path starts at the working directory'],
  ['bin/plain', unusable('bin/plain'), 'a path is not looked for in the PATH'],
  ['sbin/none', missing, 'a path to nothing'],
  ['', missing, 'no name'],
];
for (const [program, wanted, title] of cases) {
  test(`${JSON.stringify(program)}: ${title}`, async () => {
    assert.deepEqual(await lookUp(program, home, `/no/such:${home}/bin:${home}/sbin`), wanted);
  });
}

test('an empty entry of the PATH is the working directory', async () => {
  assert.deepEqual(await lookUp('here', home, '/no/such:'), found('here'));
});
