/**
 * Netlink messages (netlink(7), linux/netlink.h): the header, acknowledgements with the kernel's own words, and
 * datagrams that carry several messages.
 */
import { ByteReader, ByteWriter } from '../bytes.ts';
import { type AttributeList, decodeAttributes, encodeAttributes } from './attribute.ts';
import { extendedAckAttributes } from './schemas.ts';

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
/** The notification that a change makes goes to the one who asked, too. */
export const NLM_F_ECHO = 0x8;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
/** NLM_F_ROOT | NLM_F_MATCH */
export const NLM_F_DUMP = 0x300;
/** The acknowledgement holds the request's header only. */
const NLM_F_CAPPED = 0x100;
/** The acknowledgement carries attributes. */
const NLM_F_ACK_TLVS = 0x200;

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
    messages.push({ type, flags, sequence, port, payload: reader.bytes(length - headerLength, 'the message') });
    reader.align(4);
  }
  return messages;
}

/** The header of the request that an acknowledgement answers; its length counts the header. */
export interface RequestHeader {
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
}

/** An NLMSG_ERROR (struct nlmsgerr), which is also how the kernel says that all is well. */
export interface Acknowledgement {
  /** Positive, as in errno(3); 0 is success. */
  readonly errno: number;
  readonly request: RequestHeader;
  /** The request without its header; absent where the acknowledgement is NLM_F_CAPPED. */
  readonly payload?: Uint8Array;
  /** NLMSGERR_ATTR_*, where NLM_F_ACK_TLVS says so: {@link kernelSays}. */
  readonly attributes?: AttributeList;
}

export function decodeAcknowledgement(message: NetlinkMessage): Acknowledgement {
  const reader = new ByteReader(message.payload);
  const errno = 0 - reader.s32le('nlmsgerr.error');
  const length = reader.u32le('nlmsgerr.msg.nlmsg_len');
  const type = reader.u16le('nlmsgerr.msg.nlmsg_type');
  const flags = reader.u16le('nlmsgerr.msg.nlmsg_flags');
  const sequence = reader.u32le('nlmsgerr.msg.nlmsg_seq');
  const port = reader.u32le('nlmsgerr.msg.nlmsg_pid');
  const request = { length, type, flags, sequence, port };
  const capped = (message.flags & NLM_F_CAPPED) !== 0;
  return {
    errno,
    request,
    ...(capped ? {} : { payload: reader.bytes(length - headerLength, 'the request') }),
    ...extendedAck(message, reader),
  };
}

export function encodeAcknowledgement(it: Acknowledgement): Uint8Array {
  const { request } = it;
  const writer = new ByteWriter().s32le(-it.errno).u32le(request.length).u16le(request.type).u16le(request.flags);
  writer.u32le(request.sequence).u32le(request.port);
  if (it.payload !== undefined) writer.bytes(it.payload);
  if (it.attributes !== undefined) encodeAttributes(writer.align(4), it.attributes, extendedAckAttributes);
  return writer.finish();
}

/** An NLMSG_DONE: the end of a dump, with the dump's own refusal where there was one. */
export interface Done {
  /** Positive, as in errno(3); 0 is success. */
  readonly errno: number;
  readonly attributes?: AttributeList;
}

export function decodeDone(message: NetlinkMessage): Done {
  const reader = new ByteReader(message.payload);
  return { errno: 0 - reader.s32le('the errno of the dump'), ...extendedAck(message, reader) };
}

export function encodeDone(it: Done): Uint8Array {
  const writer = new ByteWriter().s32le(-it.errno);
  if (it.attributes !== undefined) encodeAttributes(writer, it.attributes, extendedAckAttributes);
  return writer.finish();
}

function extendedAck(message: NetlinkMessage, reader: ByteReader): { readonly attributes?: AttributeList } {
  if ((message.flags & NLM_F_ACK_TLVS) === 0) return {};
  reader.align(4);
  return { attributes: decodeAttributes(reader, extendedAckAttributes) };
}

/** NLMSGERR_ATTR_MSG: the kernel's own words for a refusal. */
export const kernelSays = (it: Acknowledgement | Done): string | undefined => it.attributes?.text('NLMSGERR_ATTR_MSG');
