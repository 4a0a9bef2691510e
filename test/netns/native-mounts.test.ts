/** What native services have mounted, on machines of several kinds. Each test has a mount namespace of its own. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { needsRoot, story } from './native-candidate.ts';

const fixture = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Runs a program of Node as a machine whose mounts are `propagation`, prepared by some shell. */
function run(propagation: 'private' | 'shared', prepare: string, script: string, ...args: string[]): string[] {
  const shell = `set -e; ${prepare}\nexec "$@"`;
  const command = ['--mount', '--propagation', propagation, 'sh', '-c', shell, 'sh', process.execPath, fixture(script), ...args];
  return execFileSync('unshare', command, { encoding: 'utf8' }).trim().split('\n');
}

const folders = {
  'a plain folder': 'mkdir "$PINS"',
  'a shared mount of its own': 'mkdir "$PINS"; mount --bind "$PINS" "$PINS"; mount --make-shared "$PINS"',
};

for (const propagation of ['private', 'shared'] as const) {
  for (const [kind, prepare] of Object.entries(folders)) {
    story(
      `no service keeps another environment's namespace alive: mounts ${propagation}, namespaces bound in ${kind}`,
      async (_, it) => {
        const folder = path.join(it.directory, '..', 'pins');
        const said = run(propagation, `PINS='${folder}'; ${prepare}`, 'native-pins.ts', it.directory, folder, folder);
        assert.deepEqual(said, ['early gone', 'late gone', '2 others run']);
      },
    );
  }
}

story('a service that sees the folder of bound namespaces keeps them alive, therefore it is hidden', async (_, it) => {
  const folder = path.join(it.directory, '..', 'pins');
  const said = run('private', `mkdir '${folder}'`, 'native-pins.ts', it.directory, folder, '/no/such/folder');
  assert.deepEqual(said[0], 'early alive');
});

story('hosts and resolv.conf stay its own, whatever the machine does to its files', async (_, it) => {
  const etc = path.join(it.directory, '..', 'etc');
  const machine = (): unknown =>
    ['/etc/hosts', '/etc/resolv.conf'].map((file) => [fs.readFileSync(file, 'utf8'), fs.statSync(file).ino]);
  const before = machine();
  const said = run(
    'private',
    `cp -a /etc '${etc}'; mount --bind '${etc}' /etc`,
    'native-etc.ts',
    it.directory,
    it.view('shop').netns,
  );
  assert.deepEqual(said, [
    'at the start: its own',
    'resolv.conf replaced: its own',
    'hosts replaced: its own',
    'resolv.conf a link: its own',
    'the end of the link replaced: its own',
    'hosts deleted: its own',
    'hosts replaced while no daemon ran: its own',
    'resolv.conf a link to nowhere, a new service: its own',
    'and the old one: its own',
    '# Made by Landline as a place to mount on: its environments have their own.',
  ]);
  fs.rmSync('/run-of-nobody', { recursive: true, force: true });
  assert.deepEqual(machine(), before);
});

test('all of it holds for a daemon in a pid namespace of its own', needsRoot, () => {
  const shell = `"$@"; exit $?`;
  const command = [
    '--pid',
    '--fork',
    '--mount-proc',
    'sh',
    '-c',
    shell,
    'sh',
    process.execPath,
    '--test',
    fixture('native-contract.test.ts'),
  ];
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const said = execFileSync('unshare', command, { encoding: 'utf8', env });
  assert.match(said, /fail 0\n/);
});
