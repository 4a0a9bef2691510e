/** Lists of DNS names within an option (RFC 3397, RFC 1035 section 4.1.4). Names have no final dot. */
import { ByteReader, type ByteWriter } from '../bytes.ts';

/** As many labels as a name of 255 bytes can have; whoever points in circles gets no further either. */
const mostLabels = 128;

/** A list may be as long as the option; beyond this nobody searches. */
const mostNames = 64;

/** @throws WireError for a label that is cut off, a pointer forward, or a name without end */
export function decodeNames(reader: ByteReader): readonly string[] {
  const all = reader.view(0, reader.left);
  const found: string[] = [];
  while (reader.left > 0) {
    if (found.length === mostNames) reader.fail(`more than ${mostNames} names`);
    found.push(decodeName(reader, all));
  }
  return found.length === 0 ? reader.fail('no name') : found;
}

function decodeName(start: ByteReader, all: Uint8Array): string {
  const labels: string[] = [];
  let reader = start;
  // A pointer leads back, never forward, so that every name has an end.
  let before = all.length - start.left;
  for (let length = reader.u8('a label'); length !== 0; length = reader.u8('a label')) {
    if (labels.length === mostLabels) reader.fail(`a name of more than ${mostLabels} labels`);
    if (length >= 0xc0) {
      const target = ((length & 0x3f) << 8) | reader.u8('a pointer');
      if (target >= before) reader.fail(`a pointer to byte ${target}, which is not before it`);
      before = target;
      reader = new ByteReader(all.subarray(target), target);
    } else if (length > 63) reader.fail(`a label of ${length} bytes`);
    else labels.push(plainLabel(reader, length));
  }
  return labels.join('.');
}

/** A label with a dot of its own would be read as two. */
function plainLabel(reader: ByteReader, length: number): string {
  const label = String.fromCharCode(...reader.bytes(length, 'a label'));
  return label.includes('.') ? reader.fail('a dot within a label') : label;
}

/** Without compression: RFC 3397 allows it, nobody needs it for what we write. */
export function encodeNames(writer: ByteWriter, list: readonly string[]): void {
  for (const name of list) {
    for (const label of name === '' ? [] : name.split('.'))
      writer.u8(label.length).bytes(Uint8Array.from(label, (it) => it.charCodeAt(0)));
    writer.u8(0);
  }
}
