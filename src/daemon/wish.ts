/** From what `up` asked for and the ledger gave to what the plan works towards. */
import { createHash } from 'node:crypto';
import { classLength } from '../core/dhcp/grant.ts';
import type { Grant } from '../core/dhcp/model.ts';
import { privateGateway } from '../core/firewall/wish.ts';
import type { EndpointSpec, EnvironmentSpec, Lease, Network, RouteSpec } from '../core/model.ts';
import type { Desired, DesiredEndpoint, DesiredRoute, DesiredService, WaitingEndpoint } from '../core/plan/model.ts';
import type { SandboxView } from '../engine/index.ts';
import { LandlineError } from '../errors.ts';
import { formatIpv4, type Ipv4, ipv4 } from '../net/ipv4.ts';
import { type Mac, macFromDigest } from '../net/mac.ts';
import { longestDomainName, nearest } from '../net/name.ts';
import { containsAddress, formatPrefix, type Prefix, prefix, subnetOf } from '../net/prefix.ts';
import { prefix6 } from '../net/prefix6.ts';

/** The configured network of that name. @throws LandlineError NETWORK_UNKNOWN */
export function requireNetwork(networks: readonly Network[], name: string): Network {
  const found = networks.find((it) => it.name === name);
  if (found !== undefined) return found;
  const known = networks.map((it) => it.name);
  const suggestion = nearest(name, [...known, 'host', 'none']);
  throw new LandlineError('NETWORK_UNKNOWN', { name, networks: known, ...(suggestion === undefined ? {} : { suggestion }) });
}

/** The name in DNS of an endpoint, lower case, without final dot. */
export const nameOf = (spec: EnvironmentSpec, { hostname = spec.hostname }: EndpointSpec, domain: string): string =>
  `${hostname}.${domain}`.toLowerCase();

/** What is wrong with a name that no DNS message could hold. */
export function tooLong(name: string, environment: string, domain: string): LandlineError | undefined {
  if (name.length <= longestDomainName) return undefined;
  return new LandlineError('NAME_TOO_LONG', { name, length: name.length, environment, domain });
}

/** @throws LandlineError NAME_TOO_LONG */
export function requireNames(networks: readonly Network[], spec: EnvironmentSpec): void {
  for (const endpoint of spec.endpoints) {
    const domain = networks.find((it) => it.name === endpoint.network)?.domain;
    const mistake = domain === undefined ? undefined : tooLong(nameOf(spec, endpoint, domain), spec.name, domain);
    if (mistake !== undefined) throw mistake;
  }
}

/**
 * The MAC of an endpoint: the chosen one, or one that follows from installation, network and environment, so that it
 * is the same after every recreate. A second endpoint on the same network differs by its link's name.
 */
export function endpointMac(installation: string, spec: EnvironmentSpec, endpoint: EndpointSpec): Mac {
  if (endpoint.mac !== undefined) return endpoint.mac;
  const first = spec.endpoints.find((it) => it.network === endpoint.network);
  const words = [installation, endpoint.network, spec.name, ...(first === endpoint ? [] : [endpoint.interface])];
  return macFromDigest(createHash('sha256').update(words.join('\0')).digest(), 0x02);
}

/** The endpoint with everything decided. */
function desiredEndpoint(
  networks: readonly Network[],
  spec: EnvironmentSpec,
  endpoint: EndpointSpec,
  lease: Lease,
  mtu: number,
): DesiredEndpoint {
  const network = requireNetwork(networks, endpoint.network);
  const grant = lease.terms?.grant;
  const address = { address: lease.address, length: prefixLengthOf(network, lease) };
  refuseOwnMac(network, endpoint);
  refuseFarRouters(network, endpoint, subnetOf(address));
  const before = spec.endpoints.slice(0, spec.endpoints.indexOf(endpoint)).flatMap((it) => it.routes.map(({ to }) => to));
  // To one place the main table has one way: that of the first who names it.
  const own = endpoint.routes.filter((it) => !before.includes(it.to)).map(routeOf);
  const told = grant === undefined ? defaultVia(gatewayOf(networks, spec, endpoint)) : leasedRoutes(grant, spec, endpoint);
  const router = grant === undefined ? routerOf(networks, endpoint) : leasedGateway(grant, endpoint);
  const bySource = [...defaultVia(router), ...endpoint.routes.map(routeOf)];
  return {
    network: network.name,
    interface: endpoint.interface,
    ...groundOf(network, lease, mtu),
    ...hostEndOf(endpoint),
    mac: lease.mac,
    address,
    routes: [...told.filter((route) => !own.some((it) => isSameTarget(it, route))), ...own],
    ...(spec.endpoints.length === 1 ? {} : { bySource }),
    ...ipv6Of(networks, spec, endpoint),
    ...(lease.source === 'dhcp' ? { leased: true } : {}),
    ...(grant?.mtu === undefined ? {} : { mtu: grant.mtu }),
  };
}

const hostEndOf = ({ hostInterface }: EndpointSpec): Pick<DesiredEndpoint, 'hostInterface'> =>
  hostInterface === undefined ? {} : { hostInterface };

const isSameTarget = (a: DesiredRoute, b: DesiredRoute): boolean => a.to.address === b.to.address && a.to.length === b.to.length;
/** @throws LandlineError MAC_OF_PARENT */
function refuseOwnMac({ name: network, parent }: Network, { mac }: EndpointSpec): void {
  if (mac !== undefined && parent?.kind === 'ipvlan') throw new LandlineError('MAC_OF_PARENT', { network, parent: parent.link });
}

/** What it stands on: a bridge, a NIC, or the host itself. */
function groundOf(
  network: Network,
  { address }: Lease,
  mtu: number,
): Pick<DesiredEndpoint, 'bridge' | 'byDocker' | 'parent' | 'private'> {
  if (network.bridge !== undefined)
    return { bridge: network.bridge, ...(network.backend === undefined ? {} : { byDocker: true }) };
  if (network.parent !== undefined) return { parent: network.parent };
  return { private: { address, gateway: privateGateway(network.subnet), mtu } };
}

/** The default route is carried by the first endpoint that has an address and a network with a router. */
function ipv6Of(networks: readonly Network[], spec: EnvironmentSpec, endpoint: EndpointSpec): Pick<DesiredEndpoint, 'ipv6'> {
  const networkOf = (it: EndpointSpec): Network | undefined => networks.find((one) => one.name === it.network);
  const { subnet6: subnet, gateway6: gateway } = networkOf(endpoint) ?? {};
  if (subnet === undefined) return {};
  if (endpoint.address6 === undefined) return { ipv6: { subnet } };
  const hasRouter = (it: EndpointSpec): boolean =>
    it.address6 !== undefined && it.gateway !== 'none' && networkOf(it)?.gateway6 !== undefined;
  const carries = spec.endpoints.find(hasRouter) === endpoint;
  const router = gateway === undefined || endpoint.gateway === 'none' ? [] : [{ to: prefix6('::/0'), via: gateway }];
  const isOneOfSeveral = spec.endpoints.filter((it) => it.address6 !== undefined).length > 1;
  return {
    ipv6: {
      subnet,
      address: endpoint.address6,
      ...(carries && gateway !== undefined ? { gateway } : {}),
      ...(isOneOfSeveral ? { bySource: router } : {}),
    },
  };
}

const routeOf = ({ to, via }: RouteSpec): DesiredRoute => ({ to: prefix(to), via: ipv4(via) });

const defaultVia = (router: Ipv4 | undefined): DesiredRoute[] =>
  router === undefined ? [] : [{ to: { address: 0, length: 0 }, via: router }];

/** The kernel takes no router that is not next door. @throws LandlineError ROUTER_OUTSIDE */
function refuseFarRouters({ name: network }: Network, { gateway, routes }: EndpointSpec, subnet: Prefix): void {
  const named = gateway === undefined || gateway === 'none' ? [] : [gateway];
  const router = [...named, ...routes.map(({ via }) => via)].find((it) => !containsAddress(subnet, ipv4(it)));
  if (router !== undefined) throw new LandlineError('ROUTER_OUTSIDE', { router, network, subnet: formatPrefix(subnet) });
}

/** What the server says, unless the wish names a gateway or none; the default route only for the first endpoint. */
function leasedRoutes(grant: Grant, spec: EnvironmentSpec, endpoint: EndpointSpec): DesiredRoute[] {
  const others = grant.routes.filter(({ to }) => to.length > 0);
  return [...others, ...(spec.endpoints[0] === endpoint ? defaultVia(leasedGateway(grant, endpoint)) : [])];
}

/** The router for what is sent from an address that was leased. */
export function leasedGateway(grant: Grant, { gateway }: EndpointSpec): Ipv4 | undefined {
  if (gateway === 'none') return undefined;
  return gateway === undefined ? grant.routes.find(({ to }) => to.length === 0)?.via : ipv4(gateway);
}

/** Of a lease: what the server said; where it said nothing, the network's, in which the address may not lie. */
export function prefixLengthOf(network: Network, { terms, address }: Lease): number {
  if (terms === undefined || containsAddress(network.subnet, address)) return terms?.grant.prefixLength ?? network.subnet.length;
  return terms.grant.prefixLength ?? classLength(address);
}

/** Whether a DHCP server can be asked: a server knows ipvlans, which share a MAC, by client-id at best. */
export const mayLease = ({ bridge, parent }: Network): boolean =>
  bridge !== undefined || (parent !== undefined && parent.kind !== 'ipvlan');

/** Where an endpoint's address comes from. @throws LandlineError DHCP_UNAVAILABLE */
export function addressingOf(network: Network, endpoint: Pick<EndpointSpec, 'address'>): 'static' | 'pool' | 'dhcp' | 'none' {
  const { address } = endpoint;
  const word = address === 'default' ? (network.addressing ?? 'pool') : address;
  if (word === 'dhcp' && !mayLease(network)) throw new LandlineError('DHCP_UNAVAILABLE', { network: network.name });
  return word === 'dhcp' || word === 'pool' || word === 'none' ? word : 'static';
}

/** The router for what is sent from an endpoint's own address. */
export function routerOf(networks: readonly Network[], { network, gateway }: EndpointSpec): Ipv4 | undefined {
  if (gateway === 'none') return undefined;
  return gateway === undefined ? networks.find((it) => it.name === network)?.gateway : ipv4(gateway);
}

/**
 * The router of the default route, where this endpoint carries it: the first one does; where that has no router, the
 * first that names one.
 */
export function gatewayOf(networks: readonly Network[], spec: EnvironmentSpec, endpoint: EndpointSpec): Ipv4 | undefined {
  const [first] = spec.endpoints;
  const carrier = spec.endpoints.find((it) => (it === first || it.gateway !== undefined) && routerOf(networks, it) !== undefined);
  return carrier === endpoint ? routerOf(networks, endpoint) : undefined;
}

/**
 * All of it.
 * @param mtu of links of the private network
 * @param aside whether its links are to be on no bridge yet
 * @throws LandlineError NETWORK_UNKNOWN; @throws Error when an endpoint has no lease: our own mistake.
 */
export function desiredOf(
  networks: readonly Network[],
  spec: EnvironmentSpec,
  leases: readonly Lease[],
  {
    installation,
    mtu = 1500,
    aside = false,
  }: { readonly installation: string; readonly mtu?: number | undefined; readonly aside?: boolean },
): Desired {
  const joined = spec.endpoints.map((endpoint) => ({
    endpoint,
    lease: leases.find((it) => it.interface === endpoint.interface && it.network === endpoint.network),
  }));
  const endpoints = joined.flatMap(({ endpoint, lease }) =>
    lease === undefined
      ? []
      : [{ ...desiredEndpoint(networks, spec, endpoint, lease, mtu), ...(aside ? { aside: true as const } : {}) }],
  );
  const without = (isBare: boolean): WaitingEndpoint[] =>
    joined.flatMap(({ endpoint, lease }) =>
      lease === undefined && (endpoint.address === 'none') === isBare
        ? [waitingEndpoint(networks, spec, endpoint, installation)]
        : [],
    );
  const [waiting, bare] = [without(false), without(true)];
  return {
    endpoints,
    ...(waiting.length === 0 ? {} : { waiting }),
    ...(bare.length === 0 ? {} : { bare }),
    services: desiredServices(spec),
  };
}

/** An endpoint whose address is still asked for, or that is to have none. */
function waitingEndpoint(
  networks: readonly Network[],
  spec: EnvironmentSpec,
  endpoint: EndpointSpec,
  installation: string,
): WaitingEndpoint {
  const network = requireNetwork(networks, endpoint.network);
  const isLeased = mayLease(network) && addressingOf(network, endpoint) === 'dhcp';
  if (!isLeased && endpoint.address !== 'none') throw new Error(`no lease for ${spec.name} ${endpoint.interface}`);
  const mac = endpointMac(installation, spec, endpoint);
  const { bridge, parent } = network;
  const ground = bridge === undefined ? (parent === undefined ? {} : { parent }) : { bridge };
  return { network: network.name, interface: endpoint.interface, mac, ...ground, ...hostEndOf(endpoint) };
}

/** A service and the digest of what its process is started with. */
export function desiredServices(spec: EnvironmentSpec): DesiredService[] {
  return spec.services.map((service) => {
    const { dependsOn: _order, restart: _policy, restartLimit: _limit, aliases: _names, ...started } = service;
    const count = spec.restarted?.[service.name];
    const text = JSON.stringify([started, spec.hostname, spec.directory, ...(count === undefined ? [] : [count])], inOrder);
    const digest = createHash('sha256').update(text).digest('hex').slice(0, 32);
    return { spec: service, digest, ...(spec.stopped?.includes(service.name) === true ? { stopped: true } : {}) };
  });
}

/** For JSON.stringify: fields by name, so that two texts differ only where the values do. */
function inOrder(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What the engine needs to know of the sandbox, with the whole text of /etc/hosts and /etc/resolv.conf. */
export function sandboxView(
  networks: readonly Network[],
  spec: EnvironmentSpec,
  leases: readonly Lease[],
  netns: string,
): SandboxView {
  const joined = spec.endpoints.flatMap((it) => networks.filter((network) => network.name === it.network));
  return {
    environment: spec.name,
    hostname: spec.hostname,
    netns,
    hosts: hostsText(spec, joined, leases),
    resolvConf: resolvConfText(joined, leases),
    directory: spec.directory,
  };
}

/** hosts(5): every service's name is localhost, so that `db:5432` written for Compose works. */
function hostsText(spec: EnvironmentSpec, joined: readonly Network[], leases: readonly Lease[]): string {
  const own = leases.map((lease) => {
    const domain = joined.find((it) => it.name === lease.network)?.domain;
    const { hostname = spec.hostname } = spec.endpoints.find((it) => it.interface === lease.interface) ?? {};
    const names = domain === undefined ? [hostname] : [`${hostname}.${domain}`, hostname];
    const address6 = spec.endpoints.find((it) => it.interface === lease.interface)?.address6;
    const addresses = [formatIpv4(lease.address), ...(address6 === undefined ? [] : [address6])];
    return addresses.map((address) => `${address} ${names.join(' ')}`).join('\n');
  });
  if (own.length === 0) own.push(`127.0.1.1 ${spec.hostname}`);
  const lines = ['127.0.0.1 localhost', '::1 localhost ip6-localhost ip6-loopback'];
  return `${lines.join('\n')}\n${localNames(spec)}${own.join('\n')}\n`;
}

/** A line of hosts(5) for each name of a service. */
export function localNames(spec: EnvironmentSpec): string {
  const names = spec.services.flatMap((it) => [it.name, ...(it.aliases ?? [])]).filter((name) => name !== 'localhost');
  return [...new Set(names)].map((it) => `127.0.0.1 ${it}\n`).join('');
}

/** resolv.conf(5); at most three nameservers count there. What landline.yaml says of a network comes before what its server says. */
function resolvConfText(joined: readonly Network[], leases: readonly Lease[]): string {
  const told = joined.map((network) => {
    const { resolvers = [], search = [] } = leases.find((it) => it.network === network.name)?.terms?.grant ?? {};
    return {
      resolvers: network.resolvers.length === 0 ? resolvers : network.resolvers,
      search: network.domain === undefined ? search : [network.domain, ...search],
    };
  });
  const servers = [...new Set(told.flatMap((it) => it.resolvers))].slice(0, 3).map((it) => `nameserver ${formatIpv4(it)}`);
  const domains = [...new Set(told.flatMap((it) => it.search))];
  return [...servers, ...(domains.length === 0 ? [] : [`search ${domains.join(' ')}`]), ''].join('\n');
}
