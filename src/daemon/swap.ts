/**
 * `up --swap`: a second generation is built beside the first, and takes its place on the LAN once it is healthy. Until then
 * nothing has happened; afterwards the first one is ended. One line of the ledger, the number of the generation, says which
 * of the two an environment is: whatever is killed when, the next daemon keeps that one and ends the other.
 */
import type { EnvironmentSpec } from '../core/model.ts';
import { sharedMounts, whyNoSwap } from '../core/swap.ts';
import type { StopManner } from '../engine/index.ts';
import { asLandlineError, isLandlineError, LandlineError } from '../errors.ts';
import type { EnvironmentRecord } from '../store/index.ts';
import type { EnvironmentLoop } from './environment.ts';
import { networksOf } from './networks.ts';
import { portClashes, prepareAll } from './prepare.ts';
import { refusal } from './refusals.ts';
import { stopManner } from './run-step.ts';
import { secondGeneration, worldOfNext } from './second-generation.ts';
import { requireNames } from './wish.ts';
import type { World } from './world.ts';

export interface SwapOptions {
  /** Both generations may write to the same volumes and folders. */
  readonly shared: boolean;
  /** The longest wait for the new one, in milliseconds. */
  readonly timeoutMs: number;
}

export interface Swapped {
  /** The wish as it was written. */
  readonly spec: EnvironmentSpec;
  /** How long nobody held the address, in milliseconds; undefined where there was none to hold. */
  readonly exchangeMs: number | undefined;
  /** What was there before; still to be ended. */
  readonly former: EnvironmentSpec;
}

/** The loops, as the swap needs them. */
export interface Loops {
  loop(name: string): EnvironmentLoop;
  /** Ends the loop; the next one knows nothing of it. */
  endLoop(name: string): Promise<void>;
}

const nextOf = (before: EnvironmentSpec): number => (before.generation ?? 0) + 1;

/**
 * What refuses a swap while nothing has been done: and has images pulled.
 * @returns notes on ports that two services say they listen on
 * @throws LandlineError SWAP_REFUSED, SWAP_SHARED, IMAGE_*
 */
export async function prepareSwap(
  world: World,
  before: EnvironmentSpec,
  wish: EnvironmentSpec,
  shared: boolean,
): Promise<readonly string[]> {
  const { name: environment } = wish;
  const why = whyNoSwap(before, wish, networksOf(world));
  if (why !== undefined) throw new LandlineError('SWAP_REFUSED', { environment, ...why });
  requireNames(networksOf(world), wish);
  const spec = { ...wish, generation: nextOf(before) };
  const prepared = await prepareAll(worldOfNext(world, spec), spec);
  const mounts = sharedMounts(wish, (service) => prepared.find((it) => it.service === service)?.volumes ?? []);
  if (mounts.length > 0 && !shared) throw new LandlineError('SWAP_SHARED', { environment, mounts });
  if (world.store.leasesOf(environment).length < wish.endpoints.length)
    throw new LandlineError('SWAP_REFUSED', {
      environment,
      reason: 'it waits for an address itself',
      advice: `\`landline ps ${environment}\` shows what for`,
    });
  return portClashes(prepared);
}

/** @throws LandlineError SWAP_GIVEN_UP, SUPERSEDED, and what stands in the way of the second once it is on the LAN */
export async function swap(
  world: World,
  before: EnvironmentRecord,
  wish: EnvironmentSpec,
  loops: Loops,
  options: SwapOptions,
): Promise<Swapped> {
  const { name } = wish;
  const spec = { ...wish, generation: nextOf(before.spec) };
  await endOthers(world, before.spec);
  const next = secondGeneration(world, spec);
  world.swaps.set(name, next);
  world.events.tell('swap begun', { environment: name });
  try {
    await next.build(options.timeoutMs);
    await next.close();
    await loops.endLoop(name);
    forgetRetries(world, name);
    // From here on it is this generation: the loop puts it onto the LAN in place of the other.
    world.store.putEnvironment(spec, 'up', Date.now());
    world.swaps.delete(name);
    const loop = loops.loop(name);
    await loop.converge();
    return { spec, exchangeMs: loop.exchangeMs, former: before.spec };
  } catch (error) {
    const isWritten = world.store.environment(name)?.spec.generation === spec.generation;
    // The second is on the LAN: what stands in its way now, Docker's end maybe, its loop goes on with.
    const isExchanged = isWritten && loops.loop(name).exchangeMs !== undefined;
    if (isExchanged || (isWritten && isLandlineError(error, 'SUPERSEDED'))) throw error;
    await takeBack(world, before, loops);
    await next.close();
    await next.remove().catch((second: unknown) => {
      world.events.tell('second generation lives on', { environment: name, problem: asLandlineError(second).message });
    });
    world.events.tell('swap given up', { environment: name, problem: asLandlineError(refusal(error)).message });
    throw givenUp(name, error);
  } finally {
    world.swaps.delete(name);
  }
}

/** Who asks for a swap asks for every service anew: the new generation has failed no time yet. */
function forgetRetries({ store }: World, environment: string): void {
  for (const [service, { restarts }] of store.restartsOf(environment))
    store.putRestarts({ environment, service, restarts, retries: 0 });
}

function givenUp(environment: string, error: unknown): LandlineError {
  const { code, message } = asLandlineError(refusal(error));
  if (isLandlineError(error, 'SUPERSEDED')) return error;
  return new LandlineError('SWAP_GIVEN_UP', { environment, code, because: message }, { cause: error });
}

/** The exchange was refused: it is the former generation again. */
async function takeBack(world: World, before: EnvironmentRecord, { loop, endLoop }: Loops): Promise<void> {
  const { name } = before.spec;
  if (world.store.environment(name)?.spec.generation === before.spec.generation) return;
  await endLoop(name);
  world.store.putEnvironment(before.spec, before.phase, Date.now());
  await loop(name)
    .converge()
    .catch((error: unknown) => {
      world.events.tell('could not put back', { environment: name, problem: asLandlineError(error).message });
    });
}

/** What is left of others than the current one: of a swap that was cut off, or whose end Docker refused. */
async function endOthers(world: World, spec: EnvironmentSpec): Promise<void> {
  for (const it of (await world.engine.generations?.list()) ?? [])
    if (it.environment === spec.name && it.generation !== (spec.generation ?? 0)) await world.engine.generations?.end(it);
}

/** Ends the generation whose place another has taken, each service as it was to be stopped; then the names are the new one's. Never throws. */
export async function endFormer(world: World, former: EnvironmentSpec): Promise<void> {
  const { name: environment, generation = 0 } = former;
  const manner: StopManner = (service) => stopManner(former, service);
  try {
    await world.engine.generations?.end({ environment, generation }, manner);
    await world.engine.generations?.settle(environment);
    world.events.tell('former generation ended', { environment });
  } catch (error) {
    // It is on no bridge; the next look at what Docker has ends it.
    world.events.tell('former generation lives on', { environment, problem: asLandlineError(error).message });
  }
}
