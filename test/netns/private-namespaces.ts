/**
 * Imported first, and for its effect: runs the file that imports it again in network and mount namespaces of its own,
 * with a /run of its own, so that what the tests make at home is made in nobody's home, and is gone with them.
 */
import { spawnSync } from 'node:child_process';

const inside = 'LANDLINE_TEST_PRIVATE';

if (process.getuid?.() === 0 && process.env[inside] === undefined) {
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const script = 'mount -t tmpfs none /run && exec "$@"';
  const { status } = spawnSync('unshare', ['--net', '--mount', 'sh', '-c', script, 'sh', ...again], {
    stdio: 'inherit',
    env: { ...process.env, [inside]: '1' },
  });
  process.exit(status ?? 1);
}

/** Why these tests cannot run here, for node:test. */
export const needsRoot = process.getuid?.() === 0 ? {} : { skip: 'needs root: it makes network namespaces' };
