/**
 * The notation of this folder's cases, and a world in which steps succeed.
 *
 *     endpoint  `eth0 02:00:00:00:00:01 192.168.11.101/23 default via 192.168.11.1, 10.50.0.0/24 via 192.168.11.2`
 *     service   `web digest=2 restart=always after=db,api`
 *     link      `eth0 02:00:00:00:00:01 192.168.11.101/23 default via 192.168.11.1 boot | mtu=1400 down host-end=foreign,down,br1`
 *               (a route with `boot` is not one that Landline sets; host-end also: gone, no-bridge, mtu1400)
 *     service   `web running`, `web running elsewhere`, `web exited=1 digest=2`, `web exited=?`, `web exited=143 stopped`,
 *               `web absent`
 */
import { ipv4 } from '../../net/ipv4.ts';
import { formatPrefix, prefix } from '../../net/prefix.ts';
import type { Dependency, RestartPolicy, ServiceSpec, ServiceStatus } from '../model.ts';
import type {
  Desired,
  DesiredEndpoint,
  DesiredService,
  Observed,
  ObservedEndpoint,
  ObservedRoute,
  ObservedService,
  Step,
  WaitingEndpoint,
} from './model.ts';
import { formatNet, wishOfIpv4 } from './source-routing.ts';

const bridge = { name: 'br0', mtu: 1500 };

/** Where a word `KEY=VALUE` says something. */
function option(words: readonly string[], key: string): string | undefined {
  return words.find((it) => it.startsWith(`${key}=`))?.slice(key.length + 1);
}

function route(text: string): ObservedRoute {
  const [to = '', , via = '', protocol] = text.trim().split(' ');
  return { to: to === 'default' ? { address: 0, length: 0 } : prefix(to), via: ipv4(via), ours: protocol === undefined };
}

const routes = (text: string): ObservedRoute[] => (text === '' ? [] : text.split(',').map(route));

function endpoint(text: string): DesiredEndpoint {
  const [name = '', mac = '', address = '', ...rest] = text.split(' ');
  const it = { network: 'office', interface: name, bridge: bridge.name, mac, address: prefix(address) };
  return { ...it, routes: routes(rest.join(' ')).map(({ to, via }) => ({ to, via })) };
}

/** `db`, `db:service_healthy`, `db:service_started?` (not required) */
function dependency(text: string): Dependency {
  const [service = '', condition = 'service_started'] = text.replace('?', '').split(':');
  // A cast, since the cases write nothing else.
  return { service, condition: condition as Dependency['condition'], required: !text.endsWith('?') };
}

function service(text: string): DesiredService {
  const [name = '', ...words] = text.split(' ');
  const spec: ServiceSpec = {
    name,
    command: [name],
    environment: {},
    dependsOn: (option(words, 'after')?.split(',') ?? []).map(dependency),
    // A cast, since the cases write nothing else.
    restart: (option(words, 'restart') ?? 'no') as RestartPolicy,
    stopSignal: 'SIGTERM',
    stopGraceMs: 10_000,
  };
  return { spec, digest: option(words, 'digest') ?? '1' };
}

export const desired = (endpoints: readonly string[], services: readonly string[] = []): Desired => ({
  endpoints: endpoints.map(endpoint),
  services: services.map(service),
});

function observedLink(text: string, index = 7): ObservedEndpoint {
  const [link = '', notes = ''] = text.split(' | ');
  const [name = '', mac = '', ...rest] = link.split(' ');
  const words = notes.split(' ');
  const end = option(words, 'host-end')?.split(',') ?? [];
  const controller = end.find((it) => it.startsWith('br')) ?? bridge.name;
  const hostEnd = {
    index,
    mtu: end.includes('mtu1400') ? 1400 : bridge.mtu,
    up: !end.includes('down'),
    ours: !end.includes('foreign'),
    ...(end.includes('aside') ? { aside: true as const } : {}),
    ...(end.includes('no-bridge') ? {} : { bridge: { ...bridge, name: controller } }),
  };
  const addresses = rest.filter((it, at) => /^[\d.]+\/\d+$/.test(it) && rest[at + 1] !== 'via');
  return {
    interface: name,
    mac,
    mtu: Number(option(words, 'mtu') ?? bridge.mtu),
    up: !words.includes('down'),
    addresses: addresses.map(prefix),
    routes: routes(rest.filter((it) => !addresses.includes(it)).join(' ')),
    ...(end.includes('gone') ? {} : { hostEnd }),
  };
}

function observedService(text: string): ObservedService {
  const [name = '', state = '', ...words] = text.split(' ');
  const digest = option(words, 'digest') ?? '1';
  if (state === 'running') return { name, state, pid: 4711, digest, inSandbox: !words.includes('elsewhere') };
  if (state === 'absent') return { name, state };
  const status = option([state], 'exited');
  const stopped = words.includes('stopped') ? { stopped: true as const } : {};
  return { name, state: 'exited', digest, ...stopped, ...(status === '?' ? {} : { exitStatus: Number(status) }) };
}

interface Found {
  /** Left out: Landline's own. */
  readonly sandbox?: 'none' | "another's";
  readonly links?: readonly string[];
  readonly leftovers?: readonly string[];
  readonly services?: readonly string[];
}

export const observed = (it: Found): Observed => ({
  ...(it.sandbox === 'none' ? {} : { sandbox: { inode: 4026532201, owned: it.sandbox === undefined } }),
  endpoints: (it.links ?? []).map((link, at) => observedLink(link, 7 + at)),
  leftovers: it.leftovers ?? [],
  services: (it.services ?? []).map(observedService),
});

/** `attach eth0 192.168.11.101/23`, `stop web: not in the sandbox` */
export function formatStep(step: Step): string {
  switch (step.do) {
    case 'attach':
      return `attach ${step.endpoint.interface} ${formatPrefix(step.endpoint.address)}`;
    case 'adopt':
      return `adopt ${step.endpoint.interface}`;
    case 'drop-anchor':
      return `drop the anchor: ${step.why}`;
    case 'readdress':
      return `readdress ${step.endpoint.interface} ${formatPrefix(step.endpoint.address)}`;
    case 'exchange-ports':
      return `exchange ${step.endpoints.map((it) => it.interface).join(', ')}`;
    case 'plug':
      return `plug ${step.endpoint.interface}`;
    case 'unaddress':
      return `unaddress ${step.interface}: ${step.why}`;
    case 'mend':
      return `mend ${step.endpoint.interface}: ${step.why}`;
    case 'detach':
      return `detach ${step.interface}: ${step.why}`;
    case 'remove-rules':
      return `remove rules for ${step.rules.map((it) => formatNet(it.from)).join(', ')}`;
    case 'start-service':
      return `start ${step.service.spec.name}`;
    case 'stop-service':
      return `stop ${step.name}: ${step.why}`;
    default:
      return step.do;
  }
}

/** What is there after a step has succeeded. */
export function after(it: Observed, step: Step): Observed {
  switch (step.do) {
    case 'make-sandbox':
      return { ...it, sandbox: { inode: 4026532202, owned: true }, endpoints: [] };
    case 'drop-anchor':
    case 'remove-sandbox': {
      const { sandbox: _gone, ...rest } = it;
      return { ...rest, endpoints: [] };
    }
    case 'retire-leftovers':
      return { ...it, leftovers: [] };
    case 'attach':
      return { ...it, endpoints: [...it.endpoints, attached(step.endpoint)] };
    case 'exchange-ports':
      return step.endpoints.reduce((one, wish) => replaceLink(one, wish, () => attached(wish)), it);
    case 'plug':
      return { ...it, endpoints: [...it.endpoints, plugged(step.endpoint)] };
    case 'unaddress':
      return {
        ...it,
        endpoints: it.endpoints.map((link) =>
          link.interface === step.interface ? { ...link, addresses: [], routes: [] } : link,
        ),
      };
    case 'adopt':
    case 'readdress':
      return replaceLink(it, step.endpoint, () => attached(step.endpoint));
    case 'mend':
      return replaceLink(it, step.endpoint, (link) => mended(link, step.endpoint));
    case 'detach':
      return { ...it, endpoints: it.endpoints.filter((link) => link.interface !== step.interface) };
    case 'remove-rules': {
      const { strayRules: _gone, ...rest } = it;
      return rest;
    }
    case 'start-service':
      return { ...it, services: [...otherServices(it, step.service.spec.name), started(step.service)] };
    case 'stop-service':
      return { ...it, services: it.services.map((one) => (one.name === step.name ? ended(one, 143) : one)) };
    case 'end-services':
      return { ...it, services: [] };
  }
}

function replaceLink(
  it: Observed,
  { interface: name }: DesiredEndpoint,
  change: (link: ObservedEndpoint) => ObservedEndpoint,
): Observed {
  return { ...it, endpoints: it.endpoints.map((link) => (link.interface === name ? change(link) : link)) };
}

function plugged({ interface: name, mac, bridge: its = bridge.name }: WaitingEndpoint): ObservedEndpoint {
  const hostEnd = { index: 9, mtu: bridge.mtu, up: true, ours: true, bridge: { ...bridge, name: its } };
  return { interface: name, mac, mtu: bridge.mtu, up: true, addresses: [], routes: [], hostEnd };
}

function attached(wish: DesiredEndpoint): ObservedEndpoint {
  const { interface: name, mac, address } = wish;
  const hostEnd = { index: 9, mtu: bridge.mtu, up: true, ours: true, bridge: { ...bridge, name: wish.bridge ?? bridge.name } };
  const set = wish.routes.map((it): ObservedRoute => ({ ...it, ours: true }));
  const source = wishOfIpv4(wish);
  const bySource = source === undefined ? {} : { bySource: { ...source, rules: [source.rule] } };
  return { interface: name, mac, mtu: bridge.mtu, up: true, addresses: [address], routes: set, hostEnd, ...bySource };
}

/** Other people's addresses and routes stay. */
function mended(link: ObservedEndpoint, wish: DesiredEndpoint): ObservedEndpoint {
  const it = attached(wish);
  const addresses = link.addresses.filter((one) => one.address !== wish.address.address);
  return { ...it, addresses: [...it.addresses, ...addresses], routes: [...it.routes, ...link.routes.filter((one) => !one.ours)] };
}

const otherServices = (it: Observed, name: string): readonly ObservedService[] => it.services.filter((one) => one.name !== name);

const started = (it: DesiredService): ObservedService => ({
  name: it.spec.name,
  state: 'running',
  pid: 4712,
  digest: it.digest,
  inSandbox: true,
});

/** A service that was stopped. */
export function ended(it: ServiceStatus, exitStatus: number): ObservedService {
  const { pid: _gone, ...rest } = it;
  return { ...rest, state: 'exited', exitStatus, stopped: true };
}
