/** What Compose's keys mean, seen from inside of native services. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { Healthcheck, MountSpec, ServiceSpec } from '../../src/core/model.ts';
import { linesOf, serviceOf, statusOf, whenExited } from '../../src/engine/contract.ts';
import type { Engine, SandboxView } from '../../src/engine/index.ts';
import { story } from './native-candidate.ts';
import { pidsOf, until, zombiesOf } from './native-processes.ts';

const forever = ['sleep', 'infinity'];
const shell = (text: string): readonly string[] => ['sh', '-c', text];

const checked = (test: readonly string[], more: Partial<Healthcheck> = {}): Pick<ServiceSpec, 'healthcheck'> => ({
  healthcheck: { test, intervalMs: 100, timeoutMs: 5000, retries: 2, startPeriodMs: 0, startIntervalMs: 50, ...more },
});

const stateOf = async (engine: Engine, service = 'web'): Promise<string | undefined> =>
  (await statusOf(engine, 'shop', service))?.health?.state;

const becomes = (engine: Engine, state: string, service = 'web'): Promise<void> =>
  until(`${service} is ${state}`, async () => (await stateOf(engine, service)) === state);

story('a healthcheck runs in the namespaces of its service, with its variables and where it began', async (engine, it) => {
  const file =
    'test "$(cat)" = ""; hostname; pwd; echo "$GREETING"; cat /etc/resolv.conf; ls /sys/class/net; echo $$ >&2; exit 0';
  const web = {
    ...serviceOf('web', forever),
    environment: { GREETING: 'good day' },
    workingDir: '/usr',
    ...checked(shell(file)),
  };
  await engine.start(it.view('shop'), web, 'd');
  assert.equal(await stateOf(engine), 'starting');
  await becomes(engine, 'healthy');
  const { health } = (await statusOf(engine, 'shop', 'web')) ?? {};
  assert.equal(health?.exitStatus, 0);
  const [hostname, folder, greeting, resolver, link, pid] = health?.output.split('\n') ?? [];
  assert.deepEqual([hostname, folder, greeting, resolver, link], ['shop', '/usr', 'good day', 'nameserver 192.168.11.2', 'lo']);
  assert.ok(Number(pid) < 1000, `process ${pid} of its own namespace`);
});

story(
  'failures make a service unhealthy, which is told, with the words of the check; success makes it healthy again',
  async (engine, it) => {
    const told: string[] = [];
    engine.onHealth((environment, service) => told.push(`${environment}/${service}`));
    const flag = `${it.directory}/../well`;
    const web = {
      ...serviceOf('web', shell(`sleep 0.1; trap 'rm ${flag}' USR1; touch ${flag}; while :; do sleep 0.02; done`)),
      ...checked(shell(`echo looking; ls ${flag}`)),
    };
    await engine.start(it.view('shop'), web, 'd');
    await becomes(engine, 'healthy');
    const pid = (await statusOf(engine, 'shop', 'web'))?.pid ?? 0;
    process.kill(pid, 'SIGUSR1');
    await becomes(engine, 'unhealthy');
    const { health, state } = (await statusOf(engine, 'shop', 'web')) ?? {};
    assert.equal(state, 'running');
    assert.equal(health?.exitStatus, 2);
    assert.match(health?.output ?? '', /^looking\nls: cannot access/);
    assert.deepEqual(told, ['shop/web', 'shop/web']);
    assert.equal(it.log.filter((line) => line.startsWith('service health')).length, 2);
  },
);

story('a check that takes too long is ended with its children, has failed, and holds up no other', async (engine, it) => {
  const mark = `7${process.pid}${Date.now()}`;
  const slow = {
    ...serviceOf('slow', forever),
    ...checked(shell(`echo begun; sleep 1000.${mark}; :`), { timeoutMs: 400, retries: 1 }),
  };
  const quick = { ...serviceOf('quick', forever), ...checked(['true']) };
  await engine.start(it.view('shop'), slow, 'd');
  await engine.start(it.view('shop'), quick, 'd');
  await until('the slow one is checked', () => pidsOf(mark).length > 0);
  await becomes(engine, 'healthy', 'quick');
  assert.equal(await stateOf(engine, 'slow'), 'starting');
  await becomes(engine, 'unhealthy', 'slow');
  const { health } = (await statusOf(engine, 'shop', 'slow')) ?? {};
  assert.equal(health?.exitStatus, 137);
  // Its shell may see its child killed before it is killed itself.
  assert.match(health?.output ?? '', /^begun\n(Killed\n)?it took longer than 0\.4 s\n$/);
  await engine.stop('shop', 'slow', { signal: 'SIGTERM', graceMs: 1000 });
  await until('its check is gone', () => pidsOf(mark).length === 0);
  assert.equal(await stateOf(engine, 'slow'), undefined);
});

story('a program that is missing, and one that ends its own shell, have failed', async (engine, it) => {
  for (const [test, status] of [
    [['no-such-program'], 127],
    [shell('kill -9 $$'), 137],
    [shell('exit 5'), 5],
  ] as const) {
    await engine.start(it.view('shop'), { ...serviceOf('web', forever), ...checked(test, { retries: 1 }) }, 'd');
    await becomes(engine, 'unhealthy');
    assert.equal((await statusOf(engine, 'shop', 'web'))?.health?.exitStatus, status, test.join(' '));
    await engine.stop('shop', 'web', { signal: 'SIGKILL', graceMs: 1000 });
  }
});

story('the next daemon knows the health that was, and checks again at once', async (engine, it) => {
  const count = shell('echo checked >>/proc/1/fd/2; exit 3');
  const noisy = shell('exec sleep infinity');
  for (const [name, test] of [
    ['well', ['true']],
    ['ill', count],
  ] as const)
    await engine.start(it.view('shop'), { ...serviceOf(name, noisy), ...checked(test, { intervalMs: 300, retries: 1 }) }, 'd');
  await becomes(engine, 'healthy', 'well');
  await becomes(engine, 'unhealthy', 'ill');
  await engine.close();
  const next = it.openEngine();
  try {
    await next.open();
    assert.equal(await stateOf(next, 'well'), 'healthy');
    assert.equal(await stateOf(next, 'ill'), 'unhealthy');
    const before = performance.now();
    await until('it was checked', async () => (await statusOf(next, 'shop', 'ill'))?.health?.exitStatus === 3);
    assert.ok(performance.now() - before < 1000);
  } finally {
    await next.close();
  }
});

story('checks leave no process behind, and no zombie of the spawner', async (engine, it) => {
  for (let index = 0; index < 5; index += 1)
    await engine.start(it.view('shop'), { ...serviceOf(`s${index}`, forever), ...checked(['true'], { intervalMs: 20 }) }, 'd');
  await Promise.all(Array.from({ length: 5 }, (_, index) => becomes(engine, 'healthy', `s${index}`)));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const spawner = pidsOf('spawner.sh').filter((pid) => pidsOf(it.directory).includes(pid));
  const zombies = spawner.flatMap((pid) => zombiesOf(pid));
  assert.ok(zombies.length <= 5, `${zombies.length} zombies`);
});

/** What a service that ends says, one after another. */
async function says(engine: Engine, view: SandboxView, spec: Partial<ServiceSpec>, text: string): Promise<string[]> {
  const ended = whenExited(engine, view.environment, 'says');
  const before = (await linesOf(engine, view.environment, { services: ['says'] })).length;
  await engine.start(view, { ...serviceOf('says', shell(text)), ...spec }, 'd');
  await ended;
  return (await linesOf(engine, view.environment, { services: ['says'] }))
    .slice(before)
    .map((line) => line.slice('says: '.length));
}

story('a service runs as its user, with its groups and home, and can open its own output anew', async (engine, it) => {
  const text = 'id -u; id -g; id -G; echo "$HOME"; grep CapEff /proc/self/status; echo anew >>/dev/stdout; umask';
  const numbers = { user: '4711:4712' };
  assert.deepEqual(await says(engine, it.view('shop'), numbers, text), [
    '4711',
    '4712',
    '4712',
    '/',
    'CapEff:\t0000000000000000',
    'anew',
    '0022',
  ]);
  const [uid, gid, , home] = /^daemon:.*$/m.exec(fs.readFileSync('/etc/passwd', 'utf8'))?.[0].split(':').slice(2) ?? [];
  assert.deepEqual((await says(engine, it.view('shop'), { user: 'daemon', groups: ['adm', '99'] }, text)).slice(0, 4), [
    uid,
    gid,
    `${gid} 4 99`,
    home,
  ]);
  assert.deepEqual((await says(engine, it.view('shop'), { groups: ['99'] }, text)).slice(0, 3), ['0', '0', '0 99']);
});

story('a user that the host does not have is told by name, and nothing is left of the start', async (engine, it) => {
  await assert.rejects(engine.start(it.view('shop'), { ...serviceOf('web', forever), user: 'no-such-user' }, 'd'), {
    code: 'USER_UNKNOWN',
    message: "service 'web' of environment 'shop' cannot start: this host has no user 'no-such-user'",
  });
  await assert.rejects(engine.start(it.view('shop'), { ...serviceOf('web', forever), user: '1:no-such-group' }, 'd'), {
    code: 'USER_UNKNOWN',
  });
  assert.equal(await statusOf(engine, 'shop', 'web'), undefined);
});

story('a healthcheck runs as the user of its service, in its mounts', async (engine, it) => {
  const mounts = [{ kind: 'tmpfs', target: '/mnt', options: 'size=1m,mode=777' }] as const;
  const web = { ...serviceOf('web', forever), user: '4711', mounts, ...checked(shell('id -u; stat -f -c %T /mnt')) };
  await engine.start(it.view('shop'), web, 'd');
  await becomes(engine, 'healthy');
  assert.equal((await statusOf(engine, 'shop', 'web'))?.health?.output, '4711\ntmpfs\n');
});

story('limits are as they are written, for a user too', async (engine, it) => {
  const ulimits = [
    { name: 'core', soft: 0, hard: -1 },
    { name: 'nofile', soft: 123, hard: 456 },
  ];
  const text = 'ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc';
  for (const user of ['0', '4711'])
    assert.deepEqual(await says(engine, it.view('shop'), { ulimits, user }, text), ['123', '456', '0', 'unlimited']);
});

story('folders, files, volumes and memory are mounted for the service alone', async (engine, it) => {
  const home = path.join(it.directory, '..');
  fs.mkdirSync(path.join(home, "it's a folder"));
  fs.writeFileSync(path.join(home, "it's a folder", 'file'), 'from the folder');
  fs.writeFileSync(path.join(home, 'one file'), 'from the file');
  const at = (name: string): string => path.join(home, 'mnt', name);
  const mounts: readonly MountSpec[] = [
    { kind: 'bind', source: path.join(home, "it's a folder"), target: at('folder'), readOnly: true, create: false },
    { kind: 'bind', source: path.join(home, 'one file'), target: at('file'), readOnly: false, create: false },
    { kind: 'bind', source: path.join(home, 'made', 'deep'), target: at('made'), readOnly: false, create: true },
    { kind: 'tmpfs', target: at('memory'), options: 'nosuid,nodev,noexec,mode=1777,size=2m,mode=750' },
    { kind: 'tmpfs', target: at('memory/below'), options: 'size=1m' },
    { kind: 'volume', volume: 'data', target: at('data'), readOnly: false },
    { kind: 'volume', target: at('own'), readOnly: false },
  ];
  const text = `cd ${at('')}; cat folder/file file; echo; touch folder/x 2>&1 | grep -o Read-only; echo new >file; stat -c %a memory
    stat -f -c '%b*%S' memory; grep -c "${at('memory/below')}" /proc/self/mounts; touch made/x data/x own/x && echo written`;
  const said = await says(engine, it.view('shop'), { mounts }, text);
  assert.deepEqual(said, ['from the folderfrom the file', 'Read-only', '750', '512*4096', '1', 'written']);
  assert.equal(fs.readFileSync(path.join(home, 'one file'), 'utf8'), 'new\n');
  assert.ok(fs.existsSync(path.join(home, 'made', 'deep', 'x')));
  assert.equal(fs.readFileSync('/proc/self/mounts', 'utf8').includes(at('')), false, 'nobody else sees them');
  assert.equal(fs.existsSync(path.join(at('data'), 'x')), false);
});

story(
  "a volume is its user's, lives on over starts and the end of the environment, and goes with removeVolumes",
  async (engine, it) => {
    const target = path.join(it.directory, '..', 'data');
    const mounts: readonly MountSpec[] = [{ kind: 'volume', volume: 'data', target, readOnly: false }];
    const user = '4711:4712';
    const read = `cat ${target}/* 2>/dev/null; echo once >>${target}/log && stat -c %u:%g ${target}`;
    assert.deepEqual(await says(engine, it.view('shop'), { mounts, user }, read), ['4711:4712']);
    await engine.remove('shop', 0);
    assert.deepEqual(await says(engine, it.view('shop'), { mounts, user }, read), ['once', '4711:4712']);
    assert.deepEqual(await says(engine, it.view('other'), { mounts, user }, read), ['4711:4712'], 'each environment has its own');
    await engine.remove('shop', 0);
    await engine.removeVolumes('shop');
    await engine.removeVolumes('shop');
    assert.deepEqual(await says(engine, it.view('shop'), { mounts, user }, read), ['4711:4712']);
  },
);

story('what cannot be mounted is refused, or told with the words of mount', async (engine, it) => {
  const start = (mount: MountSpec): Promise<void> =>
    engine.start(it.view('shop'), { ...serviceOf('web', forever), mounts: [mount] }, 'd');
  const missing = path.join(it.directory, '..', 'missing');
  await assert.rejects(start({ kind: 'bind', source: missing, target: '/mnt', readOnly: false, create: false }), {
    code: 'SERVICE_FAILED',
    message: `service 'web' of environment 'shop' cannot start: there is no ${missing} to mount on /mnt`,
  });
  await assert.rejects(
    start({ kind: 'tmpfs', target: path.dirname(it.directory), options: 'size=1m' }),
    /would hide .*, which Landline needs$/,
  );
  await assert.rejects(
    start({ kind: 'bind', source: '/etc/hostname', target: '/usr', readOnly: false, create: false }),
    /could not be started; it said: mount: /,
  );
});
