/** IPv6 prefixes: an address and the length of its network part, as in `2001:db8:10::/64` (RFC 4291 section 2.3). */
import { type Ipv6, ipv6FromBytes, parseIpv6 } from './ipv6.ts';

/** `address` may have host bits: `2001:db8:10::101/64` is an address with its prefix. */
export interface Prefix6 {
  readonly address: Ipv6;
  /** 0 to 128 bits. */
  readonly length: number;
}

/** An address in its one spelling (RFC 5952); undefined when it is none. */
export function spellIpv6(text: string): Ipv6 | undefined {
  const bytes = parseIpv6(text);
  return bytes === undefined ? undefined : ipv6FromBytes(bytes);
}

/** The sixteen bytes of an address that was checked before. @throws Error when it was not. */
export function ipv6Bytes(address: Ipv6): Uint8Array {
  const bytes = parseIpv6(address);
  if (bytes === undefined) throw new Error(`not an IPv6 address: ${address}`);
  return bytes;
}

/** `2001:db8:10::/64` → the prefix; undefined when it is none. */
export function parsePrefix6(text: string): Prefix6 | undefined {
  const [head = '', tail = '', ...rest] = text.split('/');
  const address = spellIpv6(head);
  const isLength = /^(\d|[1-9]\d|1[01]\d|12[0-8])$/.test(tail);
  return address === undefined || rest.length > 0 || !isLength ? undefined : { address, length: Number(tail) };
}

/** Like {@link parsePrefix6}, for text that was checked before. @throws Error when it was not. */
export function prefix6(text: string): Prefix6 {
  const parsed = parsePrefix6(text);
  if (parsed === undefined) throw new Error(`not an IPv6 prefix: ${text}`);
  return parsed;
}

export const formatPrefix6 = ({ address, length }: Prefix6): string => `${address}/${length}`;

/** The subnet that an address with its prefix lies in: host bits cleared. */
export function subnetOf6({ address, length }: Prefix6): Prefix6 {
  const kept = ipv6Bytes(address).map((byte, at) => byte & (0xff << (8 - Math.min(8, Math.max(0, length - at * 8)))));
  return { address: ipv6FromBytes(kept), length };
}

export const containsAddress6 = (subnet: Prefix6, address: Ipv6): boolean =>
  subnetOf6({ address, length: subnet.length }).address === subnetOf6(subnet).address;

export const overlaps6 = (a: Prefix6, b: Prefix6): boolean =>
  a.length <= b.length ? containsAddress6(a, b.address) : containsAddress6(b, a.address);
