/**
 * Messages of NETLINK_SOCK_DIAG for sockets of TCP (sock_diag(7), linux/inet_diag.h): which there are, and that one is to
 * end. Ports and addresses are in network order, everything else in the host's.
 */
import { ByteReader, ByteWriter } from '../bytes.ts';
import { type AttributeList, decodeAttributes, encodeAttributes, noAttributes } from '../netlink/attribute.ts';

/** Request of a dump, and its answers. */
export const SOCK_DIAG_BY_FAMILY = 20;
/** Ends the socket as its peer's reset would: the program reads ECONNABORTED, and the peer is sent a RST. */
export const SOCK_DESTROY = 21;

/** ```
 *  |       source port (16)        |     destination port (16)     |   struct inet_diag_sockid
 *  |                      source address (128)                     |
 *  |                   destination address (128)                   |
 *  |                           link (32)                           |
 *  |                          cookie (64)                          |
 * ``` */
export interface SocketId {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** 16 bytes, of which an IPv4 address fills the first four. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly link: number;
  /** The kernel's number of the socket, as two halves; both 0xffffffff: whichever. */
  readonly cookie: readonly [number, number];
}

/** struct inet_diag_req_v2. */
export interface DiagRequest {
  readonly family: number;
  readonly protocol: number;
  /** What is asked for besides (INET_DIAG_*), a bit for each. */
  readonly extensions: number;
  /** Bits of the states that are meant, `1 << TCP_ESTABLISHED` and so on. */
  readonly states: number;
  readonly id: SocketId;
  readonly attributes: AttributeList;
}

/** struct inet_diag_msg. */
export interface DiagMessage {
  readonly family: number;
  readonly state: number;
  readonly timer: number;
  readonly retransmits: number;
  readonly id: SocketId;
  readonly expires: number;
  readonly receiveQueue: number;
  readonly sendQueue: number;
  readonly user: number;
  readonly inode: number;
  readonly attributes: AttributeList;
}

/** @throws WireError with an offset into the payload. */
export function decodeDiagRequest(payload: Uint8Array): DiagRequest {
  const reader = new ByteReader(payload);
  const family = reader.u8('sdiag_family');
  const protocol = reader.u8('sdiag_protocol');
  const extensions = reader.u8('idiag_ext');
  reader.skip(1, 'pad');
  const states = reader.u32le('idiag_states');
  const id = decodeId(reader);
  return { family, protocol, extensions, states, id, attributes: decodeAttributes(reader, noAttributes) };
}

export function encodeDiagRequest(it: DiagRequest): Uint8Array {
  const writer = new ByteWriter().u8(it.family).u8(it.protocol).u8(it.extensions).zeros(1).u32le(it.states);
  encodeId(writer, it.id);
  encodeAttributes(writer, it.attributes, noAttributes);
  return writer.finish();
}

/** @throws WireError with an offset into the payload. */
export function decodeDiag(payload: Uint8Array): DiagMessage {
  const reader = new ByteReader(payload);
  return {
    family: reader.u8('idiag_family'),
    state: reader.u8('idiag_state'),
    timer: reader.u8('idiag_timer'),
    retransmits: reader.u8('idiag_retrans'),
    id: decodeId(reader),
    expires: reader.u32le('idiag_expires'),
    receiveQueue: reader.u32le('idiag_rqueue'),
    sendQueue: reader.u32le('idiag_wqueue'),
    user: reader.u32le('idiag_uid'),
    inode: reader.u32le('idiag_inode'),
    attributes: decodeAttributes(reader, noAttributes),
  };
}

export function encodeDiag(it: DiagMessage): Uint8Array {
  const writer = new ByteWriter().u8(it.family).u8(it.state).u8(it.timer).u8(it.retransmits);
  encodeId(writer, it.id);
  writer.u32le(it.expires).u32le(it.receiveQueue).u32le(it.sendQueue).u32le(it.user).u32le(it.inode);
  encodeAttributes(writer, it.attributes, noAttributes);
  return writer.finish();
}

const decodeId = (reader: ByteReader): SocketId => ({
  sourcePort: reader.u16('idiag_sport'),
  destinationPort: reader.u16('idiag_dport'),
  source: reader.bytes(16, 'idiag_src'),
  destination: reader.bytes(16, 'idiag_dst'),
  link: reader.u32le('idiag_if'),
  cookie: [reader.u32le('idiag_cookie'), reader.u32le('idiag_cookie')],
});

function encodeId(writer: ByteWriter, it: SocketId): void {
  writer.u16(it.sourcePort).u16(it.destinationPort).bytes(it.source).bytes(it.destination);
  writer.u32le(it.link).u32le(it.cookie[0]).u32le(it.cookie[1]);
}
