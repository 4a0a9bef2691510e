/** Messages of sock_diag as JSON in the field's notation: what stands beside a capture. */
import { formatIpv4, ipv4FromBytes } from '../../src/net/ipv4.ts';
import {
  decodeDiag,
  decodeDiagRequest,
  encodeDiag,
  encodeDiagRequest,
  SOCK_DESTROY,
  SOCK_DIAG_BY_FAMILY,
  type SocketId,
} from '../../src/wire/diag/inet-diag.ts';
import type { AttributeList } from '../../src/wire/netlink/attribute.ts';
import { decodeMessages, encodeMessage, type NetlinkMessage, NLM_F_REQUEST } from '../../src/wire/netlink/message.ts';

/** Control messages (acknowledgements, the end of a dump) are rtnetlink's business. */
const isOurs = ({ type }: NetlinkMessage): boolean => type === SOCK_DIAG_BY_FAMILY || type === SOCK_DESTROY;
const isRequest = ({ flags }: NetlinkMessage): boolean => (flags & NLM_F_REQUEST) !== 0;

/** @throws WireError */
export function datagramToJson(datagram: Uint8Array): unknown {
  return decodeMessages(datagram).filter(isOurs).map(messageToJson);
}

function messageToJson(message: NetlinkMessage): unknown {
  const { type, flags, payload } = message;
  const { id, attributes, ...fields } = isRequest(message) ? decodeDiagRequest(payload) : decodeDiag(payload);
  return { type, flags, ...fields, id: idToJson(id), attributes: attributesToJson(attributes) };
}

function idToJson({ source, destination, ...it }: SocketId): unknown {
  return { ...it, source: addressToJson(source), destination: addressToJson(destination) };
}

/** What fills the first four bytes alone is an IPv4 address. */
const addressToJson = (bytes: Uint8Array): string =>
  bytes.subarray(4).every((it) => it === 0) ? formatIpv4(ipv4FromBytes(bytes)) : Buffer.from(bytes).toString('hex');

const attributesToJson = (list: AttributeList): unknown =>
  list.decoded().map((it) => ('name' in it ? it : { type: it.type, bytes: Buffer.from(it.bytes).toString('hex') }));

/** Reads a datagram and writes what was read. */
export function writeAgain(datagram: Uint8Array): Uint8Array {
  const messages = decodeMessages(datagram).map((message) => {
    if (!isOurs(message)) return encodeMessage(message);
    const { payload } = message;
    const again = isRequest(message) ? encodeDiagRequest(decodeDiagRequest(payload)) : encodeDiag(decodeDiag(payload));
    return encodeMessage({ ...message, payload: again });
  });
  return new Uint8Array(Buffer.concat(messages));
}
