/** What the host's firewall is to do: the wish of the whole host, as a value. */
import { formatIpv4, type Ipv4 } from '../../net/ipv4.ts';
import { broadcastOf, type Prefix, subnetOf } from '../../net/prefix.ts';
import type { Network } from '../model.ts';

export type Protocol = 'tcp' | 'udp';

/** A port of the host as somebody else sees it. */
export interface HostPort {
  /** One of the host's addresses; left out: all of them. */
  readonly hostAddress?: Ipv4;
  readonly hostPort: number;
  readonly protocol: Protocol;
}

/** A port of the host that leads into a sandbox. */
export interface PublishedPort extends HostPort {
  /** The sandbox's private address. */
  readonly address: Ipv4;
  readonly containerPort: number;
}

/** The private network, as the firewall sees it. */
export interface PrivateWish {
  readonly subnet: Prefix;
  /** Group of the host's ends of its links: {@link privateLinkGroup}. */
  readonly group: number;
  readonly ports: readonly PublishedPort[];
  /** Links of the host that forward only because Landline told them to: what comes in there and is not ours goes nowhere. */
  readonly guarded: readonly string[];
}

/** Names of the host's ends of private links begin so, and no others do: other people's firewalls know links by name alone. */
export const privateLinkPrefix = 'llp';

/** Name of the private network, in the ledger too. */
export const privateNetworkName = 'bridge';

/** The host's own address on the private network, and every sandbox's gateway: the first of the subnet. */
export function privateGateway(subnet: Prefix): Ipv4 {
  return subnetOf(subnet).address + 1;
}

/** The private network as the ledger gives out its addresses: all of the subnet but the gateway's. No bridge, no probe. */
export function privateNetwork(subnet: Prefix): Network {
  const gateway = privateGateway(subnet);
  const pool = [{ first: gateway + 1, last: broadcastOf(subnet) - 1 }];
  return { name: privateNetworkName, subnet: subnetOf(subnet), gateway, pool, exclude: [], resolvers: [], probe: 'off' };
}

/** `8080/tcp`, `192.168.11.20:53/udp`. */
export function formatHostPort({ hostAddress, hostPort, protocol }: HostPort): string {
  return `${hostAddress === undefined ? '' : `${formatIpv4(hostAddress)}:`}${hostPort}/${protocol}`;
}
