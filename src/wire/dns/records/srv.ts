/** SRV: where a service is (RFC 2782); its target is never compressed. */
import { decodeName, encodeWholeName } from '../name.ts';
import type { RecordCodec } from './codec.ts';

export interface Srv {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

export const srv: RecordCodec<Srv> = {
  type: 33,
  decode: (reader, message) => ({
    priority: reader.u16('Priority'),
    weight: reader.u16('Weight'),
    port: reader.u16('Port'),
    target: decodeName(reader, message),
  }),
  encode: (writer, it, names) => encodeWholeName(writer.u16(it.priority).u16(it.weight).u16(it.port), it.target, names),
};
