import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentSpec } from '../core/model.ts';
import { asLandlineError, isLandlineError } from '../errors.ts';
import { keepContainers } from './container-keeper.ts';
import { daemonOn } from './daemon.ts';
import { openEnvironments } from './environments.ts';
import { type FakeWorld, type FakeWorldOptions, fakeWorld, serviceOf, specOf, squatter } from './fixture.ts';

const options = { wait: false, timeoutMs: 1000 };
const leave = { keepAddress: false, volumes: false };

interface Daemon extends FakeWorld {
  readonly environments: ReturnType<typeof openEnvironments>;
}

async function daemon(t: TestContext, how: FakeWorldOptions = {}): Promise<Daemon> {
  const it = await fakeWorld(t, how);
  const environments = openEnvironments(it.world);
  t.after(() => environments.close());
  return { ...it, environments };
}

async function until(isSo: () => boolean | Promise<boolean>, what: string, ms = 3000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`after ${ms} ms it is still not so: ${what}`);
    await sleep(5);
  }
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => asLandlineError(error).code,
  );

test('up makes the sandbox, its link and its services; down takes all of it away', async (t) => {
  const { environments, look } = await daemon(t);
  const spec = specOf('shop', '192.168.11.101');
  await environments.up(spec, options);
  assert.deepEqual(await look(), [
    'lease shop/eth0 192.168.11.101',
    'link landline:a1b2:shop:eth0 up',
    'sandbox shop 192.168.11.101/23',
    'service shop/web running 1001',
    `wish shop up ${JSON.stringify(spec)}`,
  ]);
  await environments.up(spec, options);
  assert.ok((await look()).includes('service shop/web running 1001'), 'up again touches no process');
  await environments.down('shop', leave);
  assert.deepEqual(await look(), []);
});

/** Fails at the n-th call of `work`, for every n, each time on a new daemon; before or after the call took effect. */
async function failEverywhere(
  t: TestContext,
  prepare: (it: Daemon) => Promise<void>,
  work: (it: Daemon) => Promise<unknown>,
  check: (it: Daemon, outcome: string, call: string) => Promise<void>,
): Promise<void> {
  const good = await daemon(t);
  await prepare(good);
  const from = good.host.calls.length;
  await work(good);
  const calls = good.host.calls.length - from;
  const failures = Array.from({ length: calls }, (_, at) => [false, true].map((done) => ({ count: at + 1, done }))).flat();
  await Promise.all(
    failures.map(async ({ count, done }) => {
      const it = await daemon(t);
      await prepare(it);
      const before = it.host.calls.length;
      it.host.failAt(count, { done });
      const outcome = await codeOf(work(it));
      await check(it, outcome, `call ${count}, ${it.host.calls[before + count - 1]}${done ? ', done all the same' : ''}`);
      await it.environments.close();
    }),
  );
}

test('an up that fails at any call of the kernel leaves nothing, or was a success', async (t) => {
  const spec = specOf('shop', '192.168.11.101');
  await failEverywhere(
    t,
    async () => undefined,
    (it) => it.environments.up(spec, options),
    async (it, outcome, call) => {
      const left = await it.look();
      if (outcome === 'done') assert.equal(left.length, 5, `${call}: ${left.join('\n')}`);
      else {
        assert.equal(outcome, 'KERNEL_REFUSED', call);
        assert.deepEqual(left, [], call);
      }
      await it.environments.up(spec, options);
      assert.equal((await it.look()).length, 5, `${call}: again`);
    },
  );
});

test('a change that fails at any call leaves the former state, or was a success; no process is touched', async (t) => {
  const former = specOf('shop', '192.168.11.101');
  const changed = specOf('shop', '192.168.11.102');
  await failEverywhere(
    t,
    (it) => it.environments.up(former, options).then(() => undefined),
    (it) => it.environments.up(changed, options),
    async (it, outcome, call) => {
      const wanted = outcome === 'done' ? changed : former;
      const whole = [
        `lease shop/eth0 ${wanted.endpoints[0]?.address}`,
        'link landline:a1b2:shop:eth0 up',
        `sandbox shop ${wanted.endpoints[0]?.address}/23`,
        'service shop/web running 1001',
        `wish shop up ${JSON.stringify(wanted)}`,
      ];
      assert.deepEqual(await it.look(), whole, `${call}: ${outcome}`);
    },
  );
});

test('a down that fails at any call is finished by itself', async (t) => {
  await failEverywhere(
    t,
    (it) => it.environments.up(specOf('shop', 'pool'), options).then(() => undefined),
    (it) => it.environments.down('shop', leave),
    async (it, outcome, call) => {
      if (outcome !== 'done') assert.throws(() => it.environments.require('shop'), { code: 'ENVIRONMENT_UNKNOWN' });
      await until(async () => (await it.look()).length === 0, `${call}: nothing is left`);
    },
  );
});

test('a wish that is asked for while the former one is being tried is not refused with its failure', async (t) => {
  const { environments, taken, world, told } = await daemon(t, { probe: true });
  const spec = specOf('shop', '192.168.11.101');
  await environments.up(spec, options);
  // Its link is lost, and its address taken: the loop tries, and tries again.
  taken.add('192.168.11.101');
  const [link] = (await world.host.kernel.listLinks()).filter((it) => it.kind === 'veth');
  await world.host.kernel.deleteLink(link?.index ?? 0);
  environments.wake(['shop']);
  await sleep(20);
  assert.equal(await codeOf(environments.up(specOf('shop', '192.168.11.102'), options)), 'done');
  assert.ok(
    told.some((it) => it.startsWith('address bound') && it.includes('192.168.11.102')),
    told.join('\n'),
  );
});

test('what fails is tried again later and later, whatever its own links have to say', async (t) => {
  const { environments, host, taken, world, told } = await daemon(t, { probe: true });
  await environments.up(specOf('shop', '192.168.11.101'), options);
  taken.add('192.168.11.101');
  const [link] = (await world.host.kernel.listLinks()).filter((it) => it.kind === 'veth');
  await world.host.kernel.deleteLink(link?.index ?? 0);
  // As the daemon does with each event that concerns an environment.
  const echo = await world.host.watch(() => environments.wake(['shop']));
  t.after(() => echo.close());
  environments.wake(['shop']);
  const problem = (): string | undefined => environments.loop('shop').problem?.code;
  await until(() => problem() === 'ADDRESS_TAKEN', 'it is in trouble');
  const tries = (): number => host.calls.filter((it) => it === 'home addLink').length;
  const before = tries();
  await sleep(2000);
  // After half a second; it will not be well before somebody changes something, and is looked at every 15 s from then on.
  assert.equal(tries() - before, 1, 'tries in 2 s');
  assert.equal(told.filter((it) => it.startsWith('environment in trouble')).length, 1, 'trouble is told once');
  taken.clear();
  environments.wake(['shop']);
  await until(() => problem() === undefined, 'it is well again', 4000);
});

test('an address of the pool that somebody squats on is walked around, and is free again for the next ask', async (t) => {
  const { environments, taken, told, world } = await daemon(t, { probe: true });
  taken.add('192.168.11.100');
  await environments.up(specOf('shop', 'pool'), options);
  assert.ok(
    told.includes(`address squatted environment=shop network=office address=192.168.11.100 holder=${squatter}`),
    told.join('\n'),
  );
  assert.deepEqual(
    world.store.leases().map((it) => it.address & 0xff),
    [101],
  );
  assert.equal(await codeOf(environments.up(specOf('crm', '192.168.11.100'), options)), 'ADDRESS_TAKEN');
  taken.clear();
  await environments.up(specOf('crm', 'pool'), options);
  assert.deepEqual(
    world.store
      .leases()
      .map((it) => it.address & 0xff)
      .sort(),
    [100, 101],
  );
});

test('a pool whose free addresses are all squatted on is full, and says so', async (t) => {
  const { environments, taken, look } = await daemon(t, { probe: true });
  for (const it of ['192.168.11.100', '192.168.11.101', '192.168.11.102']) taken.add(it);
  const error = await environments.up(specOf('shop', 'pool'), options).catch((reason: unknown) => reason);
  assert.ok(isLandlineError(error, 'POOL_FULL'), String(error));
  assert.match(error.message, /192\.168\.11\.100 taken on the wire/);
  assert.deepEqual(await look(), []);
});

test('a service that ends by itself and is to run always is started after a back-off that doubles, and counted', async (t) => {
  const { environments, machine, world } = await daemon(t);
  const spec = specOf('shop', 'pool', [serviceOf('web', ['forever'], { restart: 'always' })]);
  const { loop } = await environments.up(spec, options);
  const running = async (): Promise<boolean> => (await world.engine.observe('shop'))[0]?.state === 'running';
  const times: number[] = [];
  for (let end = 0; end < 3; end += 1) {
    const began = performance.now();
    machine.end('shop', 'web', 1);
    loop.wake();
    await until(running, 'it runs again');
    times.push(performance.now() - began);
  }
  assert.equal(loop.restarts('web'), 3);
  for (const [at, least] of [95, 195, 395].entries())
    assert.ok((times[at] ?? 0) >= least && (times[at] ?? 0) < least + 300, times.join(' '));
});

test('a service whose description changes is started anew, and that is no restart', async (t) => {
  const { environments, world, told } = await daemon(t);
  await environments.up(specOf('shop', 'pool'), options);
  const { loop } = await environments.up(specOf('shop', 'pool', [serviceOf('web', ['stubborn'])]), options);
  assert.equal((await world.engine.observe('shop'))[0]?.pid, 1002);
  assert.equal(loop.restarts('web'), 0);
  assert.ok(!told.some((it) => it.startsWith('service ended')), told.join('\n'));
});

/** Its first service ends by itself `count` times, and runs again after each. */
async function failing({ machine, world }: Daemon, wake: () => void, count: number): Promise<void> {
  for (let end = 0; end < count; end += 1) {
    machine.end('shop', 'web', 1);
    wake();
    await until(async () => (await world.engine.observe('shop'))[0]?.state === 'running', 'it runs again');
  }
}

const limitedTo3 = (command = ['forever']): EnvironmentSpec =>
  specOf('shop', 'pool', [serviceOf('web', command, { restart: 'on-failure', restartLimit: 3 })]);

test('asked for anew, a service has failed no time, also for the next daemon', async (t) => {
  const it = await daemon(t);
  const { environments, world } = it;
  const written = (): unknown => world.store.restartsOf('shop').get('web');
  const { loop } = await environments.up(limitedTo3(), options);
  const wake = (): void => loop.wake();
  const asks: readonly [string, () => Promise<unknown>][] = [
    ['restart', () => environments.restart('shop', undefined, options)],
    [
      'stop and start',
      async () => {
        await environments.stop('shop', undefined);
        await environments.start('shop', undefined, options);
      },
    ],
    ['up with a change', () => environments.up(limitedTo3(['stubborn']), options)],
  ];
  for (const [index, [how, ask]] of asks.entries()) {
    await failing(it, wake, 2);
    assert.deepEqual(written(), { restarts: 2 * (index + 1), retries: 2 }, `before ${how}`);
    await ask();
    assert.deepEqual(written(), { restarts: 2 * (index + 1), retries: 0 }, how);
  }
});

test('a service that the former daemon had stopped, for its start anew, has not failed', async (t) => {
  const it = await daemon(t);
  const { loop } = await it.environments.up(limitedTo3(), options);
  await failing(it, () => loop.wake(), 2);
  await it.environments.close();
  await it.world.engine.stop('shop', 'web', { signal: 'SIGTERM', graceMs: 20 });
  const next = openEnvironments(it.world);
  t.after(() => next.close());
  await next.resume('shop');
  assert.deepEqual(it.world.store.restartsOf('shop').get('web'), { restarts: 2, retries: 0 });
});

test('a start by `restart` is counted in the ledger before it begins, so that no end of the daemon loses it', async (t) => {
  const it = await daemon(t);
  const { engine, store } = it.world;
  const { loop } = await it.environments.up(limitedTo3(), options);
  const { start } = engine;
  const counts: unknown[] = [];
  engine.start = async (...words) => {
    counts.push(store.restartsOf('shop').get('web')?.retries);
    await start(...words);
  };
  await failing(it, () => loop.wake(), 3);
  assert.deepEqual(counts, [1, 2, 3]);
});

test('services that are to be stopped are stopped side by side', async (t) => {
  const { environments } = await daemon(t);
  const services = ['a', 'b', 'c', 'd', 'e'].map((name) => serviceOf(name, ['stubborn'], { stopGraceMs: 200 }));
  await environments.up(specOf('shop', 'pool', services), options);
  const begin = performance.now();
  await environments.up(
    specOf(
      'shop',
      'pool',
      services.map((it) => ({ ...it, environment: { CHANGED: 'yes' } })),
    ),
    options,
  );
  const took = performance.now() - begin;
  assert.ok(took < 600, `${took} ms`);
});

test('a service that cannot start leaves its environment to be looked at; asked for anew, it is tried anew', async (t) => {
  const { environments, look } = await daemon(t);
  assert.equal(
    await codeOf(environments.up(specOf('shop', '192.168.11.101', [serviceOf('web', ['ngnix'])]), options)),
    'COMMAND_MISSING',
  );
  assert.deepEqual((await look()).slice(0, 3), [
    'lease shop/eth0 192.168.11.101',
    'link landline:a1b2:shop:eth0 up',
    'sandbox shop 192.168.11.101/23',
  ]);
  await environments.up(specOf('shop', '192.168.11.101'), options);
  assert.ok((await look()).includes('service shop/web running 1001'));
});

test('an environment that has failed is told, and up again starts what has failed and not what has completed', async (t) => {
  const { environments, machine, world } = await daemon(t);
  const spec = specOf('shop', 'pool', [serviceOf('web'), serviceOf('init', ['ends', '0'])]);
  const { loop } = await environments.up(spec, options);
  await until(async () => (await world.engine.observe('shop')).some((it) => it.exitStatus === 0), 'init has completed');
  machine.end('shop', 'web', 1);
  loop.wake();
  await loop.converge();
  await environments.up(spec, { ...options, wait: true }).catch(() => undefined);
  const states = (await world.engine.observe('shop')).map((it) => `${it.name} ${it.state} ${it.pid ?? ''}`.trim());
  assert.deepEqual(states, ['web running 1003', 'init exited']);
});

test('up and down of one name take turns, and whoever was overtaken is told by whom', async (t) => {
  const { environments, look } = await daemon(t, { probe: true });
  const up = environments.up(specOf('shop', 'pool', [serviceOf('web', ['forever'])]), { wait: true, timeoutMs: 5000 });
  const down = environments.down('shop', leave).catch((error: unknown) => asLandlineError(error).code);
  const first = await codeOf(up);
  assert.ok(first === 'SUPERSEDED' || first === 'done', first);
  await down;
  await environments.down('shop', leave).catch(() => undefined);
  assert.deepEqual(await look(), []);
  // One that waits for services is told when its environment goes.
  const waiting = environments.up(
    specOf('crm', 'pool', [
      serviceOf('db'),
      serviceOf('web', ['forever'], { dependsOn: [{ service: 'db', condition: 'service_healthy', required: true }] }),
    ]),
    { wait: true, timeoutMs: 5000 },
  );
  const told = assert.rejects(waiting, { code: 'SUPERSEDED', message: /overtaken by `landline down`/ });
  await sleep(500);
  await environments.down('crm', leave);
  await told;
  assert.deepEqual(await look(), []);
});

test('of two wishes at once the later one counts, and the failure of the earlier one does not undo it', async (t) => {
  const { environments, taken, look } = await daemon(t, { probe: true });
  taken.add('192.168.11.101');
  const [first, second] = ['192.168.11.101', '192.168.11.102'].map((address) =>
    codeOf(environments.up(specOf('shop', address), options)),
  );
  assert.deepEqual([await first, await second], ['ADDRESS_TAKEN', 'done']);
  assert.deepEqual((await look()).slice(0, 3), [
    'lease shop/eth0 192.168.11.102',
    'link landline:a1b2:shop:eth0 up',
    'sandbox shop 192.168.11.102/23',
  ]);
});

test('of wishes at once each is told of its own address, or that a newer one has taken its place', async (t) => {
  // While the first one's answer is put together, the second is at work already.
  const { environments, world } = await daemon(t, { latencyMs: 1 });
  const api = daemonOn(world, environments, keepContainers(world, environments));
  const text = JSON.stringify({ name: 'shop', 'x-landline': { network: 'office' }, services: { web: { command: 'forever' } } });
  const overtaken = "the request for environment 'shop' was overtaken by another `landline up`";
  const addresses = ['192.168.11.101', '192.168.11.102', '192.168.11.103', '192.168.11.101', '192.168.11.104'];
  for (const wait of [false, true]) {
    const told = addresses.map((address) =>
      api.up({ text, file: 'shop.yaml', directory: '/', overrides: { address }, wait, timeoutMs: 5000 }).then(
        ({ endpoints }) => endpoints.flatMap((it) => it.addresses).join(),
        (error: unknown) => asLandlineError(error).message,
      ),
    );
    assert.deepEqual(await Promise.all(told), [...Array(4).fill(overtaken), '192.168.11.104/23'], `wait: ${wait}`);
  }
});

test('a daemon that ends in the middle of up leaves it as it is, for the next one to finish', async (t) => {
  const it = await daemon(t, { probe: true });
  const spec = specOf('shop', '192.168.11.101');
  const up = it.environments.up(spec, options);
  await sleep(50);
  const outcome = codeOf(up);
  await it.environments.close();
  assert.equal(await outcome, 'SUPERSEDED');
  assert.equal(it.world.store.environment('shop')?.phase, 'creating');
  const next = openEnvironments(it.world);
  t.after(() => next.close());
  await it.world.marked.refresh();
  await next.resume('shop');
  const left = await it.look();
  assert.equal(left.length, 5, left.join('\n'));
  assert.ok(left.at(-1)?.startsWith('wish shop up '));
});

test('a daemon that ends in the middle of down leaves it to the next one to finish, and the address is still held', async (t) => {
  const it = await daemon(t);
  await it.environments.up(specOf('shop', 'pool', [serviceOf('web', ['stubborn'], { stopGraceMs: 300 })]), options);
  const down = codeOf(it.environments.down('shop', leave));
  await sleep(50);
  await it.environments.close();
  assert.equal(await down, 'SUPERSEDED');
  assert.equal(it.world.store.environment('shop')?.phase, 'removing');
  assert.equal(it.world.store.leases().length, 1);
  const next = openEnvironments(it.world);
  t.after(() => next.close());
  await next.resume('shop');
  assert.deepEqual(await it.look(), []);
});
