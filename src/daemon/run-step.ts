/** One step of a plan, done. Each is safe to do again. */
import { formatMark, type Mark, privateLinkGroup } from '../core/mark.ts';
import type { EnvironmentSpec } from '../core/model.ts';
import type { DesiredEndpoint, Step, WaitingEndpoint } from '../core/plan/model.ts';
import type { DesiredPrivateEnd } from '../core/plan/private-end.ts';
import { generationName } from '../engine/index.ts';
import { asLandlineError, LandlineError } from '../errors.ts';
import { isKernelError } from '../host/index.ts';
import { formatIpv4, type Ipv4 } from '../net/ipv4.ts';
import { formatPrefix } from '../net/prefix.ts';
import {
  type AttachTimes,
  announceAgain,
  attach,
  deleteLinkIfThere,
  detach,
  type Ground,
  mend,
  type PlugWish,
  plug,
  readdress,
  unaddress,
} from './attach.ts';
import { endConnections, type FormerSandbox } from './end-connections.ts';
import { exchangePorts } from './exchange-ports.ts';
import { applyFirewall } from './host-firewall.ts';
import { joinOf, prepareJoin } from './lan-join.ts';
import { releaseLeases } from './leasing.ts';
import { networksOf } from './networks.ts';
import { ensureOwnBridge } from './own-bridges.ts';
import { attachPrivate, mendPrivate, type PrivateWish } from './private-endpoint.ts';
import { refusal } from './refusals.ts';
import { sandboxPath, viewOf } from './sandbox.ts';
import { removeStrayRules } from './source-routing.ts';
import { requireNetwork } from './wish.ts';
import { netnsPath, type World } from './world.ts';

/** A second announcement, for whoever missed the first (RFC 5227 section 1.1, ANNOUNCE_INTERVAL), in milliseconds. */
const announceIntervalMs = 2000;

/**
 * How long links are given to die with their namespace before they are deleted one by one, in milliseconds since the
 * last of any environment's died: the kernel ends hundreds of namespaces in one go, and far sooner than we their links.
 */
const lastLinksMs = 2000;

/** Of the environment that the steps belong to. */
export interface StepContext {
  readonly world: World;
  readonly spec: EnvironmentSpec;
  /** Told how long an attach took. */
  readonly onAttached: (endpoint: DesiredEndpoint, times: AttachTimes) => void;
  /** Told how long the LAN was asked for an address before its link was made, in milliseconds. */
  readonly onProbed: (ms: number) => void;
  /** Told how long nobody held the address while ports were exchanged, in milliseconds. */
  readonly onExchanged: (ms: number) => void;
  /** Of the last of these. */
  readonly probedMs: number;
}

export async function runStep(context: StepContext, step: Step): Promise<void> {
  const { world, spec } = context;
  const { host, engine, events } = world;
  // Where the owner of the sandbox is away, there is nothing at our own path either, and the kernel says so.
  const netns = sandboxPath(world, spec) ?? netnsPath(world, spec.name);
  const environment = spec.name;
  if ('endpoint' in step) await ensureOwnBridge(world, step.endpoint);
  switch (step.do) {
    case 'make-sandbox':
      return spec.engine === 'docker' ? makeHeldSandbox(context) : makeSandbox(world, netns);
    case 'remove-sandbox':
      await releaseLeases(world, spec);
      await (spec.engine === 'docker' ? engine.sandboxes?.remove(environment) : host.deleteNetns(netns));
      return awaitDeadLinks(world, environment);
    case 'retire-leftovers':
      events.tell('leftover link retired', { environment });
      return deleteMarked(world, environment, netns);
    case 'attach':
      return attachEndpoint(context, step.endpoint, netns);
    case 'adopt':
      return adoptEndpoint(context, step.endpoint, netns);
    case 'drop-anchor':
      events.tell('endpoint detached', { environment, interface: step.interface, why: step.why });
      await engine.sandboxes?.remove(environment);
      return awaitDeadLinks(world, environment);
    case 'exchange-ports':
      return exchange(context, step.endpoints, netns);
    case 'plug':
      await plug(host, world.forwarding, {
        ...commonWish(context, step.endpoint, netns),
        endpoint: onGround(spec, step.endpoint),
      });
      return events.tell('endpoint without address', {
        environment,
        network: step.endpoint.network,
        interface: step.endpoint.interface,
      });
    case 'unaddress':
      events.tell('address removed', { environment, interface: step.interface, why: step.why });
      return unaddress(host, netns, step.interface);
    case 'readdress':
      await readdress(host, world.forwarding, lanWish(context, step.endpoint, netns));
      announceLater(world, netns, step.endpoint);
      return events.tell('address changed', {
        environment,
        network: step.endpoint.network,
        address: formatPrefix(step.endpoint.address),
      });
    case 'mend':
      events.tell('endpoint mended', { environment, interface: step.endpoint.interface, was: step.why });
      if (step.endpoint.private !== undefined)
        return mendPrivate(host, privateWish(context, step.endpoint, step.endpoint.private, netns));
      return mend(host, world.forwarding, lanWish(context, step.endpoint, netns));
    case 'detach':
      await releaseUnwished(world, spec, step.interface);
      events.tell('endpoint detached', { environment, interface: step.interface, why: step.why });
      if (await world.nics.takeBack(environment, netns, step.interface)) return;
      return detach(host, netns, step.interface);
    case 'remove-rules':
      return removeStrayRules(host, netns, step.rules);
    case 'start-service': {
      const view = viewOf(world, spec, world.store.leasesOf(environment));
      const service = step.service.spec.name;
      events.tell('service starting', { environment, service });
      await engine.start(view, step.service.spec, step.service.digest);
      events.tell('service started', { environment, service });
      if (step.service.spec.healthcheck !== undefined)
        events.tell('service health', { environment, service, health: 'starting' });
      return;
    }
    case 'stop-service': {
      events.tell('service stopping', { environment, service: step.name, why: step.why });
      return engine.stop(environment, step.name, stopManner(spec, step.name));
    }
    case 'end-services':
      return endServices(world, spec);
  }
}

/** How a service is stopped, also one that is not wished for any more. */
export function stopManner(spec: EnvironmentSpec, name: string): { signal: string; graceMs: number } {
  const service = spec.services.find((it) => it.name === name);
  return { signal: service?.stopSignal ?? 'SIGTERM', graceMs: service?.stopGraceMs ?? 10_000 };
}

async function endServices(world: World, spec: EnvironmentSpec): Promise<void> {
  const running = (await world.engine.observe(spec.name)).filter((it) => it.state === 'running');
  await Promise.all(running.map((it) => world.engine.stop(spec.name, it.name, stopManner(spec, it.name))));
  await world.engine.remove(spec.name, 0);
}

/** A namespace with lo up; IPv6 off on links to come, but not on lo; any user may bind any port, as in Docker's. */
async function makeSandbox(world: World, netns: string): Promise<void> {
  try {
    await world.host.addNetns(netns);
  } catch (error) {
    if (!isKernelError(error, 'EEXIST')) throw refusal(error);
    await world.host.deleteNetns(netns);
    await world.host.addNetns(netns);
  }
  await furnish(world, netns);
}

/** One that the engine makes. */
async function makeHeldSandbox({ world, spec, onProbed }: StepContext): Promise<void> {
  const leases = world.store.leasesOf(spec.name);
  const join = joinOf(networksOf(world), spec, leases);
  const prepared = join === undefined ? undefined : await prepareJoin(world, join);
  if (prepared !== undefined) onProbed(prepared.probeMs);
  const joining = join === undefined || prepared === undefined ? {} : { join: { ...join, mtu: prepared.mtu } };
  await world.engine.sandboxes?.make({ ...viewOf(world, spec, leases), ...joining });
  const netns = sandboxPath(world, spec);
  // It has ended already: the next look tells.
  if (netns !== undefined) await furnish(world, netns);
  world.events.tell('anchor started', { environment: spec.name });
}

async function furnish(world: World, netns: string): Promise<void> {
  await world.host.within(netns, async (inside) => {
    inside.sysctl('ipv6/conf/default/disable_ipv6', '1', { optional: true });
    inside.sysctl('ipv6/conf/lo/disable_ipv6', '0', { optional: true });
    inside.sysctl('ipv4/ip_unprivileged_port_start', '0', { optional: true });
    await inside.kernel.setLink(1, { up: true });
  });
}

/** The links of a sandbox die with it, a moment after the last process; what is still there then is deleted by name. */
async function awaitDeadLinks(world: World, environment: string): Promise<void> {
  let died = world.marked.died;
  let since = performance.now();
  while (world.marked.of(environment).length > 0 && performance.now() < since + lastLinksMs) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (world.marked.died !== died) since = performance.now();
    died = world.marked.died;
  }
}

async function deleteMarked(world: World, environment: string, netns: string): Promise<void> {
  const kept = new Set(await hostEndsIn(world, netns));
  for (const link of world.marked.of(environment)) {
    if (!kept.has(link.index)) await deleteLinkIfThere(world.host, link.index);
  }
  await world.marked.refresh();
}

/** Indexes of the host's ends of the links that are in the sandbox now. */
async function hostEndsIn(world: World, netns: string): Promise<number[]> {
  if (world.host.netnsInode(netns) === undefined) return [];
  return world.host.within(netns, async (inside) => {
    const links = await inside.kernel.listLinks();
    return links.flatMap((link) => (link.peer === undefined ? [] : [link.peer]));
  });
}

/** An endpoint that goes for good gives its lease back, as long as it has the address; one that is made anew keeps it. */
async function releaseUnwished(world: World, spec: EnvironmentSpec, name: string): Promise<void> {
  const isEnding = world.store.environment(spec.name)?.phase === 'removing';
  if (isEnding || !spec.endpoints.some((it) => it.interface === name)) await releaseLeases(world, spec, name);
}

type Marked = Pick<DesiredEndpoint, 'interface' | 'aside'>;

function markOf({ world, spec }: StepContext, { interface: name, aside }: Marked): Mark {
  const mark = { installation: world.store.installation, environment: spec.name, interface: name };
  return aside === true ? { ...mark, aside } : mark;
}

function commonWish(context: StepContext, endpoint: Marked & WaitingEndpoint, netns: string): Omit<PlugWish, 'endpoint'> {
  const { world, spec } = context;
  const { parent, mac } = endpoint;
  const wish = { mark: markOf(context, endpoint), group: world.linkGroup, netns, target: `environment '${spec.name}'` };
  return parent?.kind === 'phys' ? { ...wish, nic: world.nics.loanOf({ nic: parent.link, mac, ...wish }) } : wish;
}

function lanWish(context: StepContext, endpoint: DesiredEndpoint, netns: string): Parameters<typeof attach>[2] {
  const { world, spec } = context;
  const network = requireNetwork(networksOf(world), endpoint.network);
  return { ...commonWish(context, endpoint, netns), endpoint: onGround(spec, endpoint), probe: network.probe };
}

function onGround<E extends WaitingEndpoint>(spec: EnvironmentSpec, endpoint: E): E & Ground {
  const { bridge, parent } = endpoint;
  if (bridge !== undefined) return { ...endpoint, bridge };
  if (parent !== undefined) return { ...endpoint, parent };
  throw new Error(`an endpoint of ${spec.name} has no bridge, no NIC and no private end`);
}

function privateWish(context: StepContext, endpoint: DesiredEndpoint, end: DesiredPrivateEnd, netns: string): PrivateWish {
  const { world, spec } = context;
  const { gateway, mtu } = end;
  const group = privateLinkGroup(world.store.installation);
  return {
    endpoint: { ...endpoint, gateway, mtu },
    mark: markOf(context, endpoint),
    group,
    netns,
    target: `environment '${spec.name}'`,
  };
}

/** The firewall stands before the link is made. */
async function attachTo(context: StepContext, endpoint: DesiredEndpoint, netns: string): Promise<AttachTimes> {
  const { world } = context;
  if (endpoint.private === undefined) {
    const wish = lanWish(context, endpoint, netns);
    if (endpoint.aside === true) return attach(world.host, world.forwarding, { ...wish, probe: 'off' });
    return attach(world.host, world.forwarding, (await isFoundFree(world, endpoint)) ? { ...wish, probe: 'off' } : wish);
  }
  await applyFirewall(world);
  return attachPrivate(world.host, privateWish(context, endpoint, endpoint.private, netns));
}

/** Whether a probe that ran ahead found nobody with the address. @throws LandlineError ADDRESS_TAKEN */
async function isFoundFree(world: World, { network, address: { address } }: DesiredEndpoint): Promise<boolean> {
  const found = await world.probes.take(network, address);
  if (found?.holder !== undefined)
    throw new LandlineError('ADDRESS_TAKEN', { address: formatIpv4(address), network, holder: found.holder });
  return found !== undefined;
}

/** What was aside takes the place of what is on the LAN; links of the generation before have marks as any others. */
async function exchange(context: StepContext, endpoints: readonly DesiredEndpoint[], netns: string): Promise<void> {
  const { world, spec, onExchanged } = context;
  // One that nobody has heard of would hold the address beside the new one.
  await world.marked.refresh();
  const own = new Set(await hostEndsIn(world, netns));
  const former = world.marked.of(spec.name).filter(({ index }) => !own.has(index));
  const tookMs = await exchangePorts(world.host, world.forwarding, {
    netns,
    endpoints: endpoints.map((it) => ({ endpoint: onGround(spec, it), mark: markOf(context, it) })),
    former: former.map(({ index }) => index),
  });
  onExchanged(tookMs);
  world.events.tell('ports exchanged', { environment: spec.name, exchangeMs: Number(tookMs.toFixed(3)) });
  for (const endpoint of endpoints) announceLater(world, netns, endpoint);
  const ends = former.map(({ index, mark }) => ({ index, interface: mark.interface }));
  await endFormerConnections(context, { netns, ends, addresses: endpoints.map((it) => it.address.address) });
}

/** Whoever waits on one is told. Where that cannot be, the exchange is done all the same. Never throws. */
async function endFormerConnections(
  { world, spec }: StepContext,
  { netns, ends, addresses }: { readonly netns: string; readonly addresses: readonly Ipv4[] } & Pick<FormerSandbox, 'ends'>,
): Promise<void> {
  const { name: environment, generation = 0 } = spec;
  const former = world.engine.sandboxes?.path(generationName({ environment, generation: generation - 1 }));
  if (former === undefined) return;
  try {
    const connections = await endConnections(world.host, { netns: former, ends }, netns, addresses);
    world.events.tell('former connections ended', { environment, connections });
  } catch (error) {
    world.events.tell('former connections live on', { environment, problem: asLandlineError(refusal(error)).message });
  }
}

async function attachEndpoint(context: StepContext, endpoint: DesiredEndpoint, netns: string): Promise<void> {
  const { world, spec } = context;
  const { network, interface: name, aside } = endpoint;
  const address = formatPrefix(endpoint.address);
  if (aside === true) world.events.tell('endpoint made aside', { environment: spec.name, network, interface: name, address });
  else world.events.tell('endpoint attaching', { environment: spec.name, network, interface: name, address });
  const times = await attachTo(context, endpoint, netns);
  if (aside === true) return;
  tellBound(context, endpoint, times);
  if (endpoint.parent !== undefined) await world.shims.settle();
  if (endpoint.private !== undefined) return;
  announceLater(world, netns, endpoint);
}

/** Its mark comes last: whatever cuts this off, it is done again. */
async function adoptEndpoint(context: StepContext, endpoint: DesiredEndpoint, netns: string): Promise<void> {
  const { world } = context;
  const begin = performance.now();
  await mend(world.host, world.forwarding, lanWish(context, endpoint, netns));
  await world.host.within(netns, async ({ kernel }) => {
    const link = await kernel.getLink(endpoint.interface);
    if (link?.peer === undefined) throw new LandlineError('TARGET_GONE', { target: `environment '${context.spec.name}'` });
    await world.host.kernel.setLink(link.peer, { alias: formatMark(markOf(context, endpoint)), group: world.linkGroup });
  });
  tellBound(context, endpoint, { attachMs: performance.now() - begin, probeMs: context.probedMs });
  announceLater(world, netns, endpoint);
}

function tellBound(context: StepContext, endpoint: DesiredEndpoint, times: AttachTimes): void {
  context.onAttached(endpoint, times);
  context.world.events.tell('address bound', {
    environment: context.spec.name,
    network: endpoint.network,
    interface: endpoint.interface,
    address: formatPrefix(endpoint.address),
    mac: endpoint.mac,
    attachMs: Number(times.attachMs.toFixed(3)),
    probeMs: Number(times.probeMs.toFixed(1)),
  });
}

function announceLater({ host }: World, netns: string, endpoint: DesiredEndpoint): void {
  setTimeout(() => {
    // Gone meanwhile, or down: then there is nothing to announce.
    announceAgain(host, netns, endpoint).catch(() => undefined);
  }, announceIntervalMs).unref();
}
