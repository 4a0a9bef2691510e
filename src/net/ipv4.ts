/** IPv4 addresses as numbers (RFC 791), so that they can be compared, counted and masked. */

/** An IPv4 address as an unsigned 32-bit number. */
export type Ipv4 = number & { readonly kind?: 'ipv4' };

const octet = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const dotted = new RegExp(`^${octet}\\.${octet}\\.${octet}\\.${octet}$`);

/** `192.168.11.101` → its number; undefined when it is no dotted quad (leading zeros are refused: they were octal once). */
export function parseIpv4(text: string): Ipv4 | undefined {
  const match = dotted.exec(text);
  if (match === null) return undefined;
  return match.slice(1).reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** Like {@link parseIpv4}, for text that was checked before. @throws Error when it was not. */
export function ipv4(text: string): Ipv4 {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`not an IPv4 address: ${text}`);
  return address;
}

export function formatIpv4(address: Ipv4): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

/** Four bytes in network order. */
export function ipv4Bytes(address: Ipv4): Uint8Array {
  return Uint8Array.of(address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255);
}

/** The address in four bytes of network order, from `at` on. */
export function ipv4FromBytes(bytes: Uint8Array, at = 0): Ipv4 {
  const byte = (index: number): number => bytes[at + index] ?? 0;
  return byte(0) * 2 ** 24 + byte(1) * 2 ** 16 + byte(2) * 2 ** 8 + byte(3);
}
