/** AAAA: an IPv6 address (RFC 3596 section 2.2). */
import { type Ipv6, ipv6FromBytes, parseIpv6 } from '../../../net/ipv6.ts';
import type { RecordCodec } from './codec.ts';

export const aaaa: RecordCodec<{ readonly address: Ipv6 }> = {
  type: 28,
  decode: (reader) => ({ address: ipv6FromBytes(reader.bytes(16, 'an IPv6 address')) }),
  encode: (writer, { address }) => {
    const bytes = parseIpv6(address);
    if (bytes === undefined) throw new RangeError(`'${address}' is no IPv6 address`);
    writer.bytes(bytes);
  },
};
