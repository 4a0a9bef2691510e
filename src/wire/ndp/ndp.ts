/**
 * Neighbour Discovery for IPv6 (RFC 4861): solicitations and advertisements of neighbours, as whole Ethernet frames;
 * with the probe of Duplicate Address Detection (RFC 4862 section 5.4.2).
 */
import { type Ipv6, ipv6FromBytes } from '../../net/ipv6.ts';
import { type Mac, macBytes, macFromBytes } from '../../net/mac.ts';
import { ipv6Bytes } from '../../net/prefix6.ts';
import { ByteReader, ByteWriter } from '../bytes.ts';
import { checksum, sumOf } from '../checksum.ts';

export const ETH_P_IPV6 = 0x86dd;

const ICMPV6 = 58;
const SOLICITATION = 135;
const ADVERTISEMENT = 136;

/** Options (RFC 4861 section 4.6): whose link-layer address it is, of who asks or of the target. */
const SOURCE_ADDRESS = 1;
const TARGET_ADDRESS = 2;

/** An option: its length is a multiple of eight bytes, with type and length. */
export interface NdpOption {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** ```
 *  destination (48) | source (48) | 0x86dd (16)                               Ethernet II
 *  6 (4) | traffic class and flow label (28) | length (16) | 58 (8) | 255 (8) RFC 8200
 *  from (128) | to (128)
 *  135 or 136 (8) | 0 (8) | checksum (16) | flags (32) | target (128)         RFC 4861 sections 4.3, 4.4
 *  options: type (8) | length in eights of bytes (8) | …
 * ``` */
export interface Ndp {
  readonly destination: Mac;
  readonly source: Mac;
  /** Traffic class and flow label. */
  readonly flow: number;
  readonly from: Ipv6;
  readonly to: Ipv6;
  readonly kind: 'solicitation' | 'advertisement';
  /** Of an advertisement: 0x80000000 router, 0x40000000 solicited, 0x20000000 override. */
  readonly flags: number;
  readonly target: Ipv6;
  readonly options: readonly NdpOption[];
}

const ROUTER = 0x8000_0000;
const OVERRIDE = 0x2000_0000;

/** @throws WireError for a frame that is neither; padding behind it is ignored. */
export function decodeNdp(frame: Uint8Array): Ndp {
  const reader = new ByteReader(frame);
  const destination = macFromBytes(reader.bytes(6, 'the destination'));
  const source = macFromBytes(reader.bytes(6, 'the source'));
  const expect = (value: number, wanted: number, what: string): void => {
    if (value !== wanted) reader.fail(`${what} is ${value}, not ${wanted}`);
  };
  expect(reader.u16('the EtherType'), ETH_P_IPV6, 'the EtherType');
  const first = reader.u32('version and flow');
  expect(first >>> 28, 6, 'the version');
  const length = reader.u16('the payload length');
  expect(reader.u8('the next header'), ICMPV6, 'the next header');
  // A router would have made it less: it comes from this link (RFC 4861 section 7.1).
  expect(reader.u8('the hop limit'), 255, 'the hop limit');
  const [from, to] = [ipv6FromBytes(reader.bytes(16, 'from')), ipv6FromBytes(reader.bytes(16, 'to'))];
  const payload = reader.bytes(length, 'the payload');
  if (checksumOf(from, to, payload) !== 0) reader.fail('the checksum is wrong');
  return { destination, source, flow: first & 0x0fff_ffff, from, to, ...decodePayload(payload) };
}

function decodePayload(payload: Uint8Array): Pick<Ndp, 'kind' | 'flags' | 'target' | 'options'> {
  const reader = new ByteReader(payload);
  const type = reader.u8('the type');
  if (type !== SOLICITATION && type !== ADVERTISEMENT) reader.fail(`type ${type} is neither 135 nor 136`);
  const code = reader.u8('the code');
  if (code !== 0) reader.fail(`the code is ${code}, not 0`);
  reader.skip(2, 'the checksum');
  const flags = reader.u32('the flags');
  const target = ipv6FromBytes(reader.bytes(16, 'the target'));
  const options: NdpOption[] = [];
  while (reader.left > 0) {
    const option = reader.u8('the type of an option');
    const eights = reader.u8('the length of an option');
    if (eights === 0) reader.fail('an option of length 0');
    options.push({ type: option, bytes: reader.bytes(eights * 8 - 2, 'the option') });
  }
  return { kind: type === SOLICITATION ? 'solicitation' : 'advertisement', flags, target, options };
}

export function encodeNdp(it: Ndp): Uint8Array {
  const payload = encodePayload(it);
  return new ByteWriter()
    .bytes(macBytes(it.destination))
    .bytes(macBytes(it.source))
    .u16(ETH_P_IPV6)
    .u32(0x6000_0000 + it.flow)
    .u16(payload.length)
    .u8(ICMPV6)
    .u8(255)
    .bytes(ipv6Bytes(it.from))
    .bytes(ipv6Bytes(it.to))
    .bytes(payload)
    .finish();
}

function encodePayload(it: Ndp): Uint8Array {
  const write = (sum: number): Uint8Array => {
    const writer = new ByteWriter()
      .u8(it.kind === 'solicitation' ? SOLICITATION : ADVERTISEMENT)
      .u8(0)
      .u16(sum);
    writer.u32(it.flags).bytes(ipv6Bytes(it.target));
    for (const { type, bytes } of it.options)
      writer
        .u8(type)
        .u8((bytes.length + 2) / 8)
        .bytes(bytes);
    return writer.finish();
  };
  return write(checksumOf(it.from, it.to, write(0)));
}

/** RFC 4443 section 2.3, with the pseudo-header of RFC 8200 section 8.1; over a payload with its checksum it is 0. */
function checksumOf(from: Ipv6, to: Ipv6, payload: Uint8Array): number {
  const pseudo = new ByteWriter().bytes(ipv6Bytes(from)).bytes(ipv6Bytes(to)).u32(payload.length).u32(ICMPV6);
  return checksum(sumOf(pseudo.finish()) + sumOf(payload));
}

/** The group that a neighbour with this address listens to (RFC 4291 section 2.7.1). */
function solicitedNode(address: Ipv6): Ipv6 {
  const [a = 0, b = 0, c = 0] = ipv6Bytes(address).subarray(13);
  return ipv6FromBytes(Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c));
}

/** Where Ethernet sends what is for a group (RFC 2464 section 7). */
const groupMac = (group: Ipv6): Mac => macFromBytes(Uint8Array.of(0x33, 0x33, ...ipv6Bytes(group).subarray(12)));

/** "Does anybody have this address?" without saying that we do (RFC 4862 section 5.4.2). */
export function ndpProbe(mac: Mac, address: Ipv6): Ndp {
  const to = solicitedNode(address);
  const ask = { kind: 'solicitation', flags: 0, target: address, options: [] } as const;
  return { destination: groupMac(to), source: mac, flow: 0, from: '::', to, ...ask };
}

/**
 * "This address is mine now", unsolicited and with override: corrects every neighbour's cache (RFC 4861 section 7.2.6).
 * A router has to say that it is one: whoever has it as a router takes it off its list otherwise (section 7.2.5).
 */
export function ndpAnnouncement(mac: Mac, address: Ipv6, as: 'host' | 'router' = 'host'): Ndp {
  const to = 'ff02::1';
  const options = [{ type: TARGET_ADDRESS, bytes: macBytes(mac) }];
  return {
    ...{ destination: groupMac(to), source: mac, flow: 0, from: address, to },
    ...{ kind: 'advertisement', flags: as === 'router' ? ROUTER + OVERRIDE : OVERRIDE, target: address, options },
  };
}

/**
 * Who else has the address that is probed, or is about to take it (RFC 4862 sections 5.4.3 and 5.4.4): the one that
 * advertises it, or probes for it too. Undefined when the frame says nothing of the kind.
 */
export function holderIn(heard: Ndp, own: { readonly mac: Mac; readonly address: Ipv6 }): Mac | undefined {
  const isProbe = heard.kind === 'solicitation' && heard.from === '::';
  if (heard.target !== own.address || heard.source === own.mac) return undefined;
  if (heard.kind === 'solicitation' && !isProbe) return undefined;
  const said = heard.options.find((it) => it.type === (isProbe ? SOURCE_ADDRESS : TARGET_ADDRESS));
  return said?.bytes.length === 6 ? macFromBytes(said.bytes) : heard.source;
}
