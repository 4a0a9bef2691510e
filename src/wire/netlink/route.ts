/** RTM_*ROUTE (rtnetlink(7), struct rtmsg) of family AF_INET: routes. */
import { ByteReader, ByteWriter } from '../bytes.ts';
import { type AttributeList, decodeAttributes, encodeAttributes } from './attribute.ts';
import { routeAttributes } from './schemas.ts';

export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;

export const AF_INET = 2;

/** RTA_TABLE says it: a table beyond 255. */
export const RT_TABLE_UNSPEC = 0;
export const RT_TABLE_MAIN = 254;
export const RT_TABLE_LOCAL = 255;
export const RTPROT_KERNEL = 2;
export const RTPROT_BOOT = 3;
export const RTPROT_STATIC = 4;
export const RT_SCOPE_UNIVERSE = 0;
export const RT_SCOPE_LINK = 253;
export const RT_SCOPE_NOWHERE = 255;
export const RTN_UNICAST = 1;

/** ```
 *  0                   1                   2                   3
 *  |  family (8)   | dst length    | src length    |   tos (8)     |   struct rtmsg
 *  |  table (8)    | protocol (8)  |  scope (8)    |   type (8)    |
 *  |                            flags (32)                         |
 * ``` */
export interface RouteMessage {
  readonly family: number;
  readonly toLength: number;
  readonly fromLength: number;
  readonly tos: number;
  readonly table: number;
  readonly protocol: number;
  readonly scope: number;
  readonly type: number;
  readonly flags: number;
  readonly attributes: AttributeList;
}

export function decodeRoute(payload: Uint8Array): RouteMessage {
  const reader = new ByteReader(payload);
  const family = reader.u8('rtm_family');
  const toLength = reader.u8('rtm_dst_len');
  const fromLength = reader.u8('rtm_src_len');
  const tos = reader.u8('rtm_tos');
  const table = reader.u8('rtm_table');
  const protocol = reader.u8('rtm_protocol');
  const scope = reader.u8('rtm_scope');
  const type = reader.u8('rtm_type');
  const flags = reader.u32le('rtm_flags');
  const attributes = decodeAttributes(reader, routeAttributes);
  return { family, toLength, fromLength, tos, table, protocol, scope, type, flags, attributes };
}

export function encodeRoute(it: RouteMessage): Uint8Array {
  const writer = new ByteWriter().u8(it.family).u8(it.toLength).u8(it.fromLength).u8(it.tos);
  writer.u8(it.table).u8(it.protocol).u8(it.scope).u8(it.type).u32le(it.flags);
  encodeAttributes(writer, it.attributes, routeAttributes);
  return writer.finish();
}
