/** DNS messages as JSON in the field's notation, both ways: what stands beside a capture. */
import { formatIpv4, ipv4 } from '../../src/net/ipv4.ts';
import type { Message, Question, ResourceRecord } from '../../src/wire/dns/message.ts';
import type { RecordData } from '../../src/wire/dns/records/index.ts';

const classes: Readonly<Record<number, string>> = { 1: 'IN', 3: 'CH', 254: 'NONE', 255: 'ANY' };

const className = (number: number): string => classes[number] ?? `CLASS${number}`;

const classNumber = (name: string): number =>
  Number(Object.entries(classes).find(([, it]) => it === name)?.[0] ?? name.slice('CLASS'.length));

const sections = ['answers', 'authorities', 'additionals'] as const;

export function messageToJson(it: Message): unknown {
  const records = sections.map((section) => [section, it[section].map(recordToJson)]);
  return {
    ...it,
    questions: it.questions.map((one) => ({ ...one, class: className(one.class) })),
    ...Object.fromEntries(records),
  };
}

function recordToJson({ data, ...it }: ResourceRecord): unknown {
  const values = Object.entries(data).map(([name, value]) => [name, valueToJson(data, name, value)]);
  // The class of an OPT record is a number of bytes.
  return { ...it, class: data.kind === 'OPT' ? it.class : className(it.class), data: Object.fromEntries(values) };
}

function valueToJson(data: RecordData, name: string, value: unknown): unknown {
  if (data.kind === 'A' && name === 'address') return formatIpv4(data.address);
  if (data.kind === 'OPT' && name === 'options') return data.options.map((it) => ({ ...it, bytes: hex(it.bytes) }));
  return value instanceof Uint8Array ? hex(value) : value;
}

const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`;

/** Our own notation, as the function above wrote it and people have read it. */
export function messageFromJson(json: unknown): Message {
  const it = json as Message & { readonly questions: readonly (Question & { readonly class: unknown })[] };
  const records = sections.map((section) => [section, it[section].map(recordFromJson)]);
  const questions = it.questions.map((one) => ({ ...one, class: classNumber(String(one.class)) }));
  return { ...it, questions, ...Object.fromEntries(records) };
}

function recordFromJson(it: ResourceRecord): ResourceRecord {
  const { data } = it;
  const values = Object.entries(data).map(([name, value]) => [name, valueFromJson(data.kind, name, value)]);
  const number = typeof it.class === 'number' ? it.class : classNumber(String(it.class));
  return { ...it, class: number, data: Object.fromEntries(values) as RecordData };
}

function valueFromJson(kind: string, name: string, value: unknown): unknown {
  if (kind === 'A' && name === 'address') return ipv4(String(value));
  if (kind === 'OPT' && name === 'options') {
    return (value as { code: number; bytes: string }[]).map((it) => ({ ...it, bytes: bytesOf(it.bytes) }));
  }
  return typeof value === 'string' && value.startsWith('0x') && name !== 'texts' ? bytesOf(value) : value;
}

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.slice(2), 'hex'));
