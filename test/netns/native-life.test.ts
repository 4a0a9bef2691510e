/** How native services begin and end. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { linesOf, serviceOf, statusOf, whenExited, whenSaid } from '../../src/engine/contract.ts';
import type { Engine, SandboxView } from '../../src/engine/index.ts';
import { isLandlineError } from '../../src/errors.ts';
import { story } from './native-candidate.ts';
import { commandLine, descriptorsOf, pidsOf, statOf, until, zombiesOf } from './native-processes.ts';

/** A word that no other process has in its command line. */
const makeMark = (): string => `9${process.pid}${Math.floor(Math.random() * 1e9)}`;

async function pidOf(engine: Engine, service: string): Promise<number> {
  const status = await statusOf(engine, 'shop', service);
  assert.equal(status?.state, 'running');
  return status.pid ?? 0;
}

/** Traps these signals, and says which came. */
const listener = (...names: string[]): string[] => {
  const traps = names.map((name) => `trap "echo ${name}" ${name}`).join('; ');
  return ['sh', '-c', `${traps}; echo ready; while :; do sleep 0.02; done`];
};

story('every exit status from 0 to 255 is kept', async (engine, it) => {
  const statuses = Array.from({ length: 256 }, (_, status) => status);
  const left = new Set(statuses);
  engine.onExit((_, service) => left.delete(Number(service)));
  await Promise.all(
    statuses.map((status) => engine.start(it.view('shop'), serviceOf(String(status), it.commands.ends(status)), 'd')),
  );
  await until('all have ended', () => left.size === 0, 30_000);
  const observed = await engine.observe('shop');
  assert.deepEqual(
    new Map(observed.map((one) => [Number(one.name), one.exitStatus])),
    new Map(statuses.map((one) => [one, one])),
  );
});

story('a signal to process 1 goes on to the service', async (engine, it) => {
  const names = ['HUP', 'INT', 'QUIT', 'USR1', 'USR2', 'TERM'];
  await engine.start(it.view('shop'), serviceOf('web', listener(...names)), 'd');
  await whenSaid(engine, 'shop', 'web', 'ready');
  const pid = await pidOf(engine, 'web');
  for (const name of names) {
    process.kill(statOf(pid).parent, `SIG${name}`);
    await whenSaid(engine, 'shop', 'web', name);
  }
  assert.equal(await pidOf(engine, 'web'), pid, 'it runs on');
});

/** Starts `sleep`, which does nothing about signals, and returns when it is that and no more the shell that became it. */
async function startSleep(engine: Engine, view: SandboxView): Promise<void> {
  await engine.start(view, serviceOf('web', ['sleep', 'infinity']), 'd');
  const pid = await pidOf(engine, 'web');
  await until('it sleeps', () => commandLine(pid) === 'sleep\0infinity\0');
}

story('the end by a signal is 128 and its number, whoever sent it', async (engine, it) => {
  const cases = { SIGHUP: 129, SIGINT: 130, SIGQUIT: 131, SIGABRT: 134, SIGKILL: 137, SIGSEGV: 139, SIGTERM: 143 } as const;
  for (const [signal, status] of Object.entries(cases)) {
    const ended = whenExited(engine, 'shop', 'web');
    await startSleep(engine, it.view('shop'));
    process.kill(await pidOf(engine, 'web'), signal);
    assert.equal((await ended).exitStatus, status, signal);
  }
});

story(
  'a signal ends a program that does nothing about it: it is not process 1, for which the kernel would drop it',
  async (engine, it) => {
    const cases = {
      SIGTERM: 143,
      SIGINT: 130,
      SIGQUIT: 131,
      SIGHUP: 129,
      SIGUSR1: 138,
      SIGALRM: 142,
      'SIGRTMIN+3': 165,
      SIGRTMAX: 192,
      SIGKILL: 137,
    };
    for (const [signal, status] of Object.entries(cases)) {
      await startSleep(engine, it.view('shop'));
      await engine.stop('shop', 'web', { signal, graceMs: 5000 });
      assert.equal((await statusOf(engine, 'shop', 'web'))?.exitStatus, status, signal);
    }
  },
);

story('a service may end on its stop signal as it likes, and take its time', async (engine, it) => {
  await engine.start(
    it.view('shop'),
    serviceOf('web', ['sh', '-c', 'trap "sleep 0.3; exit 7" TERM; echo ready; while :; do sleep 0.02; done']),
    'd',
  );
  await whenSaid(engine, 'shop', 'web', 'ready');
  await engine.stop('shop', 'web', { signal: 'SIGTERM', graceMs: 5000 });
  assert.equal((await statusOf(engine, 'shop', 'web'))?.exitStatus, 7);
});

story('remove ends each service with the stop signal of its own', async (engine, it) => {
  const file = path.join(it.directory, '..', 'heard');
  const service = serviceOf('web', [
    'sh',
    '-c',
    `trap "echo quit >${file}; exit" QUIT; trap "" TERM; echo ready; while :; do sleep 0.02; done`,
  ]);
  await engine.start(it.view('shop'), { ...service, stopSignal: 'SIGQUIT' }, 'd');
  await whenSaid(engine, 'shop', 'web', 'ready');
  await engine.remove('shop', 5000);
  assert.equal(fs.readFileSync(file, 'utf8'), 'quit\n');
  assert.deepEqual(fs.readdirSync(it.directory).sort(), ['.removed', 'mounts']);
  assert.deepEqual(fs.readdirSync(path.join(it.directory, '.removed')), []);
});

story('what a service leaves to process 1 is reaped', async (engine, it) => {
  await engine.start(
    it.view('shop'),
    serviceOf('web', ['sh', '-c', 'for i in 1 2 3 4 5; do (sleep 0.05 & ) ; done; echo ready; exec sleep infinity']),
    'd',
  );
  await whenSaid(engine, 'shop', 'web', 'ready');
  const service = await pidOf(engine, 'web');
  const first = statOf(service).parent;
  const children = (): string => fs.readFileSync(`/proc/${first}/task/${first}/children`, 'latin1').trim();
  await until('the service is the only child', () => children() === String(service));
  assert.equal(await pidOf(engine, 'web'), service);
});

story('the pid is the service, also when process 1 has other children', async (engine, it) => {
  const mark = makeMark();
  await engine.start(
    it.view('shop'),
    serviceOf('web', ['sh', '-c', `(setsid sleep 3600.${mark} &); echo ready; exec sleep infinity`]),
    'd',
  );
  await whenSaid(engine, 'shop', 'web', 'ready');
  const pid = await pidOf(engine, 'web');
  await until('it is what the service became', () => commandLine(pid) === 'sleep\0infinity\0');
  assert.equal(fs.readlinkSync(`/proc/${pid}/ns/net`), `net:[${fs.statSync(it.view('shop').netns).ino}]`);
});

const tree = (mark: string, end: string): string[] => [
  'sh',
  '-c',
  `for i in 1 2 3; do (trap "" TERM HUP INT; setsid sh -c 'sleep 3600.${mark} & sleep 3601.${mark}' &) ; done; echo ready; ${end}`,
];

story(
  'a stopped service is wholly gone when stop returns, with all that forked twice and ignores signals',
  async (engine, it) => {
    const mark = makeMark();
    await engine.start(it.view('shop'), serviceOf('web', tree(mark, `exec sleep 3602.${mark}`)), 'd');
    await until('the tree stands', () => pidsOf(`.${mark}`).length >= 10);
    await engine.stop('shop', 'web', { signal: 'SIGTERM', graceMs: 5000 });
    assert.deepEqual(pidsOf(`.${mark}`), []);
  },
);

story('when a service ends by itself, its whole tree is gone before one is told', async (engine, it) => {
  const mark = makeMark();
  const ended = whenExited(engine, 'shop', 'web').then(() => pidsOf(`.${mark}`));
  await engine.start(it.view('shop'), serviceOf('web', tree(mark, 'sleep 0.2; exit 0')), 'd');
  await until('the tree stands', () => pidsOf(`.${mark}`).length >= 6);
  assert.deepEqual(await ended, []);
});

story('a service of another environment is not touched, whatever a service does to process groups', async (engine, it) => {
  await engine.start(it.view('other'), serviceOf('web', ['sleep', 'infinity']), 'd');
  const ended = whenExited(engine, 'shop', 'web');
  await engine.start(it.view('shop'), serviceOf('web', ['sh', '-c', 'kill -KILL 0 -1']), 'd');
  assert.equal((await ended).exitStatus, 137);
  assert.equal((await statusOf(engine, 'other', 'web'))?.state, 'running');
});

story('what cannot be started is refused at once, with the reason, and leaves nothing', async (engine, it) => {
  const folder = path.join(it.directory, '..');
  fs.writeFileSync(path.join(folder, 'plain'), '');
  const view = it.view('shop');
  const cases = [
    [view, { command: ['./nothing'] }, 'COMMAND_MISSING', /no program \.\/nothing$/],
    [view, { command: ['./plain'], workingDir: folder }, 'SERVICE_FAILED', /plain is not an executable file$/],
    [view, { command: ['true'], workingDir: '/no/such/folder' }, 'SERVICE_FAILED', /there is no directory \/no\/such\/folder$/],
    [view, { command: ['sleep', '1'], environment: { PATH: folder } }, 'COMMAND_MISSING', /no program sleep$/],
    [
      { ...view, netns: '/run/netns/no-such' },
      { command: ['true'] },
      'TARGET_GONE',
      /no-such is not there, or is no network namespace$/,
    ],
    [
      { ...view, netns: '/etc/hostname' },
      { command: ['true'] },
      'SERVICE_FAILED',
      /could not be started; it said: nsenter: .*Invalid argument/,
    ],
  ] as const;
  for (const [where, what, code, message] of cases) {
    const before = performance.now();
    await assert.rejects(engine.start(where, { ...serviceOf('web', []), ...what }, 'd'), (error) => {
      assert.ok(isLandlineError(error, code), String(error));
      assert.match(error.message, message);
      return true;
    });
    assert.ok(performance.now() - before < 1000);
    assert.equal((await statusOf(engine, 'shop', 'web'))?.state ?? 'absent', 'absent');
  }
});

story(
  'a start holds descriptors only while it is under way, a running service holds one, and nobody is left a zombie',
  async (engine, it) => {
    const count = (): number => descriptorsOf('self').size;
    await engine.start(it.view('shop'), serviceOf('first', ['sleep', 'infinity']), 'd');
    const before = count();
    const names = Array.from({ length: 10 }, (_, i) => `web-${i}`);
    await Promise.all(names.map((name) => engine.start(it.view('shop'), serviceOf(name, ['sleep', 'infinity']), 'd')));
    assert.equal(count() - before, names.length);
    await Promise.all(names.map((name) => engine.stop('shop', name, { signal: 'SIGTERM', graceMs: 5000 })));
    await assert.rejects(engine.start({ ...it.view('shop'), netns: '/etc/hostname' }, serviceOf('web-1', ['true']), 'd'));
    await until('their descriptors are closed', () => count() === before);
    assert.deepEqual(zombiesOf(process.pid), []);
  },
);

story('a start fails when the spawner dies, and the next one has a new spawner', async (engine, it) => {
  await engine.start(it.view('shop'), serviceOf('first', ['sleep', 'infinity']), 'd');
  const [spawner = 0, ...others] = pidsOf('native/spawner.sh').filter((pid) => statOf(pid).parent === process.pid);
  assert.deepEqual(others, []);
  process.kill(spawner, 'SIGSTOP');
  const start = engine.start(it.view('shop'), serviceOf('web', ['sleep', 'infinity']), 'd');
  const web = path.join(it.directory, 'shop/services/web');
  const killed = until('the line is written', () => fs.globSync(`${web}/*/alive`).length > 0).then(() =>
    process.kill(spawner, 'SIGKILL'),
  );
  await assert.rejects(
    start,
    (error) => isLandlineError(error, 'SERVICE_FAILED') && error.message.includes('because the spawner ended'),
  );
  await killed;
  await engine.start(it.view('shop'), serviceOf('web', ['sleep', 'infinity']), 'd');
  assert.deepEqual(
    (await engine.observe('shop')).map((one) => one.state),
    ['running', 'running'],
  );
});

story('the log holds what was said in pieces, and a line only once it is whole', async (engine, it) => {
  const said = 'printf "naï"; sleep 0.1; printf "ve\\nhal"; sleep 0.1; echo f; printf last';
  const ended = whenExited(engine, 'shop', 'web');
  await engine.start(it.view('shop'), serviceOf('web', ['sh', '-c', said]), 'd');
  const stop = new AbortController();
  const heard: string[] = [];
  for await (const { text } of engine.logs('shop', { services: ['web'], follow: true, signal: stop.signal })) {
    heard.push(text);
    if (heard.length === 2) stop.abort();
  }
  assert.deepEqual(heard, ['naïve', 'half']);
  await ended;
  assert.deepEqual(await linesOf(engine, 'shop'), ['web: naïve', 'web: half', 'web: last']);
});

story('followers of an environment that is removed are let go', async (engine, it) => {
  await engine.start(it.view('shop'), serviceOf('web', ['sh', '-c', 'echo ready; exec sleep infinity']), 'd');
  const lines = linesOf(engine, 'shop', { follow: true });
  await whenSaid(engine, 'shop', 'web', 'ready');
  await engine.remove('shop', 5000);
  assert.deepEqual(await lines, ['web: ready']);
});

story('stop waits for a start that is under way', async (engine, it) => {
  const mark = makeMark();
  const start = engine.start(it.view('shop'), serviceOf('web', ['sleep', `3600.${mark}`]), 'd');
  await engine.remove('shop', 5000);
  await start;
  assert.deepEqual(pidsOf(mark), []);
  assert.deepEqual(await engine.environments(), []);
});

story('neither the end of the daemon nor a signal to its process group reaches a service', async (_, it) => {
  const mark = makeMark();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const) {
    const script = new URL('native-daemon.ts', import.meta.url).pathname;
    const daemon = it.owns(
      spawn(process.execPath, [script, it.directory, it.view('shop').netns, mark, '1', 'rest'], { detached: true }),
    );
    let said = '';
    daemon.stdout.on('data', (text) => {
      said += String(text);
    });
    daemon.stdin.write('open\n');
    await until('the daemon has settled', () => said.includes('settled'));
    await until('the service runs', () => pidsOf(`.${mark}`).length === 1);
    const [pid] = pidsOf(`.${mark}`);
    process.kill(-(daemon.pid ?? 0), signal);
    await once(daemon, 'exit');
    await until('its spawner is gone', () => pidsOf(`${it.directory} ${daemon.pid}`).length === 0);
    assert.deepEqual(pidsOf(`.${mark}`), [pid], `${signal}: the same process runs`);
  }
});

story('what ended while no daemon was there is known to the next', async (engine, it) => {
  await engine.start(
    it.view('shop'),
    serviceOf('web', ['sh', '-c', 'trap "exit 5" USR1; echo ready; while :; do sleep 0.01; done']),
    'd',
  );
  await engine.start(it.view('shop'), serviceOf('db', ['sleep', 'infinity']), 'd');
  await whenSaid(engine, 'shop', 'web', 'ready');
  const [web, db] = [await pidOf(engine, 'web'), await pidOf(engine, 'db')];
  const killed = statOf(db).parent;
  await engine.close();
  process.kill(web, 'SIGUSR1');
  process.kill(killed, 'SIGKILL');
  await until('both are gone, process 1 too', () => pidsOf(`init.sh ${it.directory}`).length === 0);
  const next = it.openEngine();
  await next.open();
  const statuses = (await next.observe('shop')).map(({ name, state, exitStatus }) => ({ name, state, exitStatus }));
  await next.close();
  assert.deepEqual(statuses, [
    { name: 'db', state: 'exited', exitStatus: undefined },
    { name: 'web', state: 'exited', exitStatus: 5 },
  ]);
});
