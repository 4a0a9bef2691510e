/**
 * Netlink attributes (struct nlattr): a tree of type, length, value.
 *
 * A schema names the attributes of one place and says how their values are written. What a schema does not know, and
 * what is not written as it says, is kept as bytes and goes back unchanged: decoding and encoding again gives the
 * same bytes, whoever wrote them.
 */
import { ByteReader, ByteWriter, WireError } from '../bytes.ts';
import { formatIpv4, type Ipv4, ipv4Bytes, ipv4FromBytes } from '../../net/ipv4.ts';
import { macBytes, macFromBytes } from '../../net/mac.ts';

export type AttributeValue = number | bigint | string | Uint8Array | AttributeList | Headed;

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

/** One attribute: known by name, or kept as bytes. */
export type Attribute = NamedAttribute | { readonly type: number; readonly bytes: Uint8Array };

/** How the value of an attribute is written. */
export interface AttributeCodec {
  decode(reader: ByteReader, before: AttributeList): AttributeValue;
  encode(writer: ByteWriter, value: AttributeValue, before: AttributeList): void;
}

/** The attributes of one place, by their kernel names. */
export interface Schema {
  readonly byName: ReadonlyMap<string, { readonly type: number; readonly codec: AttributeCodec }>;
  readonly byType: ReadonlyMap<number, { readonly name: string; readonly codec: AttributeCodec }>;
}

export const NLA_F_NESTED = 0x8000;
export const NLA_F_NET_BYTEORDER = 0x4000;
const typeMask = 0x3fff;

export function schema(table: Readonly<Record<string, readonly [type: number, codec: AttributeCodec]>>): Schema {
  const entries = Object.entries(table);
  return {
    byName: new Map(entries.map(([name, [type, codec]]) => [name, { type, codec }])),
    byType: new Map(entries.map(([name, [type, codec]]) => [type, { name, codec }])),
  };
}

/** Attributes in their order, with typed ways to ask for one. */
export class AttributeList {
  readonly items: readonly Attribute[];

  constructor(items: readonly Attribute[]) {
    this.items = items;
  }

  #value(name: string): AttributeValue | undefined {
    const found = this.items.find((item) => 'name' in item && item.name === name);
    return found !== undefined && 'name' in found ? found.value : undefined;
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

  has(name: string): boolean {
    return this.#value(name) !== undefined;
  }
}

/** Reads attributes up to the end of `reader`. @throws WireError when a length lies. */
export function decodeAttributes(reader: ByteReader, known: Schema): AttributeList {
  const items: Attribute[] = [];
  const list = new AttributeList(items);
  while (reader.left > 0) {
    const length = reader.u16le('nla_len');
    if (length < 4) reader.fail(`nla_len ${length} is shorter than its own header`);
    const type = reader.u16le('nla_type');
    items.push(decodeAttribute(reader.part(length - 4, `attribute ${type & typeMask}`), type, known, list));
    if (!reader.align(4)) reader.fail('padding that is not zero');
  }
  return list;
}

/** What its codec does not read to the last byte, or refuses, is kept as bytes. */
function decodeAttribute(reader: ByteReader, type: number, known: Schema, before: AttributeList): Attribute {
  const entry = known.byType.get(type & typeMask);
  const part = new ByteReader(reader.peek(), reader.offset);
  if (entry === undefined) return { type, bytes: reader.rest() };
  try {
    const value = entry.codec.decode(part, before);
    if (part.left > 0) return { type, bytes: reader.rest() };
    const flags = type & ~typeMask;
    const bare = entry.codec === string && reader.peek().at(-1) !== 0;
    return { name: entry.name, value, ...(flags === 0 ? {} : { flags }), ...(bare ? { bare } : {}) };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { type, bytes: reader.rest() };
  }
}

function encodeValue(attribute: NamedAttribute, codec: AttributeCodec, before: AttributeList): Uint8Array {
  const writer = new ByteWriter();
  codec.encode(writer, attribute.value, before);
  const written = writer.finish();
  return attribute.bare === true ? written.subarray(0, -1) : written;
}

/** Writes attributes in their order. @throws Error for a name that the schema does not have: our own mistake. */
export function encodeAttributes(writer: ByteWriter, attributes: AttributeList, known: Schema): void {
  attributes.items.forEach((attribute, index) => {
    const before = new AttributeList(attributes.items.slice(0, index));
    const start = writer.length;
    if ('name' in attribute) {
      const entry = known.byName.get(attribute.name);
      if (entry === undefined) throw new Error(`no attribute ${attribute.name} in this schema`);
      writer.u16le(0).u16le(entry.type | (attribute.flags ?? 0));
      writer.bytes(encodeValue(attribute, entry.codec, before));
    } else {
      writer.u16le(0).u16le(attribute.type).bytes(attribute.bytes);
    }
    writer.patch16le(start, writer.length - start).align(4);
  });
}

/** Attributes by name and value, those that are undefined left out. */
export function attributes(table: Readonly<Record<string, AttributeValue | undefined>>): AttributeList {
  return new AttributeList(
    Object.entries(table).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }])),
  );
}

function codec<T extends AttributeValue>(
  decode: (reader: ByteReader) => T,
  encode: (writer: ByteWriter, value: T) => void,
): AttributeCodec {
  // The schema pairs a name with its codec, so the value that comes back is of the codec's own type.
  return { decode, encode: (writer, value) => encode(writer, value as T) };
}

export const u8 = codec<number>((r) => r.u8(), (w, v) => w.u8(v));
export const u16 = codec<number>((r) => r.u16le(), (w, v) => w.u16le(v));
/** In network order, as ports and VLAN protocols are. */
export const u16be = codec<number>((r) => r.u16(), (w, v) => w.u16(v));
export const u32 = codec<number>((r) => r.u32le(), (w, v) => w.u32le(v));
export const s32 = codec<number>((r) => r.s32le(), (w, v) => w.s32le(v));
export const u64 = codec<bigint>((r) => r.u64le(), (w, v) => w.u64le(v));
export const bytes = codec<Uint8Array>((r) => r.rest(), (w, v) => w.bytes(v));

const utf8 = { encode: new TextEncoder(), decode: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }) };

/** A string with its final NUL; one without is read too, and remembered as `bare`. Not UTF-8: it stays bytes. */
export const string = codec<string>(
  (r) => {
    const all = r.rest();
    const text = all.at(-1) === 0 ? all.subarray(0, -1) : all;
    if (text.includes(0)) r.fail('a NUL within a string');
    try {
      return utf8.decode.decode(text);
    } catch {
      return r.fail('a string that is not UTF-8');
    }
  },
  (w, v) => w.bytes(utf8.encode.encode(v)).u8(0),
);

/** A link-layer address of six bytes (`02:…`); longer and shorter ones stay bytes. */
export const mac = codec<string>((r) => macFromBytes(r.bytes(6)), (w, v) => w.bytes(macBytes(v)));

/** An IPv4 address as its number; sixteen bytes of IPv6 stay bytes. */
export const ipv4 = codec<number>((r) => ipv4FromBytes(r.bytes(4)), (w, v) => w.bytes(ipv4Bytes(v as Ipv4)));

/** Attributes within an attribute; which ones may depend on those before it. */
export function nested(of: Schema | ((before: AttributeList) => Schema)): AttributeCodec {
  const pick = (before: AttributeList): Schema => (typeof of === 'function' ? of(before) : of);
  return {
    decode: (reader, before) => decodeAttributes(reader, pick(before)),
    encode: (writer, value, before) => encodeAttributes(writer, value as AttributeList, pick(before)),
  };
}

/** A struct of `length` bytes, then attributes. */
export function headed(length: number, of: () => Schema): AttributeCodec {
  return {
    decode: (reader) => ({ header: reader.bytes(length, 'the header'), attributes: decodeAttributes(reader, of()) }),
    encode: (writer, value) => {
      const it = value as Headed;
      writer.bytes(it.header);
      encodeAttributes(writer, it.attributes, of());
    },
  };
}

/** For the decoded dump of LANDLINE_DEBUG=netlink: `IFLA_IFNAME "eth0", 52 <4 bytes>`. */
export function describeAttributes(list: AttributeList): string {
  return list.items
    .map((item) => {
      if (!('name' in item)) return `${item.type & typeMask} <${item.bytes.length} bytes>`;
      const { name, value } = item;
      if (value instanceof AttributeList) return `${name} [${describeAttributes(value)}]`;
      if (value instanceof Uint8Array) return `${name} <${value.length} bytes>`;
      if (typeof value === 'object') return `${name} [${describeAttributes(value.attributes)}]`;
      const isAddress = /^(IFA|RTA|NDA)_/.test(name) && typeof value === 'number' && /ADDRESS|LOCAL|BROADCAST|GATEWAY|DST|SRC/.test(name);
      return `${name} ${isAddress ? formatIpv4(value as Ipv4) : typeof value === 'string' ? JSON.stringify(value) : value}`;
    })
    .join(', ');
}
