/** A: an IPv4 address (RFC 1035 section 3.4.1). */
import { type Ipv4, ipv4Bytes, ipv4FromBytes } from '../../../net/ipv4.ts';
import type { RecordCodec } from './codec.ts';

export const a: RecordCodec<{ readonly address: Ipv4 }> = {
  type: 1,
  decode: (reader) => ({ address: ipv4FromBytes(reader.bytes(4, 'an IPv4 address')) }),
  encode: (writer, { address }) => void writer.bytes(ipv4Bytes(address)),
};
