/** IPv4 prefixes: an address and the length of its network part, as in `192.168.10.0/23` (RFC 4632). */
import { formatIpv4, type Ipv4, parseIpv4 } from './ipv4.ts';

/** `address` may have host bits: `192.168.11.101/23` is an address with its prefix, `192.168.10.0/23` a subnet. */
export interface Prefix {
  readonly address: Ipv4;
  /** 0 to 32 bits. */
  readonly length: number;
}

/** `192.168.10.0/23` → the prefix; undefined when it is none. */
export function parsePrefix(text: string): Prefix | undefined {
  const [head, tail, ...rest] = text.split('/');
  if (head === undefined || tail === undefined || rest.length > 0 || !/^(\d|[12]\d|3[0-2])$/.test(tail)) return undefined;
  const address = parseIpv4(head);
  return address === undefined ? undefined : { address, length: Number(tail) };
}

/** Like {@link parsePrefix}, for text that was checked before. @throws Error when it was not. */
export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`not an IPv4 prefix: ${text}`);
  return parsed;
}

export function formatPrefix(it: Prefix): string {
  return `${formatIpv4(it.address)}/${it.length}`;
}

/** The netmask as a number: 23 → 255.255.254.0. */
export function netmask(length: number): number {
  return length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
}

/** The subnet that an address with its prefix lies in: host bits cleared. */
export function subnetOf(it: Prefix): Prefix {
  return { address: (it.address & netmask(it.length)) >>> 0, length: it.length };
}

/** The last address of the subnet: its broadcast address (RFC 919). */
export function broadcastOf(it: Prefix): Ipv4 {
  return (subnetOf(it).address | ~netmask(it.length)) >>> 0;
}

export function containsAddress(subnet: Prefix, address: Ipv4): boolean {
  return (address & netmask(subnet.length)) >>> 0 === subnetOf(subnet).address;
}

export function overlaps(a: Prefix, b: Prefix): boolean {
  const shorter = a.length <= b.length ? a : b;
  return containsAddress(shorter, shorter === a ? b.address : a.address);
}
