/** IPv6 addresses as text in the one form of RFC 5952, and as sixteen bytes. */

/** An IPv6 address in the form of RFC 5952: `2001:db8::1`. */
export type Ipv6 = string & { readonly kind?: 'ipv6' };

/** Sixteen bytes in network order. @throws RangeError for any other number of bytes */
export function ipv6FromBytes(bytes: Uint8Array): Ipv6 {
  if (bytes.length !== 16) throw new RangeError(`an IPv6 address has 16 bytes, not ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(index * 2));
  const hidden = longestZeros(groups);
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (hidden === undefined) return text(groups);
  return `${text(groups.slice(0, hidden.at))}::${text(groups.slice(hidden.at + hidden.length))}`;
}

/** The first of the longest runs of at least two zero groups (RFC 5952 section 4.2). */
function longestZeros(groups: readonly number[]): { readonly at: number; readonly length: number } | undefined {
  let best: { at: number; length: number } | undefined;
  for (let at = 0; at < groups.length; at += 1) {
    const run = groups.slice(at);
    const end = run.findIndex((group) => group !== 0);
    const length = end < 0 ? run.length : end;
    if (length >= 2 && length > (best?.length ?? 0)) best = { at, length };
  }
  return best;
}

/** The bytes of an address in any form of RFC 4291 section 2.2; undefined when it is none. A zone (`%eth0`) is refused. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const quad = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const octets = quad?.slice(2).map(Number) ?? [];
  if (octets.some((it) => it > 255)) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = octets;
  const plain = quad === null ? text : `${quad[1]}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  const halves = plain.split('::');
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<string>(missing).fill('0'), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return Uint8Array.from(groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]));
}
