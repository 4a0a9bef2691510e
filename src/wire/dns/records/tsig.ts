/** TSIG: the signature of a message (RFC 8945 section 4.2); what is signed, and how, is in ../tsig.ts. */
import { decodeName, encodeName } from '../name.ts';
import type { RecordCodec } from './codec.ts';

export interface Tsig {
  /** `hmac-sha256` and its kin, as a domain name. */
  readonly algorithm: string;
  /** Seconds since 1970, in 48 bits. */
  readonly time: number;
  /** By so many seconds the clocks may differ. */
  readonly fudge: number;
  readonly mac: Uint8Array;
  /** The message's id before anybody passed it on. */
  readonly originalId: number;
  /** 0, or BADSIG, BADKEY, BADTIME, BADTRUNC. */
  readonly error: number;
  /** With BADTIME the server's own time, six bytes. */
  readonly other: Uint8Array;
}

export const tsig: RecordCodec<Tsig> = {
  type: 250,
  decode: (reader, message) => ({
    algorithm: decodeName(reader, message),
    time: reader.u16('Time Signed') * 2 ** 32 + reader.u32('Time Signed'),
    fudge: reader.u16('Fudge'),
    mac: reader.bytes(reader.u16('MAC Size'), 'the MAC'),
    originalId: reader.u16('Original ID'),
    error: reader.u16('Error'),
    other: reader.bytes(reader.u16('Other Len'), 'Other Data'),
  }),
  encode: (writer, it) => {
    encodeName(writer, it.algorithm);
    writer.u16(Math.floor(it.time / 2 ** 32)).u32(it.time % 2 ** 32);
    writer.u16(it.fudge).u16(it.mac.length).bytes(it.mac).u16(it.originalId);
    writer.u16(it.error).u16(it.other.length).bytes(it.other);
  },
};
