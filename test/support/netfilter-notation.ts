/** Messages of nfnetlink as JSON in the field's notation: what stands beside a capture. */
import { formatIpv4 } from '../../src/net/ipv4.ts';
import {
  connectionAttributes,
  decodeNetfilter,
  encodeNetfilter,
  generationAttributes,
  type NetfilterMessage,
  NFT_MSG_GETGEN,
  NFT_MSG_NEWGEN,
} from '../../src/wire/netfilter/netfilter.ts';
import { type Attribute, AttributeList, type AttributeValue, type Schema } from '../../src/wire/netlink/attribute.ts';
import { decodeMessages, encodeMessage, type NetlinkMessage } from '../../src/wire/netlink/message.ts';

type Json = string | number | readonly Json[] | { readonly [key: string]: Json };

const schemaOf = (type: number): Schema =>
  [NFT_MSG_GETGEN, NFT_MSG_NEWGEN].includes(type) ? generationAttributes : connectionAttributes;

/** Control messages (acknowledgements, the end of a dump) are rtnetlink's business. */
const isOurs = (message: NetlinkMessage): boolean => message.type >= 0x100;

/** @throws WireError */
export function datagramToJson(datagram: Uint8Array): Json {
  return decodeMessages(datagram).filter(isOurs).map(messageToJson);
}

function messageToJson({ type, flags, payload }: NetlinkMessage): Json {
  const { attributes, ...header } = decodeNetfilter(payload, schemaOf(type));
  return { type, flags, ...header, attributes: attributes.decoded().map(attributeToJson) };
}

function attributeToJson(attribute: Attribute): Json {
  if (!('name' in attribute)) return { type: attribute.type, bytes: Buffer.from(attribute.bytes).toString('hex') };
  return { [attribute.name]: valueToJson(attribute.name, attribute.value) };
}

function valueToJson(name: string, value: AttributeValue): Json {
  if (value instanceof AttributeList) return value.decoded().map(attributeToJson);
  if (typeof value === 'number') return /^CTA_IP_V4_/.test(name) ? formatIpv4(value) : value;
  return typeof value === 'string' ? value : { bytes: JSON.stringify(value) };
}

/** Reads a datagram and writes what was read, each attribute from its meaning. */
export function writeAgain(datagram: Uint8Array): Uint8Array {
  const messages = decodeMessages(datagram).map((message) => {
    if (!isOurs(message)) return encodeMessage(message);
    const known = schemaOf(message.type);
    const read = decodeNetfilter(message.payload, known);
    const again: NetfilterMessage = { ...read, attributes: deeply(read.attributes) };
    return encodeMessage({ ...message, payload: encodeNetfilter(again, known) });
  });
  return new Uint8Array(Buffer.concat(messages));
}

function deeply(list: AttributeList): AttributeList {
  return new AttributeList(
    list.decoded().map((it) => ('name' in it && it.value instanceof AttributeList ? { ...it, value: deeply(it.value) } : it)),
  );
}
