/** What a server that is the authority for some zones, and for nothing else, answers (RFC 1034 section 4.3.2). Pure. */
import { type Edns, ednsOf, ednsRecord, ednsVersion } from '../../wire/dns/edns.ts';
import {
  anyType,
  decodeMessage,
  encodeMessage,
  headerLength,
  IN,
  longestMessage,
  type Message,
  opcodes,
  type Question,
  type ResourceRecord,
  rcodes,
} from '../../wire/dns/message.ts';
import { isWithin } from '../../wire/dns/name.ts';
import { typeNumber, typeOf } from '../../wire/dns/records/index.ts';
import type { Zone } from './zone.ts';

/** Longest answer over UDP without EDNS (RFC 1035 section 4.2.1), and with it: what passes any Ethernet unfragmented. */
const plainUdpSize = 512;
const largestUdpSize = 1232;

/** No query is longer, in bytes; reading what is may take a long time, as each of its names may point to a long one. */
const longestQuery = 4096;

/** From this QTYPE on a query asks for no type of record: IXFR, AXFR, MAILB, MAILA; ANY is the one that is answered. */
const firstMetaType = 249;

/** What of an answer depends on its question alone. */
type Body = Pick<Message, 'authoritative' | 'answers' | 'authorities' | 'additionals'> & { readonly rcode: number };

const nothing: Body = { authoritative: false, rcode: rcodes.NOERROR, answers: [], authorities: [], additionals: [] };
const refusal = (rcode: number): Body => ({ ...nothing, rcode });

/**
 * The answer to a datagram, or to a message of TCP; undefined where none is due: to an answer, and to what has no header.
 * What cannot be read is answered with FORMERR.
 */
export function respond(zones: readonly Zone[], bytes: Uint8Array, transport: 'udp' | 'tcp'): Uint8Array | undefined {
  const query = decodeQuery(bytes);
  if (query === undefined || query.response) return undefined;
  const edns = ednsOf(query);
  const given = edns === 'twice' ? undefined : edns;
  const body = edns === 'twice' ? refusal(rcodes.FORMERR) : bodyFor(zones, query, given);
  const largest = transport === 'tcp' ? longestMessage : largestFor(given);
  return fit(answerTo(query, body, given), largest);
}

/** What cannot be read is left with its header alone, and no question that it could be answered with. */
function decodeQuery(bytes: Uint8Array): Message | undefined {
  if (bytes.length < headerLength) return undefined;
  const header = Uint8Array.from(bytes.subarray(0, headerLength)).fill(0, 4);
  if (bytes.length > longestQuery) return decodeMessage(header);
  try {
    return decodeMessage(bytes);
  } catch {
    return decodeMessage(header);
  }
}

function bodyFor(zones: readonly Zone[], query: Message, edns: Edns | undefined): Body {
  const [question, second] = query.questions;
  if (query.opcode !== opcodes.QUERY) return refusal(rcodes.NOTIMP);
  if (edns !== undefined && edns.version > ednsVersion) return refusal(rcodes.BADVERS);
  if (question === undefined || second !== undefined) return refusal(rcodes.FORMERR);
  // Nobody has given us a key, so that no signature can be believed (RFC 8945 section 5.2.1).
  if (query.additionals.some((it) => it.data.kind === 'TSIG')) return refusal(rcodes.NOTAUTH);
  return answer(zones, question);
}

/** What the zones say to a question. */
function answer(zones: readonly Zone[], question: Question): Body {
  const zone = zones.filter((it) => isWithin(question.name, it.origin)).sort((a, b) => b.origin.length - a.origin.length)[0];
  const isTransfer = question.type >= firstMetaType && question.type !== anyType;
  if (zone === undefined || question.class !== IN || isTransfer) return refusal(rcodes.REFUSED);
  const records = zone.names.get(question.name.toLowerCase());
  // The name as it was asked for, in its own case.
  const answers = (records ?? [])
    .filter((it) => question.type === anyType || typeOf(it.data) === question.type)
    .map((it) => ({ ...it, name: question.name }));
  if (answers.length > 0) return { ...nothing, authoritative: true, answers, additionals: addressesOf(zones, answers) };
  const rcode = records === undefined ? rcodes.NXDOMAIN : rcodes.NOERROR;
  // How long nobody need ask again (RFC 2308 section 3).
  return { ...nothing, authoritative: true, rcode, authorities: [zone.soa] };
}

/** The addresses of the name servers in an answer. */
function addressesOf(zones: readonly Zone[], answers: readonly ResourceRecord[]): readonly ResourceRecord[] {
  const targets = answers.flatMap(({ data }) => (data.kind === 'NS' ? [data.target] : []));
  const records = targets.flatMap((target) => zones.flatMap((zone) => zone.names.get(target) ?? []));
  return records.filter((it) => typeOf(it.data) === typeNumber.A);
}

function answerTo(query: Message, body: Body, edns: Edns | undefined): Message {
  const upperRcode = body.rcode >>> 4;
  const own = { udpSize: largestUdpSize, version: ednsVersion, upperRcode, dnssec: edns?.dnssec ?? false };
  return {
    ...body,
    id: query.id,
    response: true,
    opcode: query.opcode,
    truncated: false,
    recursionDesired: query.recursionDesired,
    recursionAvailable: false,
    reserved: 0,
    rcode: body.rcode & 15,
    // Many may be far longer when they are written than they came: whose address was forged would get them all.
    questions: query.questions.length === 1 ? query.questions : [],
    additionals: [...body.additionals, ...(edns === undefined ? [] : [ednsRecord(own)])],
  };
}

const largestFor = (edns: Edns | undefined): number =>
  edns === undefined ? plainUdpSize : Math.min(largestUdpSize, Math.max(plainUdpSize, edns.udpSize));

/** What is too long is cut: first what nobody asked for, then all, and TC says so (RFC 2181 section 9). */
function fit(message: Message, largest: number): Uint8Array {
  const whole = encodeMessage(message);
  if (whole.length <= largest) return whole;
  const additionals = message.additionals.filter((it) => it.data.kind === 'OPT');
  const asked = encodeMessage({ ...message, additionals });
  if (asked.length <= largest) return asked;
  return encodeMessage({ ...message, truncated: true, answers: [], authorities: [], additionals });
}
