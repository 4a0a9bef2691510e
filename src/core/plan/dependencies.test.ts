import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dependency, Health, ServiceSpec } from '../model.ts';
import type { DesiredService, ObservedService } from './model.ts';
import { planServices, startsAgain } from './services.ts';

function db(restart: ServiceSpec['restart'] = 'no'): ServiceSpec {
  return { name: 'db', command: ['db'], environment: {}, dependsOn: [], restart, stopSignal: 'SIGTERM', stopGraceMs: 10_000 };
}

const wish = (spec: ServiceSpec): DesiredService => ({ spec, digest: '1' });

const health = (state: Health['state']): Health => ({ state, output: '' });
const running: ObservedService = { name: 'db', state: 'running', pid: 4711, digest: '1', inSandbox: true };
const exited = (exitStatus: number): ObservedService => ({ name: 'db', state: 'exited', exitStatus, digest: '1' });

/** What is started, when `web` waits for `db`, which is found like this. */
function starts(
  condition: Dependency['condition'],
  found: ObservedService | undefined,
  more: { required?: boolean; restart?: ServiceSpec['restart'] } = {},
): string {
  const { required = true, restart = 'no' } = more;
  const web: ServiceSpec = { ...db(), name: 'web', dependsOn: [{ service: 'db', condition, required }] };
  const observed = { endpoints: [], leftovers: [], services: found === undefined ? [] : [found] };
  const memory = { restarts: 0, quickEnds: 3, endedAt: 1000, startAnyway: false, stopped: false };
  const { steps } = planServices([wish(db(restart)), wish(web)], observed, new Map([['db', memory]]), 1100);
  return steps.map((step) => (step.do === 'start-service' ? step.service.spec.name : step.do)).join(' ');
}

test('service_started waits until the other runs or has completed', () => {
  assert.equal(starts('service_started', undefined), 'db');
  assert.equal(starts('service_started', running), 'web');
  assert.equal(starts('service_started', exited(0)), 'web');
  assert.equal(starts('service_started', exited(1)), '');
});

test('service_healthy waits until the other is healthy', () => {
  assert.equal(starts('service_healthy', undefined), 'db');
  assert.equal(starts('service_healthy', running), '');
  for (const state of ['starting', 'unhealthy'] as const)
    assert.equal(starts('service_healthy', { ...running, health: health(state) }), '');
  assert.equal(starts('service_healthy', { ...running, health: health('healthy') }), 'web');
  assert.equal(starts('service_healthy', exited(0)), '');
});

test('service_completed_successfully waits until the other has completed with 0', () => {
  assert.equal(starts('service_completed_successfully', running), '');
  assert.equal(starts('service_completed_successfully', exited(1)), '');
  assert.equal(starts('service_completed_successfully', exited(0)), 'web');
});

test('what another description of the service did does not count', () => {
  assert.equal(starts('service_completed_successfully', { ...exited(0), digest: 'former' }), 'db');
  assert.equal(starts('service_started', { ...running, digest: 'former' }), 'stop-service db');
});

test('nobody waits in vain for what is not required', () => {
  const optional = { required: false };
  assert.equal(starts('service_completed_successfully', exited(1), optional), 'web');
  assert.equal(starts('service_healthy', { ...running, health: health('unhealthy') }, optional), 'web');
  assert.equal(starts('service_healthy', { ...running, health: health('starting') }, optional), '');
  assert.equal(starts('service_started', undefined, optional), 'db');
  assert.equal(starts('service_started', exited(1), { ...optional, restart: 'on-failure' }), '', 'it is tried again');
});

test('on-failure starts a service again as often as its count says, since somebody asked for it', () => {
  const spec: ServiceSpec = { ...db('on-failure'), restartLimit: 2 };
  const memory = { restarts: 7, quickEnds: 0, endedAt: 1000, startAnyway: false, stopped: false };
  assert.equal(startsAgain(spec, 1, undefined), true);
  assert.equal(startsAgain(spec, 1, { ...memory, retries: 1 }), true);
  assert.equal(startsAgain(spec, 1, { ...memory, retries: 2 }), false);
  assert.equal(startsAgain(spec, 0, undefined), false);
  assert.equal(startsAgain(db('on-failure'), 1, { ...memory, retries: 1000 }), true);
  assert.equal(startsAgain(db('always'), 0, memory), true);
  assert.equal(startsAgain(db('no'), 1, undefined), false);
});

test('services that somebody stopped are stopped in order: those that depend on others first, and started by nobody', () => {
  const web: ServiceSpec = { ...db(), name: 'web', dependsOn: [{ service: 'db', condition: 'service_started', required: true }] };
  const steps = (found: readonly ObservedService[], stopped: readonly string[]): string => {
    const desired = [db(), web].map((spec) => ({ ...wish(spec), ...(stopped.includes(spec.name) ? { stopped: true } : {}) }));
    const plan = planServices(desired, { endpoints: [], leftovers: [], services: found }, new Map(), 0);
    return plan.steps
      .map(
        (step) =>
          `${step.do} ${step.do === 'stop-service' ? step.name : step.do === 'start-service' ? step.service.spec.name : ''}`,
      )
      .join(', ');
  };
  const both = [running, { ...running, name: 'web' }];
  assert.equal(steps(both, ['db', 'web']), 'stop-service web');
  assert.equal(steps([running, { ...exited(0), name: 'web' }], ['db', 'web']), 'stop-service db');
  assert.equal(steps([exited(143), { ...exited(143), name: 'web' }], ['db', 'web']), '');
  assert.equal(steps(both, ['db']), 'stop-service db', 'what runs on does not hold it');
  assert.equal(steps([{ name: 'db', state: 'absent' }], ['db']), 'start-service web', 'it is not waited for');
});
