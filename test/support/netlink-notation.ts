/** Netlink messages as JSON in the field's notation, both ways: what stands beside a capture. */
import { formatIpv4, parseIpv4 } from '../../src/net/ipv4.ts';
import {
  type Attribute,
  AttributeList,
  type AttributeValue,
  isIpv4Attribute,
  type NamedAttribute,
} from '../../src/wire/netlink/attribute.ts';
import { decodeMessages, encodeMessage, type NetlinkMessage } from '../../src/wire/netlink/message.ts';
import { type Body, decodeBody, encodeBody, messageTypeName, messageTypeNumber } from '../../src/wire/netlink/rtnetlink.ts';

type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

/** A datagram → its messages, every attribute decoded as deep as the schemas go. @throws WireError */
export function datagramToJson(datagram: Uint8Array): Json {
  return decodeMessages(datagram).map(messageToJson);
}

function messageToJson(message: NetlinkMessage): Json {
  const { type, flags, sequence, port } = message;
  const { kind, it } = decodeBody(message);
  return {
    type: messageTypeName(type),
    flags,
    sequence,
    port,
    kind,
    body: it instanceof Uint8Array ? hex(it) : fieldsToJson(it),
  };
}

function fieldsToJson(fields: object): Json {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, fieldToJson(value)]));
}

function fieldToJson(value: unknown): Json {
  if (value instanceof AttributeList) return attributesToJson(value);
  if (value instanceof Uint8Array) return hex(value);
  // What else a body holds are numbers, and the header of an acknowledged request.
  return typeof value === 'object' && value !== null ? fieldsToJson(value) : (value as number);
}

const attributesToJson = (list: AttributeList): Json => list.decoded().map(attributeToJson);

function attributeToJson(attribute: Attribute): Json {
  if (!('name' in attribute)) return { type: attribute.type, bytes: hex(attribute.bytes) };
  const { name, value, flags, bare } = attribute;
  return { [name]: valueToJson(name, value), ...(flags === undefined ? {} : { flags }), ...(bare === undefined ? {} : { bare }) };
}

function valueToJson(name: string, value: AttributeValue): Json {
  if (typeof value === 'number') return isIpv4Attribute(name) ? formatIpv4(value) : value;
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return { bytes: hex(value) };
  if (value instanceof AttributeList) return attributesToJson(value);
  return { header: hex(value.header), attributes: attributesToJson(value.attributes) };
}

/** The other way, for what stands in a file: what {@link datagramToJson} made → the datagram. */
export function datagramFromJson(messages: unknown): Uint8Array {
  // Our own notation, as the function above wrote it and people have read it.
  return new Uint8Array(Buffer.concat((messages as readonly JsonMessage[]).map(messageFromJson)));
}

interface JsonMessage {
  readonly type: string;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
  readonly kind: Body['kind'];
  readonly body: string | Readonly<Record<string, Json>>;
}

function messageFromJson({ type, flags, sequence, port, kind, body }: JsonMessage): Uint8Array {
  const it = typeof body === 'string' ? unhex(body) : fieldsFromJson(body);
  // The file says which kind of body it holds; a wrong one cannot be encoded to the bytes of its capture.
  const payload = encodeBody({ kind, it } as Body);
  return encodeMessage({ type: messageTypeNumber(type), flags, sequence, port, payload });
}

function fieldsFromJson(fields: Readonly<Record<string, Json>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, fieldFromJson(name, value)]));
}

function fieldFromJson(name: string, value: Json): unknown {
  if (name === 'attributes') return attributesFromJson(value);
  if (typeof value === 'string') return unhex(value);
  return value;
}

const attributesFromJson = (list: Json): AttributeList =>
  new AttributeList((list as readonly JsonAttribute[]).map(attributeFromJson));

type JsonAttribute = Readonly<Record<string, Json>>;

function attributeFromJson(json: JsonAttribute): Attribute {
  if (typeof json.bytes === 'string') return { type: Number(json.type), bytes: unhex(json.bytes) };
  const { flags, bare, ...rest } = json;
  const [[name, value] = ['', '']] = Object.entries(rest);
  const named: NamedAttribute = { name, value: valueFromJson(name, value) };
  return { ...named, ...(typeof flags === 'number' ? { flags } : {}), ...(bare === true ? { bare } : {}) };
}

function valueFromJson(name: string, value: Json): AttributeValue {
  if (typeof value === 'string') return isIpv4Attribute(name) ? (parseIpv4(value) ?? value) : value;
  if (typeof value === 'number') return value;
  if (Array.isArray(value)) return attributesFromJson(value);
  const { bytes, header, attributes } = value as Readonly<Record<string, Json>>;
  if (typeof bytes === 'string') return unhex(bytes);
  return { header: unhex(String(header)), attributes: attributesFromJson(attributes ?? []) };
}
