/** The names under which addresses are looked up (RFC 1035 section 3.5, RFC 3596 section 2.5). */
import { formatIpv4, type Ipv4 } from '../../net/ipv4.ts';
import { type Ipv6, parseIpv6 } from '../../net/ipv6.ts';
import { broadcastOf, type Prefix, subnetOf } from '../../net/prefix.ts';

/** 192.168.11.101 → `101.11.168.192.in-addr.arpa` */
export function reverseName(address: Ipv4): string {
  return `${formatIpv4(address).split('.').reverse().join('.')}.in-addr.arpa`;
}

/** 2001:db8::101 → `1.0.1.0.….8.b.d.0.1.0.0.2.ip6.arpa` @throws RangeError for what is no address */
export function reverseName6(address: Ipv6): string {
  const bytes = parseIpv6(address);
  if (bytes === undefined) throw new RangeError(`'${address}' is no IPv6 address`);
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${[...digits].reverse().join('.')}.ip6.arpa`;
}

/** The zones of whole octets that an IPv4 subnet lies in: 192.168.10.0/23 → those of 192.168.10 and of 192.168.11. */
export function reverseZones(subnet: Prefix): readonly string[] {
  const octets = Math.max(1, Math.min(3, Math.ceil(subnet.length / 8)));
  const step = 2 ** (32 - 8 * octets);
  const zones: string[] = [];
  for (let address = subnetOf(subnet).address; address <= broadcastOf(subnet); address += step)
    zones.push(zoneOf(address, octets));
  return zones;
}

const zoneOf = (address: Ipv4, octets: number): string =>
  `${formatIpv4(address).split('.').slice(0, octets).reverse().join('.')}.in-addr.arpa`;
