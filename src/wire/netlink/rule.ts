/** RTM_*RULE (linux/fib_rules.h, struct fib_rule_hdr): policy rules, which say what table a packet's route is looked up in. */
import { ByteReader, ByteWriter } from '../bytes.ts';
import { type AttributeList, decodeAttributes, encodeAttributes } from './attribute.ts';
import { ruleAttributes } from './schemas.ts';

export const RTM_NEWRULE = 32;
export const RTM_DELRULE = 33;
export const RTM_GETRULE = 34;

/** Ask the table. */
export const FR_ACT_TO_TBL = 1;

/** ```
 *  0                   1                   2                   3
 *  |  family (8)   | to length     | from length   |   tos (8)     |   struct fib_rule_hdr
 *  |  table (8)    |        reserved (16)          |  action (8)   |
 *  |                            flags (32)                         |
 * ``` */
export interface RuleMessage {
  readonly family: number;
  readonly toLength: number;
  readonly fromLength: number;
  readonly tos: number;
  readonly table: number;
  /** FR_ACT_*. */
  readonly action: number;
  readonly flags: number;
  readonly attributes: AttributeList;
}

export function decodeRule(payload: Uint8Array): RuleMessage {
  const reader = new ByteReader(payload);
  const family = reader.u8('family');
  const toLength = reader.u8('dst_len');
  const fromLength = reader.u8('src_len');
  const tos = reader.u8('tos');
  const table = reader.u8('table');
  reader.bytes(2, 'reserved');
  const action = reader.u8('action');
  const flags = reader.u32le('flags');
  return { family, toLength, fromLength, tos, table, action, flags, attributes: decodeAttributes(reader, ruleAttributes) };
}

export function encodeRule(it: RuleMessage): Uint8Array {
  const writer = new ByteWriter().u8(it.family).u8(it.toLength).u8(it.fromLength).u8(it.tos);
  writer.u8(it.table).zeros(2).u8(it.action).u32le(it.flags);
  encodeAttributes(writer, it.attributes, ruleAttributes);
  return writer.finish();
}
