/** DHCP options (RFC 2132 and those named beside each): one line per option; the neighbour is the template. */
import { type Ipv4, ipv4Bytes, ipv4FromBytes } from '../../net/ipv4.ts';
import type { Prefix } from '../../net/prefix.ts';
import { ByteReader, ByteWriter, WireError } from '../bytes.ts';
import { decodeNames, encodeNames } from './names.ts';

/** Option 53 (RFC 2132 section 9.6). */
export const messageTypes = ['discover', 'offer', 'request', 'decline', 'ack', 'nak', 'release', 'inform'] as const;

export type MessageType = (typeof messageTypes)[number];

/** A route; `via` 0.0.0.0 means that the prefix is on the link itself (RFC 3442). */
export interface DhcpRoute {
  readonly to: Prefix;
  readonly via: Ipv4;
}

/** Flags of option 81 (RFC 4702 section 2.1): S, the server keeps the A record; E, the name is in canonical wire form; N, the server updates nothing. */
export const FQDN_SERVER = 1;
export const FQDN_CANONICAL = 4;
export const FQDN_NO_UPDATE = 8;

/** Option 81 (RFC 4702 section 2). The name is in canonical form where the flag E says so, else bare text. */
export interface ClientFqdn {
  /** {@link FQDN_SERVER} and its like; 2 (O): the server overrode the client's S. */
  readonly flags: number;
  readonly rcode1: number;
  readonly rcode2: number;
  readonly name: string;
}

/** What each option means. Text is as it came, a byte per character; times are seconds. */
export interface OptionValues {
  readonly subnetMask: Ipv4;
  readonly routers: readonly Ipv4[];
  readonly resolvers: readonly Ipv4[];
  readonly hostname: string;
  readonly domain: string;
  readonly mtu: number;
  readonly broadcast: Ipv4;
  /** Classful: the prefix's length is not told. */
  readonly staticRoutes: readonly (readonly [to: Ipv4, via: Ipv4])[];
  readonly ntpServers: readonly Ipv4[];
  readonly requestedAddress: Ipv4;
  readonly leaseSeconds: number;
  readonly messageType: MessageType;
  readonly server: Ipv4;
  readonly parameters: readonly number[];
  readonly message: string;
  readonly mostBytes: number;
  readonly renewSeconds: number;
  readonly rebindSeconds: number;
  readonly vendorClass: string;
  /** Pairs of hex digits with colons; the first byte is the type (RFC 2132 section 9.14, RFC 4361). */
  readonly clientId: string;
  readonly fqdn: ClientFqdn;
  readonly search: readonly string[];
  readonly classlessRoutes: readonly DhcpRoute[];
}

type OptionName = keyof OptionValues;

/** An option that is known and well-formed, or its bytes. */
export type DhcpOption =
  | { [K in OptionName]: { readonly option: K; readonly value: OptionValues[K] } }[OptionName]
  | { readonly option: 'other'; readonly code: number; readonly value: Uint8Array };

interface Codec<T> {
  readonly code: number;
  readonly decode: (reader: ByteReader) => T;
  readonly encode: (writer: ByteWriter, value: T) => void;
}

const number = (code: number, width: 'u16' | 'u32'): Codec<number> => ({
  code,
  decode: (reader) => reader[width](),
  encode: (writer, value) => void writer[width](value),
});

const address = (code: number): Codec<Ipv4> => ({
  code,
  decode: (reader) => ipv4FromBytes(reader.bytes(4)),
  encode: (writer, value) => void writer.bytes(ipv4Bytes(value)),
});

const listOf = <T>(code: number, item: Pick<Codec<T>, 'decode' | 'encode'>): Codec<readonly T[]> => ({
  code,
  decode: (reader) => {
    const list = [item.decode(reader)];
    while (reader.left > 0) list.push(item.decode(reader));
    return list;
  },
  encode: (writer, values) => {
    for (const value of values) item.encode(writer, value);
  },
});

const text = (code: number): Codec<string> => ({
  code,
  decode: (reader) => (reader.left === 0 ? reader.fail('empty text') : decodeText(reader.rest())),
  encode: (writer, value) => void writer.bytes(encodeText(value)),
});

const decodeText = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
const encodeText = (value: string): Uint8Array => Uint8Array.from(value, (character) => character.charCodeAt(0));

const clientId: Codec<string> = {
  code: 61,
  decode: (reader) =>
    reader.left < 2 ? reader.fail('too short') : [...reader.rest()].map((it) => it.toString(16).padStart(2, '0')).join(':'),
  encode: (writer, value) => void writer.bytes(Uint8Array.from(value.split(':'), (pair) => Number.parseInt(pair, 16))),
};

const pair: Pick<Codec<readonly [Ipv4, Ipv4]>, 'decode' | 'encode'> = {
  decode: (reader) => [ipv4FromBytes(reader.bytes(4)), ipv4FromBytes(reader.bytes(4))],
  encode: (writer, [to, via]) => void writer.bytes(ipv4Bytes(to)).bytes(ipv4Bytes(via)),
};

/** RFC 3442: as many bytes of the prefix as its length needs. */
const classlessRoute: Pick<Codec<DhcpRoute>, 'decode' | 'encode'> = {
  decode: (reader) => {
    const length = reader.u8('a prefix length');
    if (length > 32) reader.fail(`a prefix of ${length} bits`);
    const significant = reader.bytes(Math.ceil(length / 8), 'a prefix');
    const to = { address: ipv4FromBytes(Uint8Array.of(...significant, 0, 0, 0, 0)), length };
    return { to, via: ipv4FromBytes(reader.bytes(4, 'a router')) };
  },
  encode: (writer, { to, via }) =>
    void writer
      .u8(to.length)
      .bytes(ipv4Bytes(to.address).subarray(0, Math.ceil(to.length / 8)))
      .bytes(ipv4Bytes(via)),
};

function onlyName(reader: ByteReader): string {
  const [name = '', ...more] = decodeNames(new ByteReader(reader.rest()));
  return more.length === 0 ? name : reader.fail('more than one name');
}

const fqdn: Codec<ClientFqdn> = {
  code: 81,
  decode: (reader) => {
    const [flags, rcode1, rcode2] = [reader.u8(), reader.u8(), reader.u8()];
    const isCanonical = (flags & FQDN_CANONICAL) !== 0;
    return { flags, rcode1, rcode2, name: isCanonical ? onlyName(reader) : decodeText(reader.rest()) };
  },
  encode: (writer, { flags, rcode1, rcode2, name }) => {
    writer.u8(flags).u8(rcode1).u8(rcode2);
    if ((flags & FQDN_CANONICAL) !== 0) encodeNames(writer, [name]);
    else writer.bytes(encodeText(name));
  },
};

const codecs: { readonly [K in OptionName]: Codec<OptionValues[K]> } = {
  subnetMask: address(1),
  routers: listOf(3, address(3)),
  resolvers: listOf(6, address(6)),
  hostname: text(12),
  domain: text(15),
  mtu: number(26, 'u16'),
  broadcast: address(28),
  staticRoutes: listOf(33, pair),
  ntpServers: listOf(42, address(42)),
  requestedAddress: address(50),
  leaseSeconds: number(51, 'u32'),
  messageType: {
    code: 53,
    decode: (reader) => messageTypes[reader.u8() - 1] ?? reader.fail('no message type of RFC 2132'),
    encode: (writer, value) => void writer.u8(messageTypes.indexOf(value) + 1),
  },
  server: address(54),
  parameters: listOf(55, { decode: (reader) => reader.u8(), encode: (writer, value) => void writer.u8(value) }),
  message: text(56),
  mostBytes: number(57, 'u16'),
  renewSeconds: number(58, 'u32'),
  rebindSeconds: number(59, 'u32'),
  vendorClass: text(60),
  clientId,
  fqdn,
  /** RFC 3397. */
  search: { code: 119, decode: decodeNames, encode: encodeNames },
  classlessRoutes: listOf(121, classlessRoute),
};

const names = Object.keys(codecs) as OptionName[];
const nameByCode = new Map(names.map((name) => [codecs[name].code, name]));

/** The number that a parameter request list (option 55) asks with. */
export const codeOf = (name: OptionName): number => codecs[name].code;

/** An option from all its bytes. One that is known but not as its RFC says is kept as bytes: it says nothing. */
export function decodeOption(code: number, bytes: Uint8Array): DhcpOption {
  const name = nameByCode.get(code);
  const other = { option: 'other', code, value: bytes } as const;
  if (name === undefined) return other;
  try {
    const reader = new ByteReader(bytes);
    const value = codecs[name].decode(reader);
    // What TypeScript cannot follow: name and value belong to one line of the table.
    return reader.left === 0 ? ({ option: name, value } as DhcpOption) : other;
  } catch (error) {
    if (error instanceof WireError) return other;
    throw error;
  }
}

/** Its code and all its bytes. */
export function encodeOption(it: DhcpOption): { readonly code: number; readonly bytes: Uint8Array } {
  if (it.option === 'other') return { code: it.code, bytes: it.value };
  const writer = new ByteWriter();
  // As above: the value is the one that belongs to the name.
  const codec = codecs[it.option] as Codec<unknown>;
  codec.encode(writer, it.value);
  return { code: codec.code, bytes: writer.finish() };
}
