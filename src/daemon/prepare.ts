/** What is done before a wish is written: whatever cannot be had refuses it while nothing has changed. */
import type { EnvironmentSpec } from '../core/model.ts';
import type { Prepared, SandboxView } from '../engine/index.ts';
import { LandlineError } from '../errors.ts';
import { sandboxPath, viewOf } from './sandbox.ts';
import { desiredServices, sandboxView } from './wish.ts';
import { netnsPath, type World } from './world.ts';

/** Has images pulled. @returns notes on ports that two services say they listen on. @throws LandlineError ENGINE_OTHER, IMAGE_*, DOCKER_UNREACHABLE */
export async function prepareServices(world: World, spec: EnvironmentSpec): Promise<readonly string[]> {
  return portClashes(await prepareAll(world, spec));
}

export interface PreparedService extends Prepared {
  readonly service: string;
}

/** The same, with everything that was found out. */
export async function prepareAll(world: World, spec: EnvironmentSpec): Promise<readonly PreparedService[]> {
  refuseOtherEngine(world, spec);
  const view = viewToPrepare(world, spec);
  const prepared = await Promise.all(
    desiredServices(spec).map(async ({ spec: service, digest }) => ({
      service: service.name,
      ...((await world.engine.prepare?.(view, service, digest)) ?? { ports: [], hasHealthcheck: false, volumes: [] }),
    })),
  );
  refuseNoHealth(spec, new Set(prepared.flatMap((it) => (it.hasHealthcheck ? [it.service] : []))));
  return prepared;
}

/** Notes on ports that two services say they listen on. */
export function portClashes(prepared: readonly PreparedService[]): readonly string[] {
  const ports = [...new Set(prepared.flatMap((it) => it.ports))].sort();
  return ports.flatMap((port) => {
    const [first, second, ...others] = prepared.filter((it) => it.ports.includes(port)).map((it) => `'${it.service}'`);
    if (first === undefined || second === undefined) return [];
    const names = [first, second, ...others].join(' and ');
    return [
      `the images of ${names} both say that they listen on ${port}, and they share one network: set one of them to another port`,
    ];
  });
}

/** The same for one service of an environment that is up. */
export async function prepareService(world: World, spec: EnvironmentSpec, name: string): Promise<void> {
  const found = desiredServices(spec).find((it) => it.spec.name === name);
  if (found !== undefined) await world.engine.prepare?.(viewToPrepare(world, spec), found.spec, found.digest);
}

/** As it is now; one that is not up yet has no services either whose files it could change. */
function viewToPrepare(world: World, spec: EnvironmentSpec): SandboxView {
  const isUp = world.store.environment(spec.name)?.phase === 'up' && sandboxPath(world, spec) !== undefined;
  return isUp ? viewOf(world, spec, world.store.leasesOf(spec.name)) : sandboxView([], spec, [], netnsPath(world, spec.name));
}

/** A container that others wait for to become healthy may have its check from its image; one that has none never does. */
function refuseNoHealth(spec: EnvironmentSpec, checkedByImage: ReadonlySet<string>): void {
  for (const { name, dependsOn } of spec.services) {
    const unchecked = dependsOn.find(({ service: on, condition }) => {
      const found = spec.services.find((it) => it.name === on);
      return (
        condition === 'service_healthy' &&
        found?.container !== undefined &&
        found.healthcheck === undefined &&
        !checkedByImage.has(on)
      );
    });
    if (unchecked !== undefined)
      throw new LandlineError('HEALTHCHECK_MISSING', { environment: spec.name, service: name, dependency: unchecked.service });
  }
}

/** Its containers or processes would go on beside the new ones. */
function refuseOtherEngine(world: World, spec: EnvironmentSpec): void {
  const before = world.store.environment(spec.name)?.spec;
  const [is, wanted] = [before?.engine ?? 'native', spec.engine ?? 'native'];
  if (before !== undefined && is !== wanted) throw new LandlineError('ENGINE_OTHER', { name: spec.name, is, wanted });
}
