/** SOA: the start of a zone (RFC 1035 section 3.3.13). Times are seconds. */
import { decodeName, encodeName } from '../name.ts';
import type { RecordCodec } from './codec.ts';

export interface Soa {
  /** MNAME: the primary server, which takes updates. */
  readonly primary: string;
  /** RNAME: a mailbox, with a dot for its @. */
  readonly contact: string;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  /** How long a negative answer may be kept (RFC 2308 section 4). */
  readonly minimum: number;
}

export const soa: RecordCodec<Soa> = {
  type: 6,
  decode: (reader, message) => ({
    primary: decodeName(reader, message),
    contact: decodeName(reader, message),
    serial: reader.u32('SERIAL'),
    refresh: reader.u32('REFRESH'),
    retry: reader.u32('RETRY'),
    expire: reader.u32('EXPIRE'),
    minimum: reader.u32('MINIMUM'),
  }),
  encode: (writer, it, names) => {
    encodeName(writer, it.primary, names);
    encodeName(writer, it.contact, names);
    writer.u32(it.serial).u32(it.refresh).u32(it.retry).u32(it.expire).u32(it.minimum);
  },
};
