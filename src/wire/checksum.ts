/** The Internet checksum (RFC 1071): the one of IPv4, UDP and ICMPv6. */
import { ByteReader } from './bytes.ts';

/** Of 16-bit words, not folded yet; an odd last byte counts as a word's first. */
export function sumOf(bytes: Uint8Array): number {
  const reader = new ByteReader(bytes);
  let sum = 0;
  while (reader.left > 1) sum += reader.u16();
  return reader.left === 1 ? sum + reader.u8() * 256 : sum;
}

/** A sum in 16 bits: what is carried over is added again. */
export function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

/** What stands in a header whose sum is this; 0 where the header's own checksum was summed too, and is right. */
export const checksum = (sum: number): number => ~fold(sum) & 0xffff;
