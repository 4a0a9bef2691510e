/** What a server's message grants, as far as it makes sense: a server may be old, wrong, or hostile. */
import type { Ipv4 } from '../../net/ipv4.ts';
import { isDomainName } from '../../net/name.ts';
import { broadcastOf, containsAddress, netmask, type Prefix, subnetOf } from '../../net/prefix.ts';
import { type DhcpMessage, optionOf } from '../../wire/dhcp/dhcp.ts';
import { type DhcpRoute, FQDN_SERVER } from '../../wire/dhcp/options.ts';
import { plainName } from '../../wire/dns/name.ts';
import type { Dice, Grant, Ignored, Instant, Offer } from './model.ts';
import { endsOf } from './timing.ts';

/** More of these a server may send, and nobody needs. */
const mostRoutes = 64;
const mostServers = 8;
const mostSearch = 16;

/** Less than this IPv4 does not have to carry (RFC 791 section 3.1), and an MTU below it is a mistake. */
const leastMtu = 576;

/** Whether a host can have it: not of 0/8, loopback, multicast or reserved. */
function isHostAddress(address: Ipv4): boolean {
  const first = address >>> 24;
  return first > 0 && first !== 127 && first < 224;
}

/** @returns the offer, or why it is none */
export function readOffer(message: DhcpMessage): Offer | Ignored {
  const server = optionOf(message, 'server');
  if (server === undefined || !isHostAddress(server)) return 'without a server';
  return isUsable(message, server) ? { address: message.yiaddr, server } : 'an unusable address';
}

/** @param since when the request was sent; @returns the grant, or why it is none */
export function readGrant(message: DhcpMessage, since: Instant, dice: Dice): Grant | Ignored {
  const offer = readOffer(message);
  if (typeof offer === 'string') return offer;
  const lease = optionOf(message, 'leaseSeconds') ?? 0;
  if (lease === 0) return 'without a lease time';
  const prefixLength = lengthOf(optionOf(message, 'subnetMask'));
  const [renew, rebind] = [optionOf(message, 'renewSeconds'), optionOf(message, 'rebindSeconds')];
  const ends = endsOf(since, { lease, renew, rebind }, dice);
  const mtu = optionOf(message, 'mtu') ?? 0;
  return {
    ...offer,
    ...(prefixLength === undefined ? {} : { prefixLength }),
    routes: routesIn(message, { address: offer.address, length: prefixLength ?? classLength(offer.address) }),
    resolvers: (optionOf(message, 'resolvers') ?? []).filter(isHostAddress).slice(0, mostServers),
    search: searchIn(message),
    ntpServers: (optionOf(message, 'ntpServers') ?? []).filter(isHostAddress).slice(0, mostServers),
    ...(mtu < leastMtu ? {} : { mtu }),
    ...fqdnIn(message),
    since,
    ...(ends === undefined ? {} : { ends }),
  };
}

/** The address of a host, and not the server's, a router's, or the subnet's own. */
function isUsable(message: DhcpMessage, server: Ipv4): boolean {
  const { yiaddr } = message;
  const length = lengthOf(optionOf(message, 'subnetMask')) ?? 32;
  const subnet = { address: yiaddr, length };
  const isSubnetsOwn = length < 31 && (yiaddr === subnetOf(subnet).address || yiaddr === broadcastOf(subnet));
  return isHostAddress(yiaddr) && yiaddr !== server && !isSubnetsOwn && optionOf(message, 'routers')?.includes(yiaddr) !== true;
}

/** Of a mask whose ones are together, and which leaves something to tell networks apart by. */
function lengthOf(mask: Ipv4 | undefined): number | undefined {
  const length = mask === undefined ? 0 : 32 - Math.log2(2 ** 32 - mask);
  return Number.isInteger(length) && length > 0 && netmask(length) === mask ? length : undefined;
}

/** Where nobody tells a prefix: class A, B or C (RFC 950 section 2.1). */
export function classLength(address: Ipv4): number {
  const first = address >>> 24;
  return first < 128 ? 8 : first < 192 ? 16 : 24;
}

/** Where option 121 is, it alone counts (RFC 3442). What leads through a router that the link does not reach is left out. */
function routesIn(message: DhcpMessage, own: Prefix): readonly DhcpRoute[] {
  const told = optionOf(message, 'classlessRoutes') ?? [...classfulRoutes(message), ...defaultRoute(message)];
  const routes = told.slice(0, mostRoutes).map(({ to, via }) => ({ to: subnetOf(to), via }));
  const onLink = routes.filter(({ via, to }) => via === 0 && to.length > 0);
  const reaches = (via: Ipv4): boolean =>
    via !== own.address &&
    isHostAddress(via) &&
    [own, ...onLink.map((it) => it.to)].some((subnet) => containsAddress(subnet, via));
  return [...onLink, ...routes.filter(({ via }) => via !== 0 && reaches(via))];
}

const defaultRoute = (message: DhcpMessage): DhcpRoute[] =>
  (optionOf(message, 'routers') ?? []).slice(0, 1).map((via) => ({ to: { address: 0, length: 0 }, via }));

/** RFC 2132 section 5.8: the default route is none of these; a target with host bits is one host. */
function classfulRoutes(message: DhcpMessage): DhcpRoute[] {
  return (optionOf(message, 'staticRoutes') ?? []).flatMap(([address, via]) => {
    const length = classLength(address);
    const isNetwork = subnetOf({ address, length }).address === address;
    return address === 0 ? [] : [{ to: { address, length: isNetwork ? length : 32 }, via }];
  });
}

/** Option 81 of a server's reply (RFC 4702 section 4); a name that is none says nothing. */
function fqdnIn(message: DhcpMessage): Pick<Grant, 'fqdn'> {
  const told = optionOf(message, 'fqdn');
  const name = plainName(told?.name ?? '');
  return told === undefined || !isDomainName(name) ? {} : { fqdn: { name, registered: (told.flags & FQDN_SERVER) !== 0 } };
}

/** Some servers put several domains into the one of option 15, or end it with a NUL. */
function searchIn(message: DhcpMessage): readonly string[] {
  const domains = (optionOf(message, 'domain') ?? '').split(/[\s\0,]+/);
  const told = optionOf(message, 'search') ?? domains;
  const names = told.map(plainName);
  return [...new Set(names)].filter(isDomainName).slice(0, mostSearch);
}
