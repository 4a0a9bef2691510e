/** A UDP datagram in IPv4 in an Ethernet frame (RFC 768, 791, 894): for who has no address to send from yet. */
import { type Ipv4, ipv4Bytes, ipv4FromBytes } from '../../net/ipv4.ts';
import { type Mac, macBytes, macFromBytes } from '../../net/mac.ts';
import { ByteReader, ByteWriter } from '../bytes.ts';
import { checksum, fold, sumOf } from '../checksum.ts';

export const ETH_P_IP = 0x0800;
const UDP = 17;
const headerBytes = 20;

export interface UdpFrame {
  readonly destination: Mac;
  readonly source: Mac;
  readonly from: Ipv4;
  readonly fromPort: number;
  readonly to: Ipv4;
  readonly toPort: number;
  readonly payload: Uint8Array;
}

export function encodeUdpFrame(it: UdpFrame): Uint8Array {
  const length = 8 + it.payload.length;
  const udp = (sum: number): ByteWriter =>
    new ByteWriter().u16(it.fromPort).u16(it.toPort).u16(length).u16(sum).bytes(it.payload);
  const sum = checksum(pseudoSum(it.from, it.to, length) + sumOf(udp(0).finish()));
  const ip = (sum: number): ByteWriter =>
    new ByteWriter()
      .u8(0x45)
      // Class selector 6: what a network needs to work comes before what it carries (RFC 4594 section 3.2).
      .u8(0xc0)
      .u16(headerBytes + length)
      .u16(0)
      .u16(0)
      .u8(64)
      .u8(UDP)
      .u16(sum)
      .bytes(ipv4Bytes(it.from))
      .bytes(ipv4Bytes(it.to));
  return new ByteWriter()
    .bytes(macBytes(it.destination))
    .bytes(macBytes(it.source))
    .u16(ETH_P_IP)
    .bytes(ip(checksum(sumOf(ip(0).finish()))).finish())
    .bytes(udp(sum === 0 ? 0xffff : sum).finish())
    .finish();
}

/**
 * @throws WireError for what is no whole UDP datagram, and for a wrong checksum. One that was left to a NIC which never
 * saw the frame is right: over a veth the field holds the sum of the pseudo header alone.
 */
export function decodeUdpFrame(frame: Uint8Array): UdpFrame {
  const reader = new ByteReader(frame);
  const destination = macFromBytes(reader.bytes(6, 'the destination'));
  const source = macFromBytes(reader.bytes(6, 'the source'));
  if (reader.u16('the EtherType') !== ETH_P_IP) reader.fail('not IPv4');
  const packet = decodeIpv4(reader);
  const udp = new ByteReader(packet.payload, frame.length - packet.payload.length);
  const [fromPort, toPort, length, told] = [udp.u16(), udp.u16(), udp.u16('the length'), udp.u16('the checksum')];
  if (length < 8 || length > packet.payload.length) udp.fail(`a UDP length of ${length}`);
  const datagram = packet.payload.subarray(0, length);
  const pseudo = pseudoSum(packet.from, packet.to, length);
  if (told !== 0 && told !== fold(pseudo) && checksum(pseudo + sumOf(datagram)) !== 0) udp.fail('a wrong UDP checksum');
  const payload = datagram.subarray(8);
  return { destination, source, from: packet.from, fromPort, to: packet.to, toPort, payload };
}

function decodeIpv4(reader: ByteReader): { readonly from: Ipv4; readonly to: Ipv4; readonly payload: Uint8Array } {
  const bytes = reader.peek();
  const first = reader.u8('the version');
  const header = (first & 0x0f) * 4;
  if (first >> 4 !== 4 || header < headerBytes) reader.fail('no IPv4 header');
  reader.u8();
  const total = reader.u16('the total length');
  if (total < header || total > bytes.length) reader.fail(`a total length of ${total}`);
  reader.u16();
  if ((reader.u16('the fragment offset') & 0x3fff) !== 0) reader.fail('a fragment');
  reader.u8();
  if (reader.u8('the protocol') !== UDP) reader.fail('not UDP');
  reader.u16();
  const [from, to] = [ipv4FromBytes(reader.bytes(4)), ipv4FromBytes(reader.bytes(4))];
  if (checksum(sumOf(bytes.subarray(0, header))) !== 0) reader.fail('a wrong header checksum');
  return { from, to, payload: bytes.subarray(header, total) };
}

/** RFC 768: addresses, protocol and length count too. */
function pseudoSum(from: Ipv4, to: Ipv4, length: number): number {
  return sumOf(ipv4Bytes(from)) + sumOf(ipv4Bytes(to)) + UDP + length;
}
