/** RTM_*ADDR (rtnetlink(7), struct ifaddrmsg) of family AF_INET: addresses of links. */
import { ByteReader, ByteWriter } from '../bytes.ts';
import { type AttributeList, decodeAttributes, encodeAttributes } from './attribute.ts';
import { addressAttributes } from './schemas.ts';

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;

/** ```
 *  0                   1                   2                   3
 *  |  family (8)   | prefix length | flags (8)     |  scope (8)    |   struct ifaddrmsg
 *  |                         link index (32)                       |
 * ``` */
export interface AddressMessage {
  readonly family: number;
  readonly prefixLength: number;
  readonly flags: number;
  readonly scope: number;
  readonly link: number;
  readonly attributes: AttributeList;
}

export function decodeAddress(payload: Uint8Array): AddressMessage {
  const reader = new ByteReader(payload);
  const family = reader.u8('ifa_family');
  const prefixLength = reader.u8('ifa_prefixlen');
  const flags = reader.u8('ifa_flags');
  const scope = reader.u8('ifa_scope');
  const link = reader.u32le('ifa_index');
  return { family, prefixLength, flags, scope, link, attributes: decodeAttributes(reader, addressAttributes) };
}

export function encodeAddress(it: AddressMessage): Uint8Array {
  const writer = new ByteWriter().u8(it.family).u8(it.prefixLength).u8(it.flags).u8(it.scope).u32le(it.link);
  encodeAttributes(writer, it.attributes, addressAttributes);
  return writer.finish();
}
