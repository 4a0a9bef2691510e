/** What each record type's file is: its number, and its meaning from bytes and back. */
import type { ByteReader, ByteWriter } from '../../bytes.ts';
import type { WrittenNames } from '../name.ts';

export interface RecordCodec<T> {
  /** TYPE of RFC 1035 section 3.2.2, and of IANA's registry. */
  readonly type: number;
  /** Reads RDATA from a reader of just that; `message` is what pointers lead into. */
  readonly decode: (reader: ByteReader, message: Uint8Array) => T;
  /** Writes RDATA in its place in the message; `names` only for the types whose names may be compressed (RFC 3597 section 4). */
  readonly encode: (writer: ByteWriter, value: T, names: WrittenNames) => void;
}
