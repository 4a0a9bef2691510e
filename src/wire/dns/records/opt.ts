/** OPT: what EDNS adds to a message (RFC 6891 section 6.1). Its class and TTL hold more: see edns.ts. */
import type { RecordCodec } from './codec.ts';

export interface EdnsOption {
  readonly code: number;
  readonly bytes: Uint8Array;
}

export const opt: RecordCodec<{ readonly options: readonly EdnsOption[] }> = {
  type: 41,
  decode: (reader) => {
    const options: EdnsOption[] = [];
    while (reader.left > 0) {
      const code = reader.u16('OPTION-CODE');
      options.push({ code, bytes: reader.bytes(reader.u16('OPTION-LENGTH'), 'an EDNS option') });
    }
    return { options };
  },
  encode: (writer, { options }) => {
    for (const { code, bytes } of options) writer.u16(code).u16(bytes.length).bytes(bytes);
  },
};
