/** What every {@link Engine} does, as one suite: the fake is held to it in the unit tests, the real ones where they can run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceSpec, ServiceStatus } from '../core/model.ts';
import { isLandlineError } from '../errors.ts';
import type { Engine, LogOptions, SandboxView } from './index.ts';

/** One engine to try, with programs that it can run. */
export interface Candidate {
  /** An engine over the state that the former one left, as a new daemon opens it. The suite closes it. */
  openEngine(): Engine;
  view(environment: string): SandboxView;
  readonly commands: {
    /** Runs until its stop signal. */
    readonly forever: readonly string[];
    /** Runs until SIGKILL, once it has said `ready`. */
    readonly stubborn: readonly string[];
    readonly missing: readonly string[];
    /** Ends by itself with this status. */
    ends(status: number): readonly string[];
    /** Writes these lines and ends with 0. */
    says(...lines: string[]): readonly string[];
  };
  /** Clears away what the suite left. */
  dispose(): Promise<void>;
}

/** How long a hint of the engine may take to come. */
const PATIENCE_MS = 10_000;

export function serviceOf(name: string, command: readonly string[]): ServiceSpec {
  return { name, command, environment: {}, dependsOn: [], restart: 'no', stopSignal: 'SIGTERM', stopGraceMs: 10_000 };
}

/** The status of one service. */
export async function statusOf(engine: Engine, environment: string, service: string): Promise<ServiceStatus | undefined> {
  return (await engine.observe(environment)).find((it) => it.name === service);
}

/** Waits for the engine's hint that a service ended; call it before what ends it. */
export async function whenExited(engine: Engine, environment: string, service: string): Promise<ServiceStatus> {
  const end = Promise.withResolvers<ServiceStatus>();
  const late = setTimeout(() => end.reject(new Error(`no hint that ${environment}/${service} ended`)), PATIENCE_MS);
  // A hint says that it may have ended: the end of a former one, or of one that is being replaced, gives one too.
  engine.onExit((...ended) => {
    if (ended.join('/') !== `${environment}/${service}`) return;
    statusOf(engine, environment, service).then((status) => {
      if (status !== undefined && status.state !== 'running') end.resolve(status);
    }, end.reject);
  });
  return end.promise.finally(() => clearTimeout(late));
}

/** Waits until a service has said this line. */
export async function whenSaid(engine: Engine, environment: string, service: string, line: string): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  for await (const { text } of engine.logs(environment, { services: [service], follow: true, signal })) if (text === line) return;
  throw new Error(`${environment}/${service} did not say ${line}`);
}

/** All lines, as `SERVICE: TEXT`. */
export async function linesOf(engine: Engine, environment: string, options: Partial<LogOptions> = {}): Promise<string[]> {
  const { signal } = new AbortController();
  const lines = [];
  for await (const { service, text } of engine.logs(environment, { services: [], follow: false, signal, ...options })) {
    lines.push(`${service}: ${text}`);
  }
  return lines;
}

/** Takes a test of the suite; node:test's own `test` runs it. */
export type Register = (title: string, options: { readonly skip?: string }, body: () => Promise<void>) => unknown;

/** `options` are those of node:test, for a reason to skip. */
export function testEngine(
  name: string,
  makeCandidate: () => Promise<Candidate>,
  options: { readonly skip?: string } = {},
  register: Register = test,
): void {
  const story = (title: string, body: (engine: Engine, it: Candidate) => Promise<void>): void => {
    register(`${name}: ${title}`, options, async () => {
      const candidate = await makeCandidate();
      const engine = candidate.openEngine();
      try {
        await engine.open();
        await body(engine, candidate);
      } finally {
        await engine.close();
        await candidate.dispose();
      }
    });
  };

  story('a service that was started runs, with all that observe tells of it', async (engine, { view, commands }) => {
    const before = Date.now();
    await engine.start(view('shop'), serviceOf('web', commands.forever), 'digest-1');
    const [web, ...others] = await engine.observe('shop');
    assert.deepEqual(others, []);
    assert.equal(web?.state, 'running');
    assert.equal(web.digest, 'digest-1');
    assert.ok((web.pid ?? 0) > 0, 'it has a pid');
    assert.ok((web.startedAt ?? 0) >= before && (web.startedAt ?? 0) <= Date.now(), 'it was started just now');
    assert.ok((web.generation ?? '') !== '');
    assert.equal(web.exitStatus, undefined);
    assert.deepEqual(await engine.environments(), ['shop']);
  });

  story('a service that ends by itself is told of, with its exit status', async (engine, { view, commands }) => {
    for (const status of [0, 3]) {
      const ended = whenExited(engine, 'shop', 'once');
      await engine.start(view('shop'), serviceOf('once', commands.ends(status)), 'd');
      const { state, exitStatus, pid } = await ended;
      assert.deepEqual({ state, exitStatus, pid }, { state: 'exited', exitStatus: status, pid: undefined });
    }
  });

  story(
    'a program that does not exist is refused by name, and nothing of the start is left',
    async (engine, { view, commands }) => {
      await assert.rejects(engine.start(view('shop'), serviceOf('web', commands.missing), 'd'), (error) =>
        isLandlineError(error, 'COMMAND_MISSING'),
      );
      assert.notEqual((await statusOf(engine, 'shop', 'web'))?.state, 'running');
    },
  );

  story('starting what runs is a mistake of the caller, and leaves it running', async (engine, { view, commands }) => {
    const web = serviceOf('web', commands.forever);
    await engine.start(view('shop'), web, 'd');
    const before = await statusOf(engine, 'shop', 'web');
    await assert.rejects(engine.start(view('shop'), web, 'd'), (error) => error instanceof Error && !isLandlineError(error));
    assert.deepEqual(await statusOf(engine, 'shop', 'web'), before);
  });

  story('a service that was stopped ended by the signal, and can be started anew', async (engine, { view, commands }) => {
    const web = serviceOf('web', commands.forever);
    await engine.start(view('shop'), web, 'd');
    const first = await statusOf(engine, 'shop', 'web');
    await engine.stop('shop', 'web', { signal: 'SIGTERM', graceMs: 10_000 });
    const { state, exitStatus, stopped, generation } = (await statusOf(engine, 'shop', 'web')) ?? {};
    const wanted = { state: 'exited', exitStatus: 143, stopped: true, generation: first?.generation };
    assert.deepEqual({ state, exitStatus, stopped, generation }, wanted);
    await engine.start(view('shop'), web, 'd');
    const second = await statusOf(engine, 'shop', 'web');
    assert.equal(second?.state, 'running');
    assert.equal(second.stopped, undefined);
    assert.notEqual(second.generation, first?.generation);
  });

  story('a service that ignores its stop signal is killed after the grace', async (engine, { view, commands }) => {
    await engine.start(view('shop'), serviceOf('web', commands.stubborn), 'd');
    await whenSaid(engine, 'shop', 'web', 'ready');
    const before = performance.now();
    await engine.stop('shop', 'web', { signal: 'SIGTERM', graceMs: 200 });
    assert.ok(performance.now() - before >= 190, 'it had its grace');
    const { state, exitStatus } = (await statusOf(engine, 'shop', 'web')) ?? {};
    assert.deepEqual({ state, exitStatus }, { state: 'exited', exitStatus: 137 });
  });

  story('stopping or removing what is not there is success', async (engine, { view, commands }) => {
    await engine.stop('shop', 'web', { signal: 'SIGTERM', graceMs: 1000 });
    await engine.remove('shop', 1000);
    await engine.start(view('shop'), serviceOf('web', commands.forever), 'd');
    await engine.stop('shop', 'web', { signal: 'SIGTERM', graceMs: 10_000 });
    await engine.stop('shop', 'web', { signal: 'SIGTERM', graceMs: 10_000 });
  });

  story('removing an environment ends its services and forgets them, and no others', async (engine, { view, commands }) => {
    await engine.start(view('shop'), serviceOf('web', commands.forever), 'd');
    await engine.start(view('shop'), serviceOf('db', commands.stubborn), 'd');
    await engine.start(view('other'), serviceOf('web', commands.forever), 'd');
    await engine.remove('shop', 100);
    assert.deepEqual(await engine.observe('shop'), []);
    assert.deepEqual(await engine.environments(), ['other']);
    assert.equal((await statusOf(engine, 'other', 'web'))?.state, 'running');
  });

  story('the next daemon finds what runs and how the rest ended', async (engine, { openEngine, view, commands }) => {
    await engine.start(view('shop'), serviceOf('web', commands.forever), 'd1');
    const ended = whenExited(engine, 'shop', 'once');
    await engine.start(view('shop'), serviceOf('once', commands.ends(3)), 'd2');
    await ended;
    await engine.start(view('shop'), serviceOf('told', commands.forever), 'd3');
    await engine.stop('shop', 'told', { signal: 'SIGTERM', graceMs: 10_000 });
    const before = await engine.observe('shop');
    await engine.close();

    const next = openEngine();
    try {
      await next.open();
      assert.deepEqual(await next.observe('shop'), before);
      const stopped = before.filter((it) => it.stopped === true);
      assert.deepEqual(
        stopped.map((it) => it.name),
        ['told'],
        'an end of its own is told from one that was asked for',
      );
      const webEnded = whenExited(next, 'shop', 'web');
      await next.stop('shop', 'web', { signal: 'SIGTERM', graceMs: 10_000 });
      assert.equal((await webEnded).exitStatus, 143);
    } finally {
      await next.close();
    }
  });

  story('logs are told per service, all or the last lines of each, over all its starts', async (engine, { view, commands }) => {
    for (const [name, lines] of Object.entries({ web: ['one', 'two', 'three'], db: ['ready'] })) {
      const ended = whenExited(engine, 'shop', name);
      await engine.start(view('shop'), serviceOf(name, commands.says(...lines)), 'd');
      await ended;
    }
    assert.deepEqual((await linesOf(engine, 'shop')).sort(), ['db: ready', 'web: one', 'web: three', 'web: two']);
    assert.deepEqual(await linesOf(engine, 'shop', { services: ['web'] }), ['web: one', 'web: two', 'web: three']);
    assert.deepEqual((await linesOf(engine, 'shop', { tail: 1 })).sort(), ['db: ready', 'web: three']);
    assert.deepEqual(await linesOf(engine, 'shop', { tail: 0 }), []);
    const again = whenExited(engine, 'shop', 'db');
    await engine.start(view('shop'), serviceOf('db', commands.says('ready again')), 'd');
    await again;
    assert.deepEqual(await linesOf(engine, 'shop', { services: ['db'] }), ['db: ready', 'db: ready again']);
    assert.deepEqual(await linesOf(engine, 'nowhere'), []);
  });

  story('followed logs go on with what is said later, until the signal', async (engine, { view, commands }) => {
    const first = whenExited(engine, 'shop', 'web');
    await engine.start(view('shop'), serviceOf('web', commands.says('one')), 'd');
    await first;
    const stop = new AbortController();
    const heard: string[] = [];
    const late = setTimeout(() => stop.abort(), PATIENCE_MS);
    for await (const { service, text } of engine.logs('shop', { services: [], follow: true, signal: stop.signal })) {
      heard.push(`${service}: ${text}`);
      if (text === 'one') await engine.start(view('shop'), serviceOf('web', commands.says('two')), 'd');
      if (text === 'two') await engine.start(view('shop'), serviceOf('db', commands.says('three')), 'd');
      if (text === 'three') stop.abort();
    }
    clearTimeout(late);
    assert.deepEqual(heard, ['web: one', 'web: two', 'db: three']);
  });
}
