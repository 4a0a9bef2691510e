/**
 * Netlink messages (netlink(7), linux/netlink.h): the header, acknowledgements with the kernel's own words, and
 * datagrams that carry several messages.
 */
import { ByteReader, ByteWriter } from '../bytes.ts';
import { decodeAttributes } from './attribute.ts';
import { extendedAckAttributes } from './schemas.ts';

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLMSG_OVERRUN = 4;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_MULTI = 0x2;
export const NLM_F_ACK = 0x4;
/** The notification that a change makes goes to the one who asked, too. */
export const NLM_F_ECHO = 0x8;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
/** NLM_F_ROOT | NLM_F_MATCH */
export const NLM_F_DUMP = 0x300;
/** The acknowledgement holds the request's header only. */
export const NLM_F_CAPPED = 0x100;
/** The acknowledgement carries attributes. */
export const NLM_F_ACK_TLVS = 0x200;

/** ```
 *  0                   1                   2                   3
 *  |                          length (32)                          |   struct nlmsghdr
 *  |           type (16)           |          flags (16)           |
 *  |                       sequence (32)                           |
 *  |                        port id (32)                           |
 * ``` */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
  readonly payload: Uint8Array;
}

const headerLength = 16;

/** One message, padded to four bytes as the next one in a datagram needs it. */
export function encodeMessage(message: NetlinkMessage): Uint8Array {
  return new ByteWriter()
    .u32le(headerLength + message.payload.length)
    .u16le(message.type)
    .u16le(message.flags)
    .u32le(message.sequence)
    .u32le(message.port)
    .bytes(message.payload)
    .align(4)
    .finish();
}

/** Every message of a datagram. @throws WireError when a length lies. */
export function decodeMessages(datagram: Uint8Array): NetlinkMessage[] {
  const reader = new ByteReader(datagram);
  const messages: NetlinkMessage[] = [];
  while (reader.left > 0) {
    const length = reader.u32le('nlmsg_len');
    if (length < headerLength) reader.fail(`nlmsg_len ${length} is shorter than the header`);
    const type = reader.u16le('nlmsg_type');
    const flags = reader.u16le('nlmsg_flags');
    const sequence = reader.u32le('nlmsg_seq');
    const port = reader.u32le('nlmsg_pid');
    messages.push({ type, flags, sequence, port, payload: reader.bytes(length - headerLength, 'the payload') });
    reader.align(4);
  }
  return messages;
}

/** An NLMSG_ERROR: `errno` 0 is success. */
export interface Acknowledgement {
  /** Positive, as in errno(3). */
  readonly errno: number;
  /** NLMSGERR_ATTR_MSG: what the kernel says. */
  readonly message?: string;
  /** NLMSGERR_ATTR_OFFS: where in the request the trouble is, in bytes. */
  readonly offset?: number;
}

/** Takes an NLMSG_ERROR apart (struct nlmsgerr). */
export function decodeAcknowledgement(message: NetlinkMessage): Acknowledgement {
  const reader = new ByteReader(message.payload, headerLength);
  const errno = -reader.s32le('nlmsgerr.error');
  const requestLength = reader.u32le('nlmsgerr.msg.nlmsg_len');
  if ((message.flags & NLM_F_ACK_TLVS) === 0) return { errno };
  reader.bytes(headerLength - 4, 'the header of the request');
  if ((message.flags & NLM_F_CAPPED) === 0) {
    reader.bytes(requestLength - headerLength, 'the request');
    reader.align(4);
  }
  const attributes = decodeAttributes(reader, extendedAckAttributes);
  const text = attributes.text('NLMSGERR_ATTR_MSG');
  const offset = attributes.number('NLMSGERR_ATTR_OFFS');
  return { errno, ...(text === undefined ? {} : { message: text }), ...(offset === undefined ? {} : { offset }) };
}
