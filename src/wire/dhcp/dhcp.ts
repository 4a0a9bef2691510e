/**
 * DHCP messages (RFC 2131), without the UDP that carries them.
 *
 * Promises: options keep their order, unknown ones survive; an option in several pieces is one (RFC 3396), wherever
 * the pieces lay (option 52); what its sender cut off is refused with an offset.
 */
import { type Ipv4, ipv4Bytes, ipv4FromBytes } from '../../net/ipv4.ts';
import { type Mac, macBytes, macFromBytes } from '../../net/mac.ts';
import { ByteReader, ByteWriter } from '../bytes.ts';
import { type DhcpOption, decodeOption, encodeOption, type OptionValues } from './options.ts';

export const serverPort = 67;
export const clientPort = 68;

/** ```
 *  op (8) | htype 1 (8) | hlen 6 (8) | hops (8)
 *  xid (32)
 *  secs (16) | B, 15 × 0 (16)
 *  ciaddr (32) | yiaddr (32) | siaddr (32) | giaddr (32)
 *  chaddr (16 × 8) | sname (64 × 8) | file (128 × 8)
 *  99.130.83.99 | options …
 * ``` */
export interface DhcpMessage {
  /** BOOTREQUEST, from clients, or BOOTREPLY. */
  readonly op: 'request' | 'reply';
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  /** The client cannot hear unicast yet. */
  readonly broadcast: boolean;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly giaddr: Ipv4;
  readonly chaddr: Mac;
  readonly options: readonly DhcpOption[];
}

/** The magic cookie (RFC 2131 section 3). */
const cookie = 0x63825363;
const snameLength = 64;
const fileLength = 128;

const PAD = 0;
const OVERLOAD = 52;
const END = 255;

/** Relays may drop what is shorter (RFC 1542 section 2.1). */
const leastBytes = 300;

/** @throws WireError */
export function decodeDhcp(bytes: Uint8Array): DhcpMessage {
  const reader = new ByteReader(bytes);
  const op = reader.u8('op');
  if (op !== 1 && op !== 2) reader.fail(`op is ${op}, neither request nor reply`);
  const expect = (value: number, wanted: number, what: string): void => {
    if (value !== wanted) reader.fail(`${what} is ${value}, not ${wanted}`);
  };
  expect(reader.u8('htype'), 1, 'htype');
  expect(reader.u8('hlen'), 6, 'hlen');
  const address = (what: string): Ipv4 => ipv4FromBytes(reader.bytes(4, what));
  const head = {
    op: op === 1 ? 'request' : 'reply',
    hops: reader.u8('hops'),
    xid: reader.u32('xid'),
    secs: reader.u16('secs'),
    broadcast: (reader.u16('flags') & 0x8000) !== 0,
    ciaddr: address('ciaddr'),
    yiaddr: address('yiaddr'),
    siaddr: address('siaddr'),
    giaddr: address('giaddr'),
    chaddr: macFromBytes(reader.bytes(16, 'chaddr')),
  } as const;
  const sname = reader.part(snameLength, 'sname');
  const file = reader.part(fileLength, 'file');
  expect(reader.u32('the cookie'), cookie, 'the cookie');
  return { ...head, options: decodeOptions(reader, file, sname) };
}

/** In the order of RFC 3396 section 5: the options field, then file, then sname, as far as option 52 says. */
function decodeOptions(field: ByteReader, file: ByteReader, sname: ByteReader): readonly DhcpOption[] {
  const pieces = new Map<number, Uint8Array[]>();
  gather(field, pieces);
  const overload = pieces.get(OVERLOAD)?.at(-1)?.at(0) ?? 0;
  pieces.delete(OVERLOAD);
  if ((overload & 1) !== 0) gather(file, pieces);
  if ((overload & 2) !== 0) gather(sname, pieces);
  return [...pieces].map(([code, parts]) => decodeOption(code, joined(parts)));
}

function gather(reader: ByteReader, pieces: Map<number, Uint8Array[]>): void {
  while (reader.left > 0) {
    const code = reader.u8();
    if (code === END) return;
    if (code === PAD) continue;
    const bytes = reader.bytes(reader.u8('the length of an option'), `option ${code}`);
    pieces.set(code, [...(pieces.get(code) ?? []), bytes]);
  }
}

const joined = (parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((it) => [...it]));

/** @param atLeast bytes in all; zeros follow the end */
export function encodeDhcp(it: DhcpMessage, atLeast = leastBytes): Uint8Array {
  const writer = new ByteWriter()
    .u8(it.op === 'request' ? 1 : 2)
    .u8(1)
    .u8(6)
    .u8(it.hops)
    .u32(it.xid)
    .u16(it.secs)
    .u16(it.broadcast ? 0x8000 : 0);
  for (const address of [it.ciaddr, it.yiaddr, it.siaddr, it.giaddr]) writer.bytes(ipv4Bytes(address));
  writer
    .bytes(macBytes(it.chaddr))
    .zeros(10 + snameLength + fileLength)
    .u32(cookie);
  for (const option of it.options) writeOption(writer, option);
  writer.u8(END);
  return writer.zeros(Math.max(0, atLeast - writer.length)).finish();
}

/** What is longer than an option can be is written in pieces (RFC 3396). */
function writeOption(writer: ByteWriter, option: DhcpOption): void {
  const { code, bytes } = encodeOption(option);
  for (let at = 0; at === 0 || at < bytes.length; at += 255) {
    const piece = bytes.subarray(at, at + 255);
    writer.u8(code).u8(piece.length).bytes(piece);
  }
}

/** The value of an option; undefined where it is not there, or not as its RFC says. */
export function optionOf<K extends keyof OptionValues>(it: Pick<DhcpMessage, 'options'>, name: K): OptionValues[K] | undefined {
  // The name of an option tells the type of its value.
  return it.options.find((option) => option.option === name)?.value as OptionValues[K] | undefined;
}
