/** Whether our reading of a datagram and strace's agree, wherever both have a name for what they see. */

import { formatIpv4 } from '../../src/net/ipv4.ts';
import { type Attribute, AttributeList } from '../../src/wire/netlink/attribute.ts';
import { decodeMessages } from '../../src/wire/netlink/message.ts';
import { decodeBody, messageTypeName } from '../../src/wire/netlink/rtnetlink.ts';
import { fieldsOf, isList, type Term } from './strace-text.ts';

/** Throws at the first difference; returns how many attributes were compared. */
export function agree(bytes: Uint8Array, reading: Term): number {
  const messages = decodeMessages(bytes);
  const read = messagesOf(reading);
  same('how many messages', messages.length, read.length);
  return messages.reduce((sum, message, index) => {
    const [header, ...body] = read[index] ?? [];
    const type = String(fieldsOf(header)?.get('nlmsg_type'));
    const name = messageTypeName(message.type);
    if (Number.isNaN(Number(name))) same('the type of the message', name, type);
    return sum + agreeOnBody(decodeBody(message).it, body.flatMap(unwrapped));
  }, 0);
}

/** strace leaves the list around a single message, and around a single attribute, away. */
function messagesOf(reading: Term): readonly (readonly Term[])[] {
  if (!isList(reading)) throw new Error('no messages');
  return isList(reading[0]) ? reading.filter(isList) : [reading];
}

/** What an NLMSG_ERROR, and an NLMSG_DONE, hold stands one list deeper where attributes follow. */
const unwrapped = (term: Term): readonly Term[] => (isList(term) && fieldsOf(term[0])?.has('error') === true ? term : [term]);

function agreeOnBody(it: object, body: readonly Term[]): number {
  const lists = body.filter(isList);
  const attributes = 'attributes' in it ? it.attributes : undefined;
  if (!(attributes instanceof AttributeList) || lists.length === 0) return 0;
  return agreeOnAttributes(attributes, attributesOf(lists[0] ?? []));
}

interface ReadAttribute {
  readonly name: string;
  readonly value: Term | undefined;
}

function attributesOf(list: readonly Term[]): readonly ReadAttribute[] {
  const header = fieldsOf(list[0]);
  if (header?.has('nla_type') === true) return [{ name: String(header.get('nla_type')), value: list[1] }];
  return list.flatMap((term) => (isList(term) ? attributesOf(term) : attributesOf([term])));
}

function agreeOnAttributes(ours: AttributeList, theirs: readonly ReadAttribute[]): number {
  const decoded = ours.decoded();
  same('how many attributes', decoded.length, theirs.length);
  return decoded.reduce((sum, attribute, index) => sum + agreeOnAttribute(attribute, theirs[index]), 0);
}

function agreeOnAttribute(ours: Attribute, theirs: ReadAttribute | undefined): number {
  // strace 6.1 marks a flag as `NLA_F_NESTED|IFLA_…`, and knows no name for what is younger than it.
  const theirName = (theirs?.name ?? '').replace(/^(NLA_F_\w+\|)+/, '');
  if (!('name' in ours) || /^(0x)?[0-9a-f]+( |$)/.test(theirName)) return 0;
  same('the name of an attribute', ours.name, theirName);
  const value = theirs?.value;
  if (ours.value instanceof AttributeList) {
    return isList(value) ? 1 + agreeOnAttributes(ours.value, attributesOf(value)) : 1;
  }
  if (typeof value === 'string') agreeOnValue(ours.name, ours.value, value);
  return 1;
}

function agreeOnValue(name: string, ours: unknown, theirs: string): void {
  const quoted = /^"(.*)"(\.\.\.)?$/.exec(theirs)?.[1];
  const address = /^inet_addr\("(.*)"\)$/.exec(theirs)?.[1];
  const index = /^if_nametoindex/.test(theirs);
  // strace 6.1 prints no more than the first byte of a MAC in a message of family AF_BRIDGE.
  if (/^[0-9a-f]{2}$/.test(theirs) && typeof ours === 'string') same(name, ours.slice(0, 2), theirs);
  else if (typeof ours === 'string') same(name, ours, quoted?.replace(/\\0$/, '') ?? theirs);
  else if (typeof ours !== 'number' || index) return;
  else if (address !== undefined) same(name, formatIpv4(ours), address);
  else if (/^-?\d+$/.test(theirs) || /^0x[0-9a-f]+$/.test(theirs)) same(name, ours, Number(theirs));
}

function same(what: string, ours: unknown, theirs: unknown): void {
  if (ours !== theirs) throw new Error(`${what}: we read ${String(ours)}, strace reads ${String(theirs)}`);
}
