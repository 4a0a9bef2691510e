import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EnvironmentSpec, ServiceSpec } from './model.ts';
import type { ObservedService } from './plan/model.ts';
import { stateOf } from './standing.ts';

const service = (name: string): ServiceSpec => ({
  name,
  command: ['sleep', 'inf'],
  environment: {},
  dependsOn: [],
  restart: 'no',
  stopSignal: 'SIGTERM',
  stopGraceMs: 10_000,
});

/** `db running`, `db running unhealthy`, `db exited 0`, `db exited ?` (nobody saw its end), `db absent` */
function observed(text: string): ObservedService {
  const [name = '', state = '', status] = text.split(' ');
  // A cast, since the cases below hold nothing else.
  const it: ObservedService = { name, state: state as ObservedService['state'] };
  if (state === 'running' && status !== undefined) return { ...it, health: { state: status as 'healthy', output: '' } };
  return status === undefined || status === '?' ? it : { ...it, exitStatus: Number(status) };
}

interface Case {
  readonly services: readonly string[];
  readonly plumbed?: boolean;
  readonly troubled?: boolean;
  readonly settled?: boolean;
}

function state({ services, plumbed = true, troubled = false, settled = true }: Case): string {
  const found = services.map(observed);
  const spec: EnvironmentSpec = {
    name: 'shop',
    hostname: 'shop',
    directory: '/srv/shop',
    endpoints: [],
    services: found.map((it) => service(it.name)),
  };
  return stateOf({ plumbed, troubled, settled, spec, observed: { endpoints: [], leftovers: [], services: found } });
}

test('how an environment stands, from how its services do', () => {
  const cases: readonly (readonly [string, Case])[] = [
    ['running', { services: [] }],
    ['running', { services: ['db running', 'web running'] }],
    ['running', { services: ['init exited 0', 'web running'] }],
    ['running', { services: ['db running healthy', 'web running'] }],
    ['starting', { services: ['db running starting', 'web running'] }],
    ['degraded', { services: ['db running unhealthy', 'web running starting'] }],
    ['degraded', { services: ['db running unhealthy'] }],
    ['stopped', { services: ['init exited 0'] }],
    ['stopped', { services: ['init exited 0', 'report exited 0'] }],
    ['degraded', { services: ['db running', 'web exited 1'] }],
    ['degraded', { services: ['init exited 0', 'web exited 137'] }],
    ['failed', { services: ['web exited 1'] }],
    ['failed', { services: ['db exited 1', 'web exited ?'] }],
    ['starting', { services: ['db running', 'web absent'] }],
    ['starting', { services: ['db running', 'web running'], settled: false }],
    ['starting', { services: ['db running', 'web running'], plumbed: false }],
    ['starting', { services: [], plumbed: false }],
    ['degraded', { services: ['db running', 'web running'], troubled: true }],
    ['failed', { services: ['db absent'], troubled: true }],
    ['failed', { services: [], troubled: true }],
    ['failed', { services: ['db running'], plumbed: false, troubled: true }],
  ];
  for (const [wanted, it] of cases) assert.equal(state(it), wanted, JSON.stringify(it));
});

test('a service that nobody wishes for any more does not count', () => {
  const spec: EnvironmentSpec = { name: 'shop', hostname: 'shop', directory: '/', endpoints: [], services: [service('web')] };
  const services = [observed('web running'), observed('db exited 1')];
  assert.equal(
    stateOf({ plumbed: true, troubled: false, settled: true, spec, observed: { endpoints: [], leftovers: [], services } }),
    'running',
  );
});

test('what somebody stopped does not count', () => {
  const spec = { name: 'shop', hostname: 'shop', directory: '/', endpoints: [], services: [service('web'), service('db')] };
  const services = [observed('web running'), observed('db exited 143')];
  const rest = { plumbed: true, troubled: false, settled: true, observed: { endpoints: [], leftovers: [], services } };
  assert.equal(stateOf({ ...rest, spec: { ...spec, stopped: ['db'] } }), 'running');
  assert.equal(
    stateOf({ ...rest, spec: { ...spec, stopped: ['db', 'web'] }, observed: { ...rest.observed, services: [] } }),
    'stopped',
  );
});
