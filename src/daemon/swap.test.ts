import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EnvironmentSpec } from '../core/model.ts';
import { type EnvironmentLoop, environmentLoop } from './environment.ts';
import { fakeWorld, serviceOf, specOf } from './fixture.ts';
import { swap } from './swap.ts';

test('a new generation has failed no time, whatever the former one had', async (t) => {
  const { world } = await fakeWorld(t);
  const services = [serviceOf('web', ['forever'], { restart: 'on-failure', restartLimit: 3 })];
  const spec: EnvironmentSpec = { ...specOf('shop', 'pool', services), endpoints: [] };
  world.store.putEnvironment(spec, 'up', Date.now());
  world.store.putRestarts({ environment: 'shop', service: 'web', restarts: 5, retries: 3 });
  let current: EnvironmentLoop | undefined;
  const loop = (name: string): EnvironmentLoop => {
    current ??= environmentLoop(world, name, () => current?.wake());
    return current;
  };
  const endLoop = async (): Promise<void> => {
    await current?.close();
    current = undefined;
  };
  t.after(endLoop);
  await loop('shop').converge();
  const before = world.store.environment('shop');
  assert.ok(before !== undefined);
  await swap(world, before, spec, { loop, endLoop }, { shared: false, timeoutMs: 1000 });
  assert.equal(world.store.environment('shop')?.spec.generation, 1);
  assert.deepEqual(world.store.restartsOf('shop').get('web'), { restarts: 5, retries: 0 });
});
