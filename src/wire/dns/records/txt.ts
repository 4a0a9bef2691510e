/** TXT: texts of at most 255 bytes each (RFC 1035 section 3.3.14); a character stands for one byte. */
import { bytesOfText, textOfBytes } from '../text.ts';
import type { RecordCodec } from './codec.ts';

export const txt: RecordCodec<{ readonly texts: readonly string[] }> = {
  type: 16,
  decode: (reader) => {
    const texts: string[] = [];
    do texts.push(textOfBytes(reader.bytes(reader.u8('a text'), 'a text')));
    while (reader.left > 0);
    return { texts };
  },
  encode: (writer, { texts }) => {
    if (texts.length === 0) throw new RangeError('a TXT record has at least one text');
    for (const text of texts) writer.u8(text.length).bytes(bytesOfText(text));
  },
};
