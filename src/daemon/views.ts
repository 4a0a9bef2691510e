/** What the API shows, from the ledger and from what is. */
import type {
  AddressView,
  EndpointView,
  EnvironmentView,
  HistoryView,
  NameView,
  NetworkView,
  ServiceView,
  UpView,
} from '../api/contract.ts';
import { privateNetworkName } from '../core/firewall/wish.ts';
import type { EndpointSpec, EnvironmentSpec, Lease, Lease6, Network, ServiceSpec } from '../core/model.ts';
import type { Observed, ObservedService } from '../core/plan/model.ts';
import { stateOf } from '../core/standing.ts';
import { isLandlineError, LandlineError } from '../errors.ts';
import { formatAddress } from '../net/address.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { formatPrefix, type Prefix } from '../net/prefix.ts';
import { addressesOf, formatRange, rangeContains } from '../net/range.ts';
import type { HistoryEntry, Reservation, Reservation6 } from '../store/index.ts';
import { containerOf, type TroubledContainer } from './container-keeper.ts';
import type { KnownContainer } from './containers.ts';
import type { EnvironmentLoop } from './environment.ts';
import type { Upped } from './environments.ts';
import { leaseView } from './lease-views.ts';
import { logTail } from './log-tail.ts';
import type { NameStatus } from './names.ts';
import { networksOf } from './networks.ts';
import { endOf, lastLines } from './ready.ts';
import { networkProblems } from './standing-problems.ts';
import { endpointMac, leasedGateway, prefixLengthOf, requireNetwork, routerOf } from './wish.ts';
import type { World } from './world.ts';

function problemView(it: LandlineError): EnvironmentView['problems'][number] {
  return { code: it.code, message: it.message, next: it.next };
}

export async function environmentView(world: World, loop: EnvironmentLoop): Promise<EnvironmentView | undefined> {
  const { observed, trouble } = await observedOr(loop);
  const record = world.store.environment(loop.name);
  if (record === undefined || record.phase === 'removing') return undefined;
  const { spec } = record;
  const leases = world.store.leasesOf(spec.name);
  const problem = trouble ?? loop.problem;
  const problems = await problemsOf(world, spec, observed, problem);
  // It lives on with an address whose lease has ended.
  const troubled = problem !== undefined || problems.some((it) => isLandlineError(it, 'LEASE_EXPIRED'));
  const plumbed = record.phase === 'up';
  return {
    name: spec.name,
    state: isStoppedContainer(world, spec, loop)
      ? 'stopped'
      : stateOf({ plumbed, observed, spec, troubled, settled: loop.settled }),
    engine: spec.sandbox?.kind === 'container' ? 'docker' : (spec.engine ?? 'native'),
    network: networkOf(spec),
    sandbox: observed.sandbox === undefined ? null : { inode: observed.sandbox.inode },
    endpoints: spec.endpoints.flatMap((it) => endpointView(world, spec, it, leases, observed)),
    services: [
      ...spec.services.map((it) => serviceView(it, spec.stopped?.includes(it.name) === true, observed, loop)),
      ...containerViews(world, spec),
    ],
    problems: problems.map(problemView),
    ...(await nextView(world, spec.name)),
  };
}

/** Of a generation that is built beside it. */
async function nextView(world: World, name: string): Promise<Pick<EnvironmentView, 'next'>> {
  const next = world.swaps.get(name);
  if (next === undefined) return {};
  const { observed } = await observedOr(next.loop);
  return { next: { services: next.spec.services.map((it) => serviceView(it, false, observed, next.loop)) } };
}

/** What stands in the way, and which services are not well; each is told once. */
async function problemsOf(
  world: World,
  spec: EnvironmentSpec,
  observed: Observed,
  problem: LandlineError | undefined,
): Promise<readonly LandlineError[]> {
  const found = [
    ...(problem === undefined ? [] : [problem]),
    ...world.leases.problems(spec.name),
    ...unknownNetworks(world, spec),
    ...unhealthyServices(spec, observed),
    ...(await failedServices(world, spec, observed)),
    ...world.names.problemsOf(spec.name),
  ];
  return found.filter((it, at) => found.findIndex(({ message }) => message === it.message) === at);
}

/** Of endpoints whose network stands no longer in landline.yaml. */
function unknownNetworks(world: World, { endpoints }: EnvironmentSpec): LandlineError[] {
  const networks = networksOf(world);
  return endpoints.flatMap(({ network }) => {
    try {
      requireNetwork(networks, network);
      return [];
    } catch (error) {
      return isLandlineError(error) ? [error] : [];
    }
  });
}

function failedServices(world: World, spec: EnvironmentSpec, observed: Observed): Promise<LandlineError[]> {
  const { name: environment } = spec;
  const failed = observed.services.filter(
    (it) =>
      it.state === 'exited' &&
      it.exitStatus !== undefined &&
      it.exitStatus !== 0 &&
      it.stopped !== true &&
      spec.services.some(({ name }) => name === it.name && spec.stopped?.includes(name) !== true),
  );
  return Promise.all(
    failed.map(async (it) => {
      const log = (await logTail(world, environment)(it.name)).slice(-1);
      return new LandlineError('SERVICE_FAILED', { environment, service: it.name, ended: endOf(it), log });
    }),
  );
}

/** How it is, or what stands in the way of looking: Docker is away. */
async function observedOr(loop: EnvironmentLoop): Promise<{ observed: Observed; trouble?: LandlineError }> {
  try {
    return { observed: await loop.observe() };
  } catch (error) {
    if (!(error instanceof LandlineError)) throw error;
    return { observed: { endpoints: [], leftovers: [], services: [] }, trouble: error };
  }
}

function isStoppedContainer(world: World, spec: EnvironmentSpec, loop: EnvironmentLoop): boolean {
  const id = containerOf(spec)?.id;
  return (
    id !== undefined && world.containers.isListed && loop.problem === undefined && world.containers.netnsOf(id) === undefined
  );
}

/** The container that an environment stands for is its one service. */
function containerViews(world: World, spec: EnvironmentSpec): ServiceView[] {
  const container = world.containers.get(containerOf(spec)?.id ?? '');
  return container === undefined ? [] : [containerView(container)];
}

function containerView({ name, generation, health, image, exitStatus, restarts }: KnownContainer): ServiceView {
  const state = generation !== undefined ? 'running' : exitStatus === undefined ? 'starting' : 'exited';
  return {
    name,
    state,
    health: health ?? null,
    image: image ?? null,
    pid: generation?.pid ?? null,
    exitStatus: exitStatus ?? null,
    restarts,
  };
}

/** A labelled container that is not plumbed. */
export function troubledView({ container, name, network, problem }: TroubledContainer): EnvironmentView {
  return {
    name,
    state: 'failed',
    engine: 'docker',
    network,
    sandbox: null,
    endpoints: [],
    services: [containerView(container)],
    problems: [problemView(problem)],
  };
}

function unhealthyServices(spec: EnvironmentSpec, observed: Observed): LandlineError[] {
  const { name: environment, services } = spec;
  return observed.services.flatMap(({ name: service, health }) =>
    health?.state === 'unhealthy' && services.some((it) => it.name === service)
      ? [new LandlineError('SERVICE_UNHEALTHY', { environment, service, log: lastLines(health.output) })]
      : [],
  );
}

/** As `--network` names it. */
function networkOf({ sandbox, endpoints }: EnvironmentSpec): string {
  if (sandbox?.kind === 'environment') return `container:${sandbox.name}`;
  if (sandbox?.kind === 'host') return 'host';
  return endpoints.map((it) => it.network).join(', ') || 'none';
}

/** Every environment, by name. */
export async function environmentViews(
  world: World,
  loopOf: (name: string) => EnvironmentLoop,
  troubled: readonly TroubledContainer[],
): Promise<EnvironmentView[]> {
  const views = await Promise.all(world.store.environments().map((it) => environmentView(world, loopOf(it.spec.name))));
  const all = [...views.flatMap((it) => (it === undefined ? [] : [it])), ...troubled.map(troubledView)];
  return all.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * What a request is told that brought an environment up. What is seen may be a newer wish's already: nobody is told of
 * another's address as if it were his own.
 * @param goneBy what takes away what was made
 * @throws LandlineError SUPERSEDED
 */
export async function upView(
  world: World,
  { loop, overtakenBy }: Upped,
  notes: readonly string[],
  goneBy = '`landline down`',
): Promise<UpView> {
  const view = await environmentView(world, loop);
  const by = view === undefined ? goneBy : overtakenBy();
  if (view === undefined || by !== undefined) throw new LandlineError('SUPERSEDED', { environment: loop.name, by: by ?? goneBy });
  return { ...view, attachMs: loop.times?.attachMs ?? null, probeMs: loop.times?.probeMs ?? null, notes };
}

const addresses6 = ({ address6 }: EndpointSpec, network: Network | undefined): readonly string[] =>
  address6 === undefined ? [] : [`${address6}/${network?.subnet6?.length ?? 128}`];

function endpointView(
  world: World,
  spec: EnvironmentSpec,
  endpoint: EndpointSpec,
  leases: readonly Lease[],
  observed: Observed,
): EndpointView[] {
  const lease = leases.find((it) => it.interface === endpoint.interface);
  const networks = networksOf(world);
  const network = networks.find((it) => it.name === endpoint.network);
  const leased = leaseView(world, spec.name, endpoint.interface);
  if (lease === undefined && leased === undefined)
    return endpoint.address === 'none' ? [bareView(world, spec, endpoint, observed)] : [];
  const grant = lease?.terms?.grant;
  const configured = network === undefined ? undefined : routerOf(networks, endpoint);
  const gateway = grant === undefined ? configured : leasedGateway(grant, endpoint);
  return [
    {
      network: endpoint.network,
      interface: endpoint.interface,
      mac: lease?.mac ?? endpointMac(world.store.installation, spec, endpoint),
      addresses: [
        ...(lease === undefined ? [] : [formatPrefix(prefixOf(lease, network, observed))]),
        ...addresses6(endpoint, network),
      ],
      gateway: gateway === undefined || lease === undefined ? null : formatIpv4(gateway),
      lease: leased ?? { source: lease?.source ?? 'pool', state: 'bound', expiresAt: null },
      names: lease === undefined ? [] : namesOf(world, lease),
    },
  ];
}

/** One whose addresses are others' business: as they are found. */
function bareView(world: World, spec: EnvironmentSpec, endpoint: EndpointSpec, { endpoints }: Observed): EndpointView {
  const found = endpoints.find((it) => it.interface === endpoint.interface);
  return {
    network: endpoint.network,
    interface: endpoint.interface,
    mac: found?.mac ?? endpointMac(world.store.installation, spec, endpoint),
    addresses: (found?.addresses ?? []).map(formatPrefix),
    gateway: null,
    lease: { source: 'none', state: 'bound', expiresAt: null },
    names: [],
  };
}

/** Those that Landline keeps, and that of a DHCP server which registers it itself. */
function namesOf(world: World, { environment, address, terms }: Lease): readonly string[] {
  const { fqdn } = terms?.grant ?? {};
  return [...new Set([...world.names.of(environment, address), ...(fqdn?.registered === true ? [fqdn.name] : [])])];
}

/** Of a lease whose network nobody knows any more: as its link has it. */
function prefixOf(lease: Lease, network: Network | undefined, { endpoints }: Observed): Prefix {
  const { interface: link, address } = lease;
  if (network !== undefined) return { address, length: prefixLengthOf(network, lease) };
  const found = endpoints.find((it) => it.interface === link)?.addresses.find((it) => it.address === address);
  return found ?? { address, length: 32 };
}

function serviceView(spec: ServiceSpec, stopped: boolean, observed: Observed, loop: EnvironmentLoop): ServiceView {
  const { name } = spec;
  const found = observed.services.find((it) => it.name === name);
  return {
    name,
    state: stopped && found?.state !== 'running' ? 'stopped' : serviceState(spec, found, loop),
    health: found?.health?.state ?? null,
    image: spec.container?.image ?? null,
    pid: found?.pid ?? null,
    exitStatus: found?.exitStatus ?? null,
    restarts: loop.restarts(name),
  };
}

function serviceState(spec: ServiceSpec, found: ObservedService | undefined, loop: EnvironmentLoop): ServiceView['state'] {
  if (found === undefined || found.state === 'absent') return 'starting';
  return found.exitStatus !== undefined && loop.startsAgain(spec, found.exitStatus) ? 'restarting' : found.state;
}

export async function networkView(world: World, network: Network): Promise<NetworkView> {
  const leases = world.store.leases().filter((it) => it.network === network.name);
  const inPool = (address: number): boolean => network.pool.some((range) => rangeContains(range, address));
  const excluded = (address: number): boolean => network.exclude.some((range) => rangeContains(range, address));
  const resting = world.store.quarantined(Date.now()).filter((it) => it.network === network.name && inPool(it.address));
  const size = [...addressesOf(network.pool)].filter((address) => !excluded(address)).length;
  return {
    name: network.name,
    kind: network.name === privateNetworkName ? 'private' : 'lan',
    bridge: network.bridge ?? null,
    parent: network.parent ?? null,
    backend: network.bridge === undefined ? null : (network.backend ?? 'veth'),
    subnet: formatPrefix(network.subnet),
    gateway: network.gateway === undefined ? null : formatIpv4(network.gateway),
    domain: network.domain ?? null,
    resolvers: network.resolvers.map(formatIpv4),
    pool:
      network.pool.length === 0
        ? null
        : {
            ranges: network.pool.map(formatRange),
            size,
            used: leases.filter((it) => inPool(it.address)).length,
            resting: resting.length,
          },
    endpoints: leases.length,
    problems: (await networkProblems(world, network)).map(problemView),
  };
}

const nothing = {
  bridge: null,
  parent: null,
  backend: null,
  subnet: null,
  gateway: null,
  domain: null,
  resolvers: [],
  pool: null,
  problems: [],
} as const;

/** The built-in network of environments without any. */
export function noneView(world: World): NetworkView {
  const endpoints = world.store.environments().filter((it) => it.spec.endpoints.length === 0).length;
  return { name: 'none', kind: 'none', ...nothing, endpoints };
}

/** @param reservation of the same address, for the same environment */
export function leaseAddressView(lease: Lease | Lease6, reservation: Reservation | Reservation6 | undefined): AddressView {
  return {
    network: lease.network,
    address: formatAddress(lease.address),
    environment: lease.environment,
    state: 'bound',
    source: 'source' in lease ? lease.source : 'static',
    interface: lease.interface,
    mac: lease.mac,
    reserved: reservation !== undefined,
    note: reservation?.note ?? '',
    since: isoTime(lease.since),
  };
}

export function reservationView(it: Reservation | Reservation6): AddressView {
  return {
    network: it.network,
    address: formatAddress(it.address),
    environment: it.holder,
    state: 'reserved',
    source: null,
    interface: null,
    mac: null,
    reserved: true,
    note: it.note,
    since: isoTime(it.since),
  };
}

export function historyView(it: HistoryEntry): HistoryView {
  const { network, environment, mac, source } = it;
  return {
    network,
    address: formatAddress(it.address),
    environment,
    interface: it.interface,
    mac,
    source,
    from: isoTime(it.from),
    to: it.to === undefined ? null : isoTime(it.to),
  };
}

export function nameView({ problem, ...it }: NameStatus): NameView {
  return { ...it, problem: problem === undefined ? null : problemView(problem) };
}

const isoTime = (ms: number): string => new Date(ms).toISOString();
