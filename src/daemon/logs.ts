/** What services wrote; and the container that an environment stands for. */
import type { LogView } from '../api/contract.ts';
import type { LogAsk } from '../api/daemon.ts';
import { readServiceLogs, untilTold } from '../engine/docker/index.ts';
import type { LogLine, LogOptions } from '../engine/index.ts';
import type { ContainerKeeper } from './container-keeper.ts';
import type { KnownContainer } from './containers.ts';
import type { Environments } from './environments.ts';
import { foreignContainer, pickService } from './exec.ts';
import type { World } from './world.ts';

/** @throws LandlineError ENVIRONMENT_UNKNOWN, SERVICE_UNKNOWN */
export function logs(
  world: World,
  environments: Environments,
  keeper: ContainerKeeper,
  ask: LogAsk,
  signal: AbortSignal,
): AsyncIterable<LogView> {
  const { follow, tail, since, timestamps: times } = ask;
  const only = { ...(tail === undefined ? {} : { tail }), ...(since === undefined ? {} : { since }) };
  const foreign = foreignContainer(world, keeper, ask.environment);
  const names =
    foreign === undefined ? environments.require(ask.environment).record.spec.services.map((it) => it.name) : [foreign.name];
  const services = ask.service === undefined ? names : [pickService(ask.environment, names, ask.service)];
  const options = { services, follow, signal, times, ...only };
  return logViews(
    foreign === undefined ? world.engine.logs(ask.environment, options) : containerLogs(world, ask.environment, foreign, options),
  );
}

/** Over all its starts, as Docker keeps it; followed until it is removed. */
function containerLogs(
  world: World,
  environment: string,
  { id, name }: KnownContainer,
  options: LogOptions,
): AsyncIterable<LogLine> {
  const { docker, containers } = world;
  const changed = (signal: AbortSignal): Promise<void> =>
    untilTold((onTold) => {
      return containers.listen((change) => {
        if (change.kind === 'listed' || change.id === id) onTold();
      });
    }, signal);
  const find = async () => {
    const container = await docker.containers.inspect(id);
    return container === undefined ? [] : [{ service: name, container }];
  };
  return readServiceLogs({ docker, former: () => [], containers: find, changed }, environment, options);
}

async function* logViews(lines: AsyncIterable<LogLine>): AsyncGenerator<LogView> {
  for await (const { time, ...line } of lines) yield time === undefined ? line : { ...line, time: new Date(time).toISOString() };
}
