/** RTM_*NSID (rtnetlink(7), struct rtgenmsg): the numbers by which one network namespace knows others. */
import { ByteReader, ByteWriter } from '../bytes.ts';
import { type AttributeList, decodeAttributes, encodeAttributes } from './attribute.ts';
import { namespaceAttributes } from './schemas.ts';

export const RTM_NEWNSID = 88;
export const RTM_GETNSID = 90;

/** NETNSA_NSID_NOT_ASSIGNED: in a request, whichever is free. */
export const NETNSA_NSID_NOT_ASSIGNED = -1;

/** ```
 *  |  family (8)   |                 padding (24)                  |   struct rtgenmsg
 * ``` */
export interface NamespaceMessage {
  readonly family: number;
  readonly attributes: AttributeList;
}

export function decodeNamespace(payload: Uint8Array): NamespaceMessage {
  const reader = new ByteReader(payload);
  const family = reader.u8('rtgen_family');
  reader.bytes(3, 'padding');
  return { family, attributes: decodeAttributes(reader, namespaceAttributes) };
}

export function encodeNamespace(it: NamespaceMessage): Uint8Array {
  const writer = new ByteWriter().u8(it.family).zeros(3);
  encodeAttributes(writer, it.attributes, namespaceAttributes);
  return writer.finish();
}
