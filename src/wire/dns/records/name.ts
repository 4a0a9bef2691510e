/** The types whose data is one name: NS, CNAME, PTR (RFC 1035 sections 3.3.1, 3.3.11, 3.3.12). */
import { decodeName, encodeName } from '../name.ts';
import type { RecordCodec } from './codec.ts';

const oneName = (type: number): RecordCodec<{ readonly target: string }> => ({
  type,
  decode: (reader, message) => ({ target: decodeName(reader, message) }),
  encode: (writer, { target }, names) => encodeName(writer, target, names),
});

export const ns = oneName(2);
export const cname = oneName(5);
export const ptr = oneName(12);
