/**
 * Netlink attributes (struct nlattr): a tree of type, length, value.
 *
 * A schema names the attributes of one place and says how their values are written. What a schema does not know, and
 * what is not written as it says, is kept as bytes and goes back unchanged: decoding and encoding again gives the
 * same bytes, whoever wrote them. Only the padding between attributes is ours: zeros.
 */

import { formatIpv4, ipv4Bytes, ipv4FromBytes } from '../../net/ipv4.ts';
import { macBytes, macFromBytes } from '../../net/mac.ts';
import { ByteReader, type ByteWriter, WireError } from '../bytes.ts';

export type AttributeValue = number | string | Uint8Array | AttributeList | Headed;

/** A struct and then attributes, as in VETH_INFO_PEER. */
export interface Headed {
  readonly header: Uint8Array;
  readonly attributes: AttributeList;
}

/** An attribute that the schema knows. */
export interface NamedAttribute {
  readonly name: string;
  readonly value: AttributeValue;
  /** NLA_F_NESTED and NLA_F_NET_BYTEORDER, where the writer set them. */
  readonly flags?: number;
  /** A string without its final NUL (iproute2 writes IFLA_INFO_KIND so). */
  readonly bare?: true;
}

/** An attribute as it stands in the message; `type` with its flags. */
export interface RawAttribute {
  readonly type: number;
  readonly bytes: Uint8Array;
}

export type Attribute = NamedAttribute | RawAttribute;

/** How the value of an attribute is written. `among` is the list it stands in: a link's kind says what its data is. */
export interface AttributeCodec {
  decode(reader: ByteReader, among: AttributeList): AttributeValue;
  encode(writer: ByteWriter, value: AttributeValue, among: AttributeList): void;
}

/** The attributes of one place, by their kernel names. */
export interface Schema {
  readonly byName: ReadonlyMap<string, { readonly type: number; readonly codec: AttributeCodec }>;
  readonly byType: ReadonlyMap<number, { readonly name: string; readonly codec: AttributeCodec }>;
}

/** All but NLA_F_NESTED (0x8000) and NLA_F_NET_BYTEORDER (0x4000). */
const typeMask = 0x3fff;

export function schema(table: Readonly<Record<string, readonly [type: number, codec: AttributeCodec]>>): Schema {
  const entries = Object.entries(table);
  return {
    byName: new Map(entries.map(([name, [type, codec]]) => [name, { type, codec }])),
    byType: new Map(entries.map(([name, [type, codec]]) => [type, { name, codec }])),
  };
}

export const noAttributes = schema({});

/**
 * Attributes in their order, with typed ways to ask for one. A value is decoded when it is asked for: the kernel tells
 * fifty things of a link, and few are wanted.
 */
export class AttributeList {
  /** As they were given, or as they stand in the message. */
  readonly items: readonly Attribute[];
  readonly #known: Schema;

  constructor(items: readonly Attribute[], known: Schema = noAttributes) {
    this.items = items;
    this.#known = known;
  }

  /** All of them, each decoded as far as the schema knows it. */
  decoded(): readonly Attribute[] {
    return this.items.map((item) => ('name' in item ? item : decodeAttribute(item, this.#known, this)));
  }

  #value(name: string): AttributeValue | undefined {
    const entry = this.#known.byName.get(name);
    const found = this.items.find((item) => ('name' in item ? item.name === name : (item.type & typeMask) === entry?.type));
    if (found === undefined || 'name' in found) return found?.value;
    return entry && valueOf(found, entry.codec, this);
  }

  number(name: string): number | undefined {
    const value = this.#value(name);
    return typeof value === 'number' ? value : undefined;
  }

  text(name: string): string | undefined {
    const value = this.#value(name);
    return typeof value === 'string' ? value : undefined;
  }

  bytes(name: string): Uint8Array | undefined {
    const value = this.#value(name);
    return value instanceof Uint8Array ? value : undefined;
  }

  nested(name: string): AttributeList | undefined {
    const value = this.#value(name);
    return value instanceof AttributeList ? value : undefined;
  }
}

/** An attribute whose bytes become a view when they are asked for: of the fifty of a link most never are. */
class ScannedAttribute implements RawAttribute {
  readonly type: number;
  readonly #reader: ByteReader;
  readonly #start: number;
  readonly #length: number;

  constructor(type: number, reader: ByteReader, start: number, length: number) {
    this.type = type;
    this.#reader = reader;
    this.#start = start;
    this.#length = length;
  }

  get bytes(): Uint8Array {
    return this.#reader.view(this.#start, this.#start + this.#length);
  }
}

/** Reads attributes up to the end of `reader`. @throws WireError when a length lies. */
export function decodeAttributes(reader: ByteReader, known: Schema): AttributeList {
  const items: RawAttribute[] = [];
  while (reader.left > 0) {
    const length = reader.u16le('nla_len');
    if (length < 4) reader.fail(`nla_len ${length} is shorter than its own header`);
    const type = reader.u16le('nla_type');
    items.push(new ScannedAttribute(type, reader, reader.skip(length - 4, 'the attribute'), length - 4));
    reader.align(4);
  }
  return new AttributeList(items, known);
}

/** Undefined for what the codec refuses, or does not read to the last byte. */
function valueOf(raw: RawAttribute, codec: AttributeCodec, among: AttributeList): AttributeValue | undefined {
  const reader = new ByteReader(raw.bytes);
  try {
    const value = codec.decode(reader, among);
    return reader.left > 0 ? undefined : value;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** What its codec cannot read stays as bytes. */
function decodeAttribute(raw: RawAttribute, known: Schema, among: AttributeList): Attribute {
  const entry = known.byType.get(raw.type & typeMask);
  const value = entry && valueOf(raw, entry.codec, among);
  if (entry === undefined || value === undefined) return raw;
  const flags = raw.type & ~typeMask;
  const bare = entry.codec === string && raw.bytes.at(-1) !== 0;
  return { name: entry.name, value, ...(flags === 0 ? {} : { flags }), ...(bare ? { bare } : {}) };
}

/** Writes attributes in their order. @throws Error for a name that the schema does not have: our own mistake. */
export function encodeAttributes(writer: ByteWriter, list: AttributeList, known: Schema): void {
  for (const attribute of list.items) {
    const start = writer.length;
    if ('name' in attribute) encodeNamed(writer, attribute, known, list);
    else writer.u16le(0).u16le(attribute.type).bytes(attribute.bytes);
    writer.patch16le(start, writer.length - start).align(4);
  }
}

function encodeNamed(writer: ByteWriter, attribute: NamedAttribute, known: Schema, among: AttributeList): void {
  const entry = known.byName.get(attribute.name);
  if (entry === undefined) throw new Error(`no attribute ${attribute.name} in this schema`);
  writer.u16le(0).u16le(entry.type | (attribute.flags ?? 0));
  if (attribute.bare === true) writer.bytes(encoder.encode(String(attribute.value)));
  else entry.codec.encode(writer, attribute.value, among);
}

/** Attributes by name and value, those that are undefined left out. */
export function attributes(table: Readonly<Record<string, AttributeValue | undefined>>): AttributeList {
  return new AttributeList(Object.entries(table).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }])));
}

function codec<T extends AttributeValue>(
  decode: (reader: ByteReader) => T,
  encode: (writer: ByteWriter, value: T) => void,
): AttributeCodec {
  // The schema pairs a name with its codec, so the value that comes back is of the codec's own type.
  return { decode, encode: (writer, value) => encode(writer, value as T) };
}

export const u8 = codec<number>(
  (r) => r.u8(),
  (w, v) => w.u8(v),
);
export const u16 = codec<number>(
  (r) => r.u16le(),
  (w, v) => w.u16le(v),
);
/** In network order, as ports and VLAN protocols are. */
export const u16be = codec<number>(
  (r) => r.u16(),
  (w, v) => w.u16(v),
);
export const u32 = codec<number>(
  (r) => r.u32le(),
  (w, v) => w.u32le(v),
);
/** In network order, as all numbers of nfnetlink are. */
export const u32be = codec<number>(
  (r) => r.u32(),
  (w, v) => w.u32(v),
);
export const s32 = codec<number>(
  (r) => r.s32le(),
  (w, v) => w.s32le(v),
);
export const bytes = codec<Uint8Array>(
  (r) => r.rest(),
  (w, v) => w.bytes(v),
);

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A string with its final NUL; one without is read too, and remembered as `bare`. Not UTF-8: it stays bytes. */
export const string = codec<string>(
  (r) => {
    const all = r.rest();
    const text = all.at(-1) === 0 ? all.subarray(0, -1) : all;
    if (text.includes(0)) r.fail('a NUL within a string');
    return asciiText(text) ?? utf8Text(r, text);
  },
  (w, v) => w.bytes(encoder.encode(v)).u8(0),
);

/** Names of links are ASCII, and are read ten times faster than TextDecoder would. */
function asciiText(bytes: Uint8Array): string | undefined {
  let text = '';
  for (const byte of bytes) {
    if (byte > 0x7f) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}

function utf8Text(reader: ByteReader, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return reader.fail('a string that is not UTF-8');
  }
}

/** A link-layer address of six bytes (`02:…`); longer and shorter ones stay bytes. */
export const mac = codec<string>(
  (r) => macFromBytes(r.bytes(6)),
  (w, v) => w.bytes(macBytes(v)),
);

/** An IPv4 address as its number; sixteen bytes of IPv6 stay bytes. */
export const ipv4 = codec<number>(
  (r) => ipv4FromBytes(r.bytes(4)),
  (w, v) => w.bytes(ipv4Bytes(v)),
);

/** Attributes within an attribute; which ones may depend on those that it stands among. */
export function nested(of: Schema | ((among: AttributeList) => Schema)): AttributeCodec {
  const pick = (among: AttributeList): Schema => (typeof of === 'function' ? of(among) : of);
  return {
    decode: (reader, among) => decodeAttributes(reader, pick(among)),
    // The schema pairs the name with this codec.
    encode: (writer, value, among) => encodeAttributes(writer, value as AttributeList, pick(among)),
  };
}

/** A struct of `length` bytes, then attributes. */
export function headed(length: number, of: () => Schema): AttributeCodec {
  return {
    decode: (reader) => ({ header: reader.bytes(length, 'the header'), attributes: decodeAttributes(reader, of()) }),
    encode: (writer, value) => {
      // The schema pairs the name with this codec.
      const it = value as Headed;
      writer.bytes(it.header);
      encodeAttributes(writer, it.attributes, of());
    },
  };
}

/** Attributes that hold an IPv4 address, as their numbers are written for people. */
export const isIpv4Attribute = (name: string): boolean =>
  /^(IFA_(ADDRESS|LOCAL|BROADCAST)|RTA_(DST|SRC|GATEWAY|PREFSRC)|NDA_DST|FRA_(DST|SRC))$/.test(name);

/** For people: `IFLA_IFNAME "eth0", 52 <4 bytes>`. */
export function describeAttributes(list: AttributeList): string {
  return list.decoded().map(describeAttribute).join(', ');
}

function describeAttribute(item: Attribute): string {
  return 'name' in item ? `${item.name} ${describeValue(item)}` : `${item.type & typeMask} <${item.bytes.length} bytes>`;
}

function describeValue({ name, value }: NamedAttribute): string {
  if (typeof value === 'number' && isIpv4Attribute(name)) return formatIpv4(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof AttributeList) return `[${describeAttributes(value)}]`;
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  return typeof value === 'object' ? `[${describeAttributes(value.attributes)}]` : String(value);
}
