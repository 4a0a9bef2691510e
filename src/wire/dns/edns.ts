/** EDNS (RFC 6891): what the OPT record of a message says in its class and TTL. */
import type { Message, ResourceRecord } from './message.ts';

/** The version that we speak. */
export const ednsVersion = 0;

export interface Edns {
  /** Longest message over UDP that its sender takes, in bytes. */
  readonly udpSize: number;
  readonly version: number;
  /** The upper eight bits of the message's code. */
  readonly upperRcode: number;
  /** DO: DNSSEC's records are welcome (RFC 3225). */
  readonly dnssec: boolean;
}

/** `undefined` of a message without EDNS. @returns 'twice' where there is more than one OPT record */
export function ednsOf(message: Message): Edns | 'twice' | undefined {
  const [first, second] = message.additionals.filter((it) => it.data.kind === 'OPT');
  if (first === undefined) return undefined;
  if (second !== undefined) return 'twice';
  return {
    udpSize: first.class,
    version: (first.ttl >>> 16) & 0xff,
    upperRcode: first.ttl >>> 24,
    dnssec: (first.ttl & 0x8000) !== 0,
  };
}

export function ednsRecord(it: Edns): ResourceRecord {
  const ttl = ((it.upperRcode << 24) | (it.version << 16) | (it.dnssec ? 0x8000 : 0)) >>> 0;
  return { name: '.', class: it.udpSize, ttl, data: { kind: 'OPT', options: [] } };
}
