/** Segments of TCP (RFC 9293) over IPv4 as a packet socket hears them. */
import { ByteReader, ByteWriter } from '../bytes.ts';
import { checksum, sumOf } from '../checksum.ts';

const ethernet = 14;
const IPPROTO_TCP = 6;
/** Where the checksum stands in a segment. */
const checksumAt = 16;

/**
 * The frame with its checksum: what has come over a veth was left without one, for a NIC to put it in.
 * @throws WireError for what is no whole segment
 */
export function withTcpChecksum(frame: Uint8Array): Uint8Array {
  const reader = new ByteReader(frame);
  const head = reader.bytes(ethernet, 'an Ethernet header');
  const header = (reader.peek()[0] ?? 0) & 0x0f;
  if (header < 5) reader.fail('an IPv4 header of less than 20 bytes');
  const ip = reader.bytes(header * 4, 'an IPv4 header');
  const length = new ByteReader(ip.subarray(2)).u16() - ip.length;
  // Padding behind it is none of it.
  if (length < checksumAt + 2) reader.fail('a segment that is cut off');
  const segment = reader.bytes(length, 'the segment');
  const blank = new ByteWriter().bytes(segment).patch16(checksumAt, 0);
  const pseudo = sumOf(ip.subarray(12, 20)) + IPPROTO_TCP + length;
  return new ByteWriter()
    .bytes(head)
    .bytes(ip)
    .bytes(blank.patch16(checksumAt, checksum(pseudo + sumOf(blank.finish()))).finish())
    .finish();
}
