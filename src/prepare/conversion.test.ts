import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { timerArguments } from './conversion.ts';

const line = timerArguments('/var/lib/landline/host-bridge/2026-11-24T10-00-00.000Z/watchdog.sh', '2026-11-24T10:00:00.000Z', 60);

test('where systemd is process 1, a transient timer runs the watchdog', () => {
  assert.deepEqual(line, [
    '--unit=landline-way-back-20261124100000000',
    '--on-active=60s',
    '--timer-property=AccuracySec=100ms',
    '/bin/sh',
    '/var/lib/landline/host-bridge/2026-11-24T10-00-00.000Z/watchdog.sh',
    '0',
  ]);
});

test('systemd-run itself takes that line: without a systemd to ask, it fails for that reason only', (t) => {
  // No bus at these addresses: nothing can be started by it.
  const env = {
    PATH: process.env['PATH'],
    DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/nowhere',
    SYSTEMD_BUS_ADDRESS: 'unix:path=/nowhere',
  };
  const run = (more: readonly string[]): string =>
    spawnSync('systemd-run', ['--user', ...more, ...line], { encoding: 'utf8', env: { ...env, XDG_RUNTIME_DIR: '/nowhere' } })
      .stderr ?? 'none';
  const said = run([]);
  if (said === 'none') return t.skip('no systemd-run here');
  assert.match(said, /^Failed to connect to bus/m);
  assert.doesNotMatch(run(['--no-such-option']), /Failed to connect to bus/);
});
