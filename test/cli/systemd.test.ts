/** The unit for systemd and the example configuration, as systemd and `landline config check` read them. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { withoutTestRunner } from '../lab.ts';

const home = path.resolve(import.meta.dirname, '../..');
const unit = fs.readFileSync(path.join(home, 'systemd/landline.service'), 'utf8');
const systemUnits = ['/usr/lib/systemd/system', '/lib/systemd/system'].find((it) => fs.existsSync(it));

/** What systemd says of a unit on a machine where Landline lies in /opt/landline. */
function verify(root: string, text: string): { readonly status: number | null; readonly said: string } {
  fs.writeFileSync(path.join(root, 'etc/systemd/system/landline.service'), text);
  const words = ['verify', `--root=${root}`, '--man=no', '--recursive-errors=no', 'landline.service'];
  const { status, stdout, stderr } = spawnSync('systemd-analyze', words, { encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

test('systemd finds nothing wrong with landline.service, and would', (t) => {
  if (systemUnits === undefined || spawnSync('systemd-analyze', ['--version']).status !== 0)
    return t.skip('systemd-analyze is not installed (scripts/packages)');
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-systemd-'));
  t.after(() => fs.rmSync(root, { recursive: true }));
  for (const folder of ['etc/systemd/system', 'usr/lib/systemd', 'opt/landline/bin', 'bin'])
    fs.mkdirSync(path.join(root, folder), { recursive: true });
  fs.cpSync(systemUnits, path.join(root, 'usr/lib/systemd/system'), { recursive: true, verbatimSymlinks: true });
  fs.symlinkSync('usr/lib', path.join(root, 'lib'));
  for (const program of ['opt/landline/bin/landline', 'bin/kill'])
    fs.writeFileSync(path.join(root, program), '', { mode: 0o755 });
  assert.deepEqual(verify(root, unit), { status: 0, said: '' });
  assert.match(verify(root, unit.replace('Restart=always', 'Restart=ever')).said, /Failed to parse service restart specifier/);
  assert.match(verify(root, unit.replace('/opt/landline/bin', '/nowhere')).said, /is not executable/);
});

test('environments outlive the daemon: the unit ends the daemon alone, and keeps /run/landline', () => {
  for (const line of ['KillMode=process', 'Delegate=yes', 'RuntimeDirectoryPreserve=yes'])
    assert.ok(unit.split('\n').includes(line), line);
});

test('the example configuration is right', () => {
  const words = ['config', 'check', path.join(home, 'examples/landline.yaml'), '--json'];
  const said = execFileSync(path.join(home, 'bin/landline'), words, { encoding: 'utf8', env: withoutTestRunner() });
  // A cast, since this is what the command prints.
  assert.deepEqual((JSON.parse(said) as { readonly networks: readonly string[] }).networks, ['office']);
});
