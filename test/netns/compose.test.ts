/** What Compose's keys mean, seen from inside of native services. */
import assert from 'node:assert/strict';
import type { Healthcheck, ServiceSpec } from '../../src/core/model.ts';
import { serviceOf, statusOf } from '../../src/engine/contract.ts';
import type { Engine } from '../../src/engine/index.ts';
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
