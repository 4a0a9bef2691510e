/**
 * Containers that are not Landline's and are to be plumbed: a record for each that has the labels, from its start to its
 * removal, and the end of records whose container is gone.
 */
import { type LabelWish, networkLabel, readLabels } from '../core/labels.ts';
import type { EndpointSpec, EnvironmentSpec } from '../core/model.ts';
import { asLandlineError, LandlineError } from '../errors.ts';
import { parseIpv4 } from '../net/ipv4.ts';
import type { ContainerChange, KnownContainer } from './containers.ts';
import type { Environments } from './environments.ts';
import { ensureLeases } from './leasing.ts';
import { networksOf } from './networks.ts';
import { endpointMac } from './wish.ts';
import type { World } from './world.ts';

/** A labelled container that cannot be plumbed, and why. */
export interface TroubledContainer {
  readonly container: KnownContainer;
  /** The name that its environment would have. */
  readonly name: string;
  readonly network: string;
  readonly problem: LandlineError;
}

export interface ContainerKeeper {
  /** Those that no environment stands for. */
  troubled(): readonly TroubledContainer[];
}

export function keepContainers(world: World, environments: Environments): ContainerKeeper {
  const { containers, store } = world;
  const troubled = new Map<string, TroubledContainer>();

  const recordsOf = (id: string): readonly EnvironmentSpec[] =>
    store.environments().flatMap(({ spec, phase }) => (phase !== 'removing' && containerOf(spec)?.id === id ? [spec] : []));

  const report = (container: KnownContainer, wish: { name: string; network: string }, problem: LandlineError): void => {
    const isNews = troubled.get(container.id)?.problem.message !== problem.message;
    troubled.set(container.id, { container, ...wish, problem });
    if (isNews) world.events.tell('label refused', { container: container.name, code: problem.code, problem: problem.message });
  };

  /** The environment of a labelled container, as it is to be. */
  const adopt = async (container: KnownContainer, wish: Extract<LabelWish, { kind: 'endpoint' }>): Promise<void> => {
    const spec = specOf(container, wish, recordsOf(container.id)[0]);
    const other = store.environment(spec.name)?.spec;
    const holder = other === undefined ? undefined : containerOf(other);
    const isTaken =
      other !== undefined && holder?.id !== container.id && (holder === undefined || containers.get(holder.id) !== undefined);
    if (isTaken)
      return report(
        container,
        { name: spec.name, network: wish.endpoint.network },
        new LandlineError('NAME_TAKEN', { name: spec.name }),
      );
    troubled.delete(container.id);
    await environments.adopt(spec);
    await probeAhead(world, spec);
  };

  const see = (id: string): void => {
    const container = containers.get(id);
    if (container === undefined) return;
    const wish = readLabels(container.labels, container.name);
    if (wish.kind !== 'none') seeLabelled(container, wish);
    environments.wake(recordsOf(id).map((it) => it.name));
  };

  const seeLabelled = (container: KnownContainer, wish: Exclude<LabelWish, { kind: 'none' }>): void => {
    const wrong = whyWrong(container, wish);
    if (wrong !== undefined) return report(container, { name: wish.name, network: container.labels[networkLabel] ?? '' }, wrong);
    if (wish.kind === 'wrong') return;
    const isComing = container.generation !== undefined || containers.isStarting(container.id);
    // One that was made and never started is nobody's yet, but most are started at once.
    if (isComing) attempt(adopt(container, wish), container);
    else if (recordsOf(container.id).length === 0) probeFixed(world, specOf(container, wish, undefined));
  };

  /** It was plumbed until now, and had its addresses. */
  const noteStop = (id: string): void => {
    for (const { name } of recordsOf(id)) if (environments.loop(name).problem === undefined) trustOwn(world, name);
  };

  const end = (id: string): void => {
    troubled.delete(id);
    for (const { name } of recordsOf(id)) {
      world.events.tell('container gone', { environment: name });
      environments.down(name, { keepAddress: false, volumes: false }).catch(() => undefined);
    }
  };

  const attempt = (work: Promise<void>, container: KnownContainer): void => {
    work.catch((error: unknown) =>
      world.events.tell('container not adopted', { container: container.name, problem: asLandlineError(error).message }),
    );
  };

  const hear = (change: ContainerChange): void => {
    if (change.kind === 'gone') return end(change.id);
    if (change.kind === 'stopped') return noteStop(change.id);
    if (change.kind !== 'listed') return see(change.id);
    for (const it of containers.all()) see(it.id);
    const gone = store.environments().flatMap(({ spec }) => containerOf(spec) ?? []);
    for (const { id } of gone) if (containers.get(id) === undefined) end(id);
  };

  containers.listen(hear);
  return { troubled: () => [...troubled.values()] };
}

/** The container whose namespace an environment stands for. */
export function containerOf({
  sandbox,
}: EnvironmentSpec): Extract<EnvironmentSpec['sandbox'], { kind: 'container' }> | undefined {
  return sandbox?.kind === 'container' ? sandbox : undefined;
}

/** Why a labelled container cannot be plumbed, whatever else happens. */
function whyWrong(
  { name: container, labels, networkMode: mode }: KnownContainer,
  wish: Exclude<LabelWish, { kind: 'none' }>,
): LandlineError | undefined {
  if (wish.kind === 'wrong') {
    const { label, value, problem, advice } = wish;
    return new LandlineError('LABEL_WRONG', { container, label, value, problem, advice });
  }
  if (mode !== 'host' && mode?.startsWith('container:') !== true) return undefined;
  const problem = `it runs with \`--network ${mode}\`, and has no network of its own`;
  const advice = 'run it with `--network none`';
  return new LandlineError('LABEL_WRONG', { container, label: networkLabel, value: labels[networkLabel] ?? '', problem, advice });
}

/** What was attached besides stays. */
function specOf(
  container: KnownContainer,
  wish: Extract<LabelWish, { kind: 'endpoint' }>,
  before: EnvironmentSpec | undefined,
): EnvironmentSpec {
  const others: readonly EndpointSpec[] = (before?.endpoints ?? []).filter((it) => it.interface !== wish.endpoint.interface);
  return {
    name: before?.name ?? wish.name,
    hostname: wish.hostname,
    directory: '/',
    sandbox: { kind: 'container', id: container.id, container: container.name, labelled: true },
    endpoints: [wish.endpoint, ...others],
    services: [],
  };
}

/** While Docker makes the namespace, the LAN is asked whether the addresses are free. */
async function probeAhead(world: World, spec: EnvironmentSpec): Promise<void> {
  if (world.containers.get(containerOf(spec)?.id ?? '')?.generation !== undefined) return;
  // What stands in the way of a lease is told by the environment's own loop.
  const leases = await ensureLeases(world, spec, new Map()).catch(() => []);
  for (const lease of leases) {
    const network = networksOf(world).find((it) => it.name === lease.network);
    if (network !== undefined && lease.source !== 'dhcp') world.probes.begin(network, lease.address, lease.mac);
  }
}

/** Of a container that was just made, and will probably be started: the LAN is asked for an address that its labels fix. */
function probeFixed(world: World, spec: EnvironmentSpec): void {
  for (const endpoint of spec.endpoints) {
    const network = networksOf(world).find((it) => it.name === endpoint.network);
    const address = parseIpv4(endpoint.address);
    if (network !== undefined && address !== undefined)
      world.probes.begin(network, address, endpointMac(world.store.installation, spec, endpoint));
  }
}

/** A container that has just stopped, and may start again at once, has its addresses still. */
function trustOwn(world: World, name: string): void {
  for (const { network, address } of world.store.leasesOf(name)) world.probes.trust(network, address);
}

/** Whether labels of a container that runs ask for the environment: as long as they do, it would come back at once. */
export function isKeptByLabels(world: World, spec: EnvironmentSpec): boolean {
  const container = containerOf(spec);
  return container?.labelled === true && world.containers.netnsOf(container.id) !== undefined;
}

/** @throws LandlineError LABELLED */
export function requireUnlabelled(world: World, name: string): void {
  const spec = world.store.environment(name)?.spec;
  const container = spec === undefined ? undefined : containerOf(spec);
  if (spec !== undefined && container !== undefined && isKeptByLabels(world, spec))
    throw new LandlineError('LABELLED', { container: container.container, name });
}
