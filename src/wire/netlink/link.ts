/** RTM_*LINK (rtnetlink(7), struct ifinfomsg): links of every kind. */
import { ByteReader, ByteWriter } from '../bytes.ts';
import { type AttributeList, decodeAttributes, encodeAttributes, type Schema } from './attribute.ts';
import { bridgePortLinkAttributes, linkAttributes } from './schemas.ts';

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_SETLINK = 19;

export const AF_UNSPEC = 0;
/** The family of what a bridge says of its ports. */
export const AF_BRIDGE = 7;

export const IFF_UP = 0x1;
export const IFF_LOWER_UP = 0x10000;

/** Filter of IFLA_EXT_MASK: no counters in the answer. */
export const RTEXT_FILTER_SKIP_STATS = 1 << 3;

/** ```
 *  0                   1                   2                   3
 *  |  family (8)   |   padding     |        hardware type (16)     |   struct ifinfomsg
 *  |                            index (32)                         |
 *  |                            flags (32)                         |
 *  |                    which flags to change (32)                 |
 * ``` */
export interface LinkMessage {
  readonly family: number;
  /** ARPHRD_*: 1 is Ethernet, 772 is lo. */
  readonly hardwareType: number;
  readonly index: number;
  /** IFF_* */
  readonly flags: number;
  readonly change: number;
  readonly attributes: AttributeList;
}

const schemaOf = (family: number): Schema => (family === AF_BRIDGE ? bridgePortLinkAttributes : linkAttributes);

export function decodeLink(payload: Uint8Array): LinkMessage {
  const reader = new ByteReader(payload);
  const family = reader.u8('ifi_family');
  reader.u8('padding');
  const hardwareType = reader.u16le('ifi_type');
  const index = reader.s32le('ifi_index');
  const flags = reader.u32le('ifi_flags');
  const change = reader.u32le('ifi_change');
  return { family, hardwareType, index, flags, change, attributes: decodeAttributes(reader, schemaOf(family)) };
}

export function encodeLink(link: LinkMessage): Uint8Array {
  const writer = new ByteWriter().bytes(encodeLinkHeader(link));
  encodeAttributes(writer, link.attributes, schemaOf(link.family));
  return writer.finish();
}

/** The struct alone, as VETH_INFO_PEER wants it before the peer's attributes. */
export function encodeLinkHeader(link: Omit<LinkMessage, 'attributes'>): Uint8Array {
  return new ByteWriter()
    .u8(link.family)
    .u8(0)
    .u16le(link.hardwareType)
    .s32le(link.index)
    .u32le(link.flags)
    .u32le(link.change)
    .finish();
}
