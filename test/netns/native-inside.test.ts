/** What a native service sees: itself as Docker would have started it, and its environment's network. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { linesOf, serviceOf, statusOf, whenExited, whenSaid } from '../../src/engine/contract.ts';
import type { Engine } from '../../src/engine/index.ts';
import { type NativeCandidate, story } from './native-candidate.ts';
import { commandLine, descriptorsOf, isInherited, statOf, until } from './native-processes.ts';

/** What a program says from its start to its end, in bytes. */
async function outputOf(
  engine: Engine,
  it: NativeCandidate,
  command: readonly string[],
  more: { environment?: Record<string, string>; workingDir?: string } = {},
): Promise<string> {
  const ended = whenExited(engine, 'shop', 'one');
  await engine.start(it.view('shop'), { ...serviceOf('one', command), ...more }, 'd');
  assert.equal((await ended).exitStatus, 0);
  return fs.readFileSync(path.join(it.directory, 'shop/services/one/log'), 'utf8');
}

story('it sees its own hostname, hosts and resolv.conf, and the machine keeps its own', async (engine, it) => {
  const files = ['/etc/hosts', '/etc/resolv.conf'];
  const machine = (): unknown =>
    files.map((file) => [fs.readFileSync(file, 'utf8'), fs.statSync(file).ino, execFileSync('hostname', { encoding: 'utf8' })]);
  const before = machine();
  const said = await outputOf(engine, it, [
    'sh',
    '-c',
    'hostname; cat /etc/hosts /etc/resolv.conf; echo spoilt >/etc/hosts; cat /etc/hosts',
  ]);
  assert.equal(said, 'shop\n127.0.0.1 localhost\nnameserver 192.168.11.2\nspoilt\n');
  assert.deepEqual(machine(), before);
});

story('a running service sees new hosts and resolv.conf at once', async (engine, it) => {
  await engine.start(
    it.view('shop'),
    serviceOf('web', ['sh', '-c', 'trap "cat /etc/hosts /etc/resolv.conf" USR1; echo ready; while :; do sleep 0.01; done']),
    'd',
  );
  await whenSaid(engine, 'shop', 'web', 'ready');
  await engine.refresh({ ...it.view('shop'), hosts: '127.0.0.1 localhost db\n', resolvConf: '# nobody to ask\n' });
  process.kill((await statusOf(engine, 'shop', 'web'))?.pid ?? 0, 'SIGUSR1');
  await whenSaid(engine, 'shop', 'web', '# nobody to ask');
  assert.deepEqual(await linesOf(engine, 'shop'), ['web: ready', 'web: 127.0.0.1 localhost db', 'web: # nobody to ask']);
});

story('it lives in the network namespace of its environment, and /sys shows the links of that', async (engine, it) => {
  const { netns } = it.view('shop');
  execFileSync('ip', ['-n', path.basename(netns), 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'peer0']);
  const said = await outputOf(engine, it, [
    'sh',
    '-c',
    'ls /sys/class/net; cat /sys/class/net/eth0/address; stat -Lc %i /proc/self/ns/net',
  ]);
  const [link] = JSON.parse(
    execFileSync('ip', ['-j', '-n', path.basename(netns), 'link', 'show', 'eth0'], { encoding: 'utf8' }),
  ) as { address: string }[];
  assert.equal(said, `eth0\nlo\npeer0\n${link?.address}\n${fs.statSync(netns).ino}\n`);
});

story('it sees its own processes alone, and the rest of /sys and /proc as it was', async (engine, it) => {
  const said = await outputOf(engine, it, ['sh', '-c', 'cd /proc; echo [0-9]*; ls /sys/fs/cgroup; cat /proc/self/cgroup']);
  const [pids = '', ...rest] = said.split('\n');
  assert.deepEqual(pids.split(' ').length, 2, `process 1 and itself: ${pids}`);
  const cgroups = [...fs.readdirSync('/sys/fs/cgroup').sort(), ...fs.readFileSync('/proc/self/cgroup', 'utf8').split('\n')];
  assert.deepEqual(rest, cgroups);
});

const hostile = [
  '',
  ' ',
  "it's",
  "'",
  '"$HOME" `id` $(id) \\ \\n !! * ? [a] ~ # ; & | < > ( ) { }',
  'two\nlines\n',
  '\n',
  '\t\r\v\f\x1b\x7f',
  '-n',
  '--',
  '=',
  'a=b',
  '%s %d \\0',
  'naïve ☃ 日本語 👩‍💻',
  Array.from({ length: 255 }, (_, i) => String.fromCodePoint(i + 1)).join(''),
  // Bytes 0x81 to 0x88 of UTF-8 are marks of dash's own.
  Array.from({ length: 64 }, (_, i) => String.fromCodePoint(0x2040 + i)).join(''),
  'x'.repeat(100_000),
];

story('arguments arrive unchanged, whatever is in them', async (engine, it) => {
  assert.equal(await outputOf(engine, it, ['printf', '%s\\0', ...hostile]), `${hostile.join('\0')}\0`);
});

story(
  'it gets the variables of the service beside PATH, HOSTNAME and HOME, unchanged, and none of the daemon',
  async (engine, it) => {
    process.env.LANDLINE_TEST_SECRET = 'secret';
    const environment: Record<string, string> = { '-dash': 'x', 'spring.profile': 'test', 'a b': 'c', "it's": '☃' };
    for (const [i, value] of hostile.entries()) environment[`V${i}`] = value;
    const wanted = { PATH: process.env.PATH, HOSTNAME: 'shop', HOME: '/root', ...environment };
    const said = (await outputOf(engine, it, ['env', '-0'], { environment })).split('\0').slice(0, -1);
    assert.deepEqual(
      said.sort(),
      Object.entries(wanted)
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    );
    delete process.env.LANDLINE_TEST_SECRET;
  },
);

story('PATH of the service finds its program, and need not hold anything else', async (engine, it) => {
  const folder = path.join(it.directory, 'my = bin');
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'pro=gram'), '#!/bin/sh\necho "$0 $PATH"\n', { mode: 0o755 });
  assert.equal(await outputOf(engine, it, ['pro=gram'], { environment: { PATH: folder } }), `${folder}/pro=gram ${folder}\n`);
});

story('it starts in its working directory, and finds programs from there', async (engine, it) => {
  const workingDir = path.join(it.directory, "-work's\n dir");
  fs.mkdirSync(workingDir);
  fs.writeFileSync(path.join(workingDir, 'program'), '#!/bin/sh\npwd\n', { mode: 0o755 });
  assert.equal(await outputOf(engine, it, ['./program'], { workingDir }), `${workingDir}\n`);
});

story(
  'a state folder may have any name',
  async (engine, it) => {
    assert.equal(await outputOf(engine, it, ['cat', '/etc/hosts']), '127.0.0.1 localhost\n');
  },
  'my "state" # of\n\\040 it\'s',
);

story('it has stdin, stdout and stderr, no other descriptor, a session of its own and no terminal', async (engine, it) => {
  await engine.start(it.view('shop'), serviceOf('web', ['sleep', 'infinity']), 'd');
  const pid = (await statusOf(engine, 'shop', 'web'))?.pid ?? 0;
  await until('it is no more the shell that became it', () => commandLine(pid) === 'sleep\0infinity\0');
  const log = path.join(it.directory, 'shop/services/web/log');
  const descriptors = [...descriptorsOf(pid)].filter(([fd]) => fd < 3 || !descriptorsOf('self').has(fd) || !isInherited(fd));
  assert.deepEqual(descriptors, [
    [0, '/dev/null'],
    [1, log],
    [2, log],
  ]);
  const { session, terminal } = statOf(pid);
  assert.deepEqual({ session, terminal }, { session: pid, terminal: 0 });
  const ignored = /^SigIgn:\s*(.*)$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  // Signals 32 and 33 are the C library's own, and GNU make leaves them ignored for all that it starts.
  const ofTheLibrary = 0x1_8000_0000n;
  assert.equal(BigInt(`0x${ignored}`) & ~ofTheLibrary, 0n, `no signal is ignored: ${ignored}`);
});
