import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dependency, EnvironmentSpec, ServiceSpec } from '../core/model.ts';
import type { ObservedService } from '../core/plan/model.ts';
import { isLandlineError } from '../errors.ts';
import { awaitReady } from './ready.ts';

function service(name: string, more: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    name,
    command: [name],
    environment: {},
    dependsOn: [],
    restart: 'no',
    stopSignal: 'SIGTERM',
    stopGraceMs: 10_000,
    ...more,
  };
}

const on = (dependency: string, condition: Dependency['condition'], required = true): Partial<ServiceSpec> => ({
  dependsOn: [{ service: dependency, condition, required }],
});

const running = (name: string, output?: string): ObservedService => ({
  name,
  state: 'running',
  startedAt: 0,
  ...(output === undefined ? {} : { health: { state: output === '' ? 'healthy' : 'unhealthy', output } }),
});
const exited = (name: string, exitStatus: number): ObservedService => ({ name, state: 'exited', exitStatus });

/** How the wait ends: `ready`, or the error's code and text. */
async function wait(services: readonly ServiceSpec[], ...looks: readonly (readonly ObservedService[])[]): Promise<string> {
  const spec: EnvironmentSpec = { name: 'shop', hostname: 'shop', directory: '/', endpoints: [], services };
  let count = 0;
  const observe = async () => ({ endpoints: [], leftovers: [], services: looks[Math.min(count++, looks.length - 1)] ?? [] });
  const logTail = async (name: string): Promise<string[]> => [`last words of ${name}`];
  try {
    const startsAgain = ({ restart }: ServiceSpec): boolean => restart === 'on-failure';
    await awaitReady(
      spec,
      { observe, problem: undefined, startsAgain },
      { timeoutMs: 200, overtakenBy: () => undefined, awaits: () => undefined, logTail },
    );
    return 'ready';
  } catch (error) {
    if (isLandlineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
}

test('an environment is ready when its services run, are healthy, or have completed', async () => {
  assert.equal(await wait([service('db')], [], [running('db')]), 'ready');
  assert.equal(await wait([service('db')], [running('db', '')]), 'ready');
  assert.equal(await wait([service('init')], [running('init')], [exited('init', 0)]), 'ready');
});

test('a healthcheck that has not succeeded is waited for', async () => {
  const starting: ObservedService = { ...running('db'), health: { state: 'starting', output: '' } };
  assert.match(await wait([service('db')], [starting]), /^WAIT_EXPIRED: .* waits for service 'db'$/);
  assert.equal(await wait([service('db')], [starting], [running('db', '')]), 'ready');
});

test('a service that fails or is unhealthy ends the wait, with its last words or those of its check', async () => {
  assert.equal(
    await wait([service('db')], [exited('db', 3)]),
    "SERVICE_FAILED: service 'db' of environment 'shop' ended with status 3; it said: last words of db",
  );
  assert.equal(
    await wait([service('db')], [running('db', 'one\ntwo\n')]),
    "SERVICE_UNHEALTHY: service 'db' of environment 'shop' is unhealthy; its check said: one | two",
  );
});

test('a dependency that failed for good is named, with who needs it', async () => {
  const both = (condition: Dependency['condition']): ServiceSpec[] => [service('db'), service('web', on('db', condition))];
  assert.equal(
    await wait(both('service_completed_successfully'), [exited('db', 3)]),
    "DEPENDENCY_FAILED: service 'web' of environment 'shop' cannot start: it needs 'db', which ended with status 3; it said: last words of db",
  );
  assert.equal(
    await wait(both('service_healthy'), [running('db', 'no answer')]),
    "DEPENDENCY_FAILED: service 'web' of environment 'shop' cannot start: it needs 'db', which is unhealthy; it said: no answer",
  );
  const started = [exited('db', 137), running('web')];
  assert.match(await wait(both('service_started'), started), /^SERVICE_FAILED: service 'db' .* was ended by signal 9/);
});

test('a dependency that is tried again is waited for, and one that is not required may fail', async () => {
  const again = [service('init', { restart: 'on-failure' }), service('web', on('init', 'service_completed_successfully'))];
  assert.equal(await wait(again, [exited('init', 1)], [exited('init', 0), running('web')]), 'ready');
  const optional = [service('cache'), service('web', on('cache', 'service_started', false))];
  assert.match(await wait(optional, [exited('cache', 1), running('web')]), /^WAIT_EXPIRED/);
});

test('what was ended to be started anew has neither failed nor completed while it waits for its turn', async () => {
  const services = [service('db'), service('web', on('db', 'service_healthy'))];
  const healthy = running('db', '');
  for (const former of [
    { ...exited('web', 143), stopped: true as const },
    { ...exited('web', 0), stopped: true as const },
    { ...exited('web', 3), digest: 'of another wish' },
  ]) {
    assert.equal(await wait(services, [healthy, former], [healthy, running('web')]), 'ready');
    assert.match(await wait(services, [healthy, former]), /^WAIT_EXPIRED: .* waits for service 'web'$/);
    assert.match(await wait(services, [exited('db', 3), former]), /^DEPENDENCY_FAILED: service 'web' .* it needs 'db'/);
  }
});
