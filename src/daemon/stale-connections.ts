/**
 * Flows that the kernel still leads where a port led before. A connection of TCP ends, and is left to its end; UDP has
 * none, and who goes on sending would be led to the old place for as long as he does.
 */
import { formatHostPort, type PublishedPort } from '../core/firewall/wish.ts';
import type { Destination } from '../host/nft.ts';
import type { Ipv4 } from '../net/ipv4.ts';

/** @param addresses the host's own: what came to a port of one of them before it was published */
export function staleConnections(
  before: readonly PublishedPort[],
  after: readonly PublishedPort[],
  addresses: readonly Ipv4[],
): Destination[] {
  const gone = missing(before, after).map(({ protocol, address, containerPort }) => ({ protocol, address, port: containerPort }));
  const own = missing(after, before).flatMap(({ protocol, hostAddress, hostPort }) =>
    (hostAddress === undefined ? addresses : [hostAddress]).map((address) => ({ protocol, address, port: hostPort })),
  );
  return [...gone, ...own];
}

/** Those of `some`, of UDP, that lead elsewhere, or nowhere, in `others`. */
function missing(some: readonly PublishedPort[], others: readonly PublishedPort[]): PublishedPort[] {
  const describe = (it: PublishedPort): string => `${formatHostPort(it)} ${it.address} ${it.containerPort}`;
  const there = new Set(others.map(describe));
  return some.filter((it) => it.protocol === 'udp' && !there.has(describe(it)));
}
