/**
 * For native-mounts.test.ts, in a mount namespace of its own: how long do network namespaces live that were bound in
 * a folder, one before services of another environment were started and one between two such starts, once they are
 * unbound and their own processes are gone? Says `gone` or `alive` for each.
 *
 *     node native-pins.ts STATE FOLDER HIDDEN
 */
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { serviceOf } from '../../src/engine/contract.ts';
import { openNativeEngine } from '../../src/engine/native/index.ts';
import { viewOf } from './native-candidate.ts';
import { until } from './native-processes.ts';

const [directory = '', folder = '', hiddenFolder = ''] = process.argv.slice(2);
const watcher = spawn('unshare', ['--net', 'sleep', 'infinity']);
const inWatcher = (...args: string[]): string =>
  execFileSync('nsenter', ['--net', '-t', String(watcher.pid), ...args], { encoding: 'utf8' });

/** A bound namespace; a veth leads from it to the watcher, and goes with it. */
function bind(name: string): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, '');
  execFileSync('unshare', [`--net=${file}`, 'true']);
  const veth = ['link', 'add', name, 'type', 'veth', 'peer', 'name', name, 'netns', String(watcher.pid)];
  execFileSync('nsenter', [`--net=${file}`, 'ip', ...veth]);
  return file;
}

/** The file stays: deleting it would make the kernel drop every mount on it, in all mount namespaces. */
const unbind = (file: string): void => void execFileSync('umount', ['--lazy', file]);

/** Whether the watcher still has the other end of the veth (a line of /proc/net/dev). */
const isAlive = (name: string): boolean => inWatcher('cat', '/proc/self/net/dev').includes(`${name}: `);

async function fate(name: string): Promise<string> {
  return await until('gone', () => !isAlive(name), 1500).then(
    () => 'gone',
    () => 'alive',
  );
}

const engine = openNativeEngine({ directory, hiddenFolder, log: () => undefined });
await engine.open();
const start = (environment: string, netns: string, service: string): Promise<void> => {
  return engine.start(viewOf(environment, netns), serviceOf(service, ['sleep', 'infinity']), 'd');
};
try {
  await until(
    'the watcher has its namespace',
    () => fs.readlinkSync(`/proc/${watcher.pid}/ns/net`) !== fs.readlinkSync('/proc/self/ns/net'),
  );
  const [stays, early] = [bind('stays'), bind('early')];
  await start('stays', stays, 'one');
  await start('early', early, 'one');
  const late = bind('late');
  await start('late', late, 'one');
  await start('stays', stays, 'two');
  for (const [name, file] of Object.entries({ early, late })) {
    await engine.remove(name, 1000);
    if (!isAlive(name)) throw new Error(`the namespace ${name} went before its time`);
    unbind(file);
    process.stdout.write(`${name} ${await fate(name)}\n`);
  }
  const running = (await engine.observe('stays')).filter((it) => it.state === 'running');
  process.stdout.write(`${running.length} others run\n`);
} finally {
  for (const environment of await engine.environments()) await engine.remove(environment, 0);
  await engine.close();
  watcher.kill('SIGKILL');
}
