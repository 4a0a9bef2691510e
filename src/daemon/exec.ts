/** Whom a client joins to run a command: a service, or the container that an environment stands for. */
import type { ExecView } from '../api/contract.ts';
import type { EnvironmentSpec } from '../core/model.ts';
import { LandlineError } from '../errors.ts';
import { type ContainerKeeper, containerOf } from './container-keeper.ts';
import type { KnownContainer } from './containers.ts';
import { type Environments, serviceUnknown } from './environments.ts';
import { viewOf } from './sandbox.ts';
import type { World } from './world.ts';

/** @throws LandlineError ENVIRONMENT_UNKNOWN, SERVICE_UNKNOWN, SERVICE_UNCLEAR, SERVICE_STOPPED, CONTAINER_STOPPED */
export async function execTarget(
  world: World,
  environments: Environments,
  keeper: ContainerKeeper,
  name: string,
  wanted: string | undefined,
): Promise<ExecView> {
  const foreign = foreignContainer(world, keeper, name);
  if (foreign !== undefined) return containerTarget(world, name, foreign, wanted);
  const { spec } = environments.require(name).record;
  const service = pickService(name, namesOf(spec), wanted);
  const status = (await world.engine.observe(name)).find((it) => it.name === service);
  const its = spec.services.find((it) => it.name === service);
  if (status?.pid === undefined || its === undefined) throw new LandlineError('SERVICE_STOPPED', { environment: name, service });
  const container = await world.engine.containerOf?.(name, service);
  const view = viewOf(world, spec, world.store.leasesOf(name));
  const variables = world.engine.variables(view, its);
  const become = world.engine.becoming(name, its);
  const workingDir = its.workingDir ?? spec.directory;
  const about = { environment: name, service, pid: status.pid, workingDir, variables, become };
  return container === undefined ? about : { ...about, container };
}

const namesOf = ({ services }: EnvironmentSpec): readonly string[] => services.map((it) => it.name);

/** @throws LandlineError SERVICE_UNKNOWN, SERVICE_UNCLEAR */
export function pickService(environment: string, services: readonly string[], wanted: string | undefined): string {
  if (wanted !== undefined) {
    if (services.includes(wanted)) return wanted;
    throw serviceUnknown(environment, wanted, services);
  }
  const [only, ...others] = services;
  if (only === undefined || others.length > 0) throw new LandlineError('SERVICE_UNCLEAR', { environment, services });
  return only;
}

/** The container that is not Landline's and goes by this name in `ps`, whether or not it could be plumbed. */
export function foreignContainer(world: World, keeper: ContainerKeeper, name: string): KnownContainer | undefined {
  const record = world.store.environment(name);
  if (record !== undefined && record.phase !== 'removing') {
    const its = containerOf(record.spec);
    if (its === undefined) return undefined;
    // While Docker was away since our start nothing more is known of it.
    return world.containers.get(its.id) ?? { id: its.id, name: its.container, labels: {}, restarts: 0 };
  }
  return keeper.troubled().find((it) => it.name === name)?.container;
}

/** As `docker exec` has it: Docker itself is asked what the container is started with. */
async function containerTarget(
  world: World,
  environment: string,
  known: KnownContainer,
  wanted: string | undefined,
): Promise<ExecView> {
  const service = pickService(environment, [known.name], wanted);
  const found = await world.docker.containers.inspect(known.id);
  if (found?.State.Running !== true) throw new LandlineError('CONTAINER_STOPPED', { container: known.name });
  const { Env: pairs, WorkingDir: folder = '' } = found.Config;
  return {
    environment,
    service,
    pid: found.State.Pid,
    workingDir: folder === '' ? '/' : folder,
    variables: Object.fromEntries((pairs ?? []).map((it) => [it.split('=', 1)[0] ?? '', it.slice(it.indexOf('=') + 1)])),
    become: [],
    container: { id: known.id, address: world.docker.address },
  };
}

/**
 * Landline plumbs such a container, and starts and ends nothing in it.
 * @throws LandlineError CONTAINER_FOREIGN
 */
export function requireOwnServices(world: World, keeper: ContainerKeeper, name: string, verb: string): void {
  const foreign = foreignContainer(world, keeper, name);
  if (foreign !== undefined) throw new LandlineError('CONTAINER_FOREIGN', { name, container: foreign.name, verb });
}
