/**
 * Messages of NETLINK_NETFILTER (linux/netfilter/nfnetlink.h): the generation of the nftables ruleset, and tracked
 * connections. Numbers are in network order, other than rtnetlink's.
 */
import { ByteReader, ByteWriter } from '../bytes.ts';
import {
  type AttributeList,
  decodeAttributes,
  encodeAttributes,
  ipv4,
  nested,
  type Schema,
  schema,
  string,
  u8,
  u16be,
  u32,
  u32be,
} from '../netlink/attribute.ts';

/** The subsystem's number (NFNL_SUBSYS_*) in the upper byte. */
const NFNL_SUBSYS_CTNETLINK = 1 << 8;
const NFNL_SUBSYS_NFTABLES = 10 << 8;

export const IPCTNL_MSG_CT_NEW = NFNL_SUBSYS_CTNETLINK | 0;
export const IPCTNL_MSG_CT_GET = NFNL_SUBSYS_CTNETLINK | 1;
export const IPCTNL_MSG_CT_DELETE = NFNL_SUBSYS_CTNETLINK | 2;
export const NFT_MSG_NEWGEN = NFNL_SUBSYS_NFTABLES | 15;
export const NFT_MSG_GETGEN = NFNL_SUBSYS_NFTABLES | 16;

/** Multicast group of changes to the ruleset, and its bit in a netlink address. */
export const NFNLGRP_NFTABLES = 7;

/** An attribute with attributes within; the kernel asks for the flag in CTA_FILTER. */
export const NLA_F_NESTED = 0x8000;

/** NFT_MSG_NEWGEN: how often the ruleset was changed, and by whom last. */
export const generationAttributes = schema({
  NFTA_GEN_ID: [1, u32be],
  NFTA_GEN_PROC_PID: [2, u32be],
  NFTA_GEN_PROC_NAME: [3, string],
});

/** One direction of a connection. */
const tupleAttributes = schema({
  CTA_TUPLE_IP: [1, nested(schema({ CTA_IP_V4_SRC: [1, ipv4], CTA_IP_V4_DST: [2, ipv4] }))],
  CTA_TUPLE_PROTO: [
    2,
    nested(schema({ CTA_PROTO_NUM: [1, u8], CTA_PROTO_SRC_PORT: [2, u16be], CTA_PROTO_DST_PORT: [3, u16be] })),
  ],
  CTA_TUPLE_ZONE: [3, u16be],
});

/** Which parts of a tuple count in a dump (CTA_FILTER_FLAG); in the host's order. */
const filterAttributes = schema({ CTA_FILTER_ORIG_FLAGS: [1, u32], CTA_FILTER_REPLY_FLAGS: [2, u32] });

export const connectionAttributes = schema({
  CTA_TUPLE_ORIG: [1, nested(tupleAttributes)],
  CTA_TUPLE_REPLY: [2, nested(tupleAttributes)],
  CTA_STATUS: [3, u32be],
  CTA_TIMEOUT: [7, u32be],
  CTA_MARK: [8, u32be],
  CTA_USE: [11, u32be],
  CTA_ID: [12, u32be],
  CTA_ZONE: [18, u16be],
  CTA_FILTER: [25, nested(filterAttributes)],
});

/** CTA_FILTER_FLAG(CTA_PROTO_NUM) of net/netfilter/nf_internals.h. */
export const FILTER_PROTO_NUM = 1 << 3;

/** ```
 *  0                   1                   2                   3
 *  |  family (8)   |  version (8)  |        resource (16)          |   struct nfgenmsg
 * ``` */
export interface NetfilterMessage {
  readonly family: number;
  readonly version: number;
  /** In network order. */
  readonly resource: number;
  readonly attributes: AttributeList;
}

/** @throws WireError with an offset into the payload. */
export function decodeNetfilter(payload: Uint8Array, known: Schema): NetfilterMessage {
  const reader = new ByteReader(payload);
  const family = reader.u8('nfgen_family');
  const version = reader.u8('version');
  const resource = reader.u16('res_id');
  return { family, version, resource, attributes: decodeAttributes(reader, known) };
}

export function encodeNetfilter(it: NetfilterMessage, known: Schema): Uint8Array {
  const writer = new ByteWriter().u8(it.family).u8(it.version).u16(it.resource);
  encodeAttributes(writer, it.attributes, known);
  return writer.finish();
}
