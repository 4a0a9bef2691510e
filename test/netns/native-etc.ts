/**
 * For native-mounts.test.ts, in a mount namespace of its own, with an /etc of its own: replaces the machine's hosts
 * and resolv.conf in all the ways that programs have, and says after each what a running service sees.
 *
 *     node native-etc.ts STATE NETNS
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { serviceOf, statusOf } from '../../src/engine/contract.ts';
import type { Engine } from '../../src/engine/index.ts';
import { openNativeEngine } from '../../src/engine/native/index.ts';
import { viewOf } from './native-candidate.ts';
import { until } from './native-processes.ts';

const [directory = '', netns = ''] = process.argv.slice(2);
const view = viewOf('shop', netns);
const HOSTS = '/etc/hosts';
const RESOLV_CONF = '/etc/resolv.conf';

const openEngine = async (): Promise<Engine> => {
  const it = openNativeEngine({ directory, hiddenFolder: '/run/netns', log: () => undefined });
  await it.open();
  return it;
};
let engine = await openEngine();

/** As editors, dhclient and resolvers do it. */
function replace(file: string, text: string): void {
  fs.writeFileSync(`${file}.new`, text);
  fs.renameSync(`${file}.new`, file);
}

async function tell(what: string, service = 'web'): Promise<void> {
  const pid = (await statusOf(engine, 'shop', service))?.pid;
  const seen = (): string => {
    try {
      return execFileSync('nsenter', ['-m', '-t', String(pid), 'cat', HOSTS, RESOLV_CONF], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    } catch {
      return 'nothing';
    }
  };
  const own = await until('its own', () => seen() === view.hosts + view.resolvConf, 3000).then(
    () => 'its own',
    () => `others: ${seen()}`,
  );
  process.stdout.write(`${what}: ${own}\n`);
}

try {
  await engine.start(view, serviceOf('web', ['sleep', 'infinity']), 'd');
  await tell('at the start');
  replace(RESOLV_CONF, 'nameserver 203.0.113.1\n');
  await tell('resolv.conf replaced');
  replace(HOSTS, '203.0.113.1 wrong\n');
  await tell('hosts replaced');
  fs.mkdirSync('/etc/resolver');
  replace('/etc/resolver/stub.conf', 'nameserver 203.0.113.2\n');
  fs.symlinkSync('/etc/resolver/stub.conf', '/etc/new-link');
  fs.renameSync('/etc/new-link', RESOLV_CONF);
  await tell('resolv.conf a link');
  replace('/etc/resolver/stub.conf', 'nameserver 203.0.113.3\n');
  await tell('the end of the link replaced');
  fs.rmSync(HOSTS);
  await tell('hosts deleted');
  await engine.close();
  replace(HOSTS, '203.0.113.1 wrong\n');
  engine = await openEngine();
  await tell('hosts replaced while no daemon ran');
  fs.rmSync(RESOLV_CONF);
  fs.symlinkSync('../run-of-nobody/resolv.conf', '/etc/resolv.conf');
  await engine.start(view, serviceOf('db', ['sleep', 'infinity']), 'd');
  await tell('resolv.conf a link to nowhere, a new service', 'db');
  await tell('and the old one');
  process.stdout.write(fs.readFileSync(RESOLV_CONF, 'utf8'));
} finally {
  await engine.remove('shop', 0);
  await engine.close();
}
