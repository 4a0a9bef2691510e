/** RTM_*NEIGH (rtnetlink(7), struct ndmsg): ARP entries (AF_INET) and a bridge's forwarding entries (AF_BRIDGE). */
import { ByteReader, ByteWriter } from '../bytes.ts';
import { type AttributeList, decodeAttributes, encodeAttributes } from './attribute.ts';
import { neighbourAttributes } from './schemas.ts';

export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
export const RTM_GETNEIGH = 30;

export const NUD_REACHABLE = 0x02;
export const NUD_STALE = 0x04;
export const NUD_FAILED = 0x20;
export const NUD_NOARP = 0x40;
export const NUD_PERMANENT = 0x80;

/** ```
 *  0                   1                   2                   3
 *  |  family (8)   |   padding     |          padding (16)         |   struct ndmsg
 *  |                         link index (32)                       |
 *  |          state (16)           |  flags (8)    |   type (8)    |
 * ``` */
export interface NeighbourMessage {
  readonly family: number;
  readonly link: number;
  /** NUD_* */
  readonly state: number;
  readonly flags: number;
  readonly type: number;
  readonly attributes: AttributeList;
}

export function decodeNeighbour(payload: Uint8Array): NeighbourMessage {
  const reader = new ByteReader(payload);
  const family = reader.u8('ndm_family');
  reader.bytes(3, 'padding');
  const link = reader.s32le('ndm_ifindex');
  const state = reader.u16le('ndm_state');
  const flags = reader.u8('ndm_flags');
  const type = reader.u8('ndm_type');
  return { family, link, state, flags, type, attributes: decodeAttributes(reader, neighbourAttributes) };
}

export function encodeNeighbour(it: NeighbourMessage): Uint8Array {
  const writer = new ByteWriter().u8(it.family).zeros(3).s32le(it.link).u16le(it.state).u8(it.flags).u8(it.type);
  encodeAttributes(writer, it.attributes, neighbourAttributes);
  return writer.finish();
}
