/** What of family AF_INET6 stands in attributes that hold four bytes elsewhere: kept by the schemas as bytes. */
import { type Ipv6, ipv6FromBytes } from '../../net/ipv6.ts';
import { ipv6Bytes } from '../../net/prefix6.ts';
import { AttributeList } from './attribute.ts';

export const AF_INET6 = 10;

/** By their numbers: IFA_ADDRESS and RTA_DST are both 1, FRA_SRC is 2. */
export const IFA_ADDRESS = 1;
export const RTA_DST = 1;
export const RTA_GATEWAY = 5;
export const FRA_SRC = 2;

const typeMask = 0x3fff;

/** The address in an attribute; undefined when it is not there. */
export function ipv6In(list: AttributeList, type: number): Ipv6 | undefined {
  const found = list.items.find((it) => !('name' in it) && (it.type & typeMask) === type);
  return found !== undefined && 'bytes' in found && found.bytes.length === 16 ? ipv6FromBytes(found.bytes) : undefined;
}

/** The same attributes behind some with an IPv6 address; those that are undefined are left out. */
export function withIpv6(
  table: readonly (readonly [type: number, address: Ipv6 | undefined])[],
  rest: AttributeList,
): AttributeList {
  const own = table.flatMap(([type, address]) => (address === undefined ? [] : [{ type, bytes: ipv6Bytes(address) }]));
  return new AttributeList([...own, ...rest.items]);
}
