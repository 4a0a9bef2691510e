/** Ranges of IPv4 addresses, both ends included: `192.168.11.100-192.168.11.250`, or a single address. */
import { formatIpv4, type Ipv4, parseIpv4 } from './ipv4.ts';

export interface Range {
  readonly first: Ipv4;
  readonly last: Ipv4;
}

/** `A-B` or `A` → the range; undefined when it is none, or its end lies before its start. */
export function parseRange(text: string): Range | undefined {
  const [head, tail, ...rest] = text.split('-').map((part) => part.trim());
  if (head === undefined || rest.length > 0) return undefined;
  const first = parseIpv4(head);
  const last = tail === undefined ? first : parseIpv4(tail);
  return first === undefined || last === undefined || last < first ? undefined : { first, last };
}

export function formatRange(range: Range): string {
  return range.first === range.last ? formatIpv4(range.first) : `${formatIpv4(range.first)}-${formatIpv4(range.last)}`;
}

export function rangeSize(range: Range): number {
  return range.last - range.first + 1;
}

export function rangeContains(range: Range, address: Ipv4): boolean {
  return address >= range.first && address <= range.last;
}

/** Every address of the ranges in order, each once even where ranges overlap. */
export function* addressesOf(ranges: readonly Range[]): Generator<Ipv4> {
  let next = -1;
  for (const range of [...ranges].sort((a, b) => a.first - b.first)) {
    for (let address = Math.max(range.first, next); address <= range.last; address += 1) yield address;
    next = Math.max(next, range.last + 1);
  }
}
