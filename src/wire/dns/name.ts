/**
 * Domain names (RFC 1035 sections 3.1 and 4.1.4), as text without a final dot; the root is `.`.
 *
 * Case is kept as it came. What a label may hold besides letters, digits and hyphens is written as master files write it:
 * `\.` for a dot, `\009` for a byte that cannot be shown.
 */
import { ByteReader, type ByteWriter } from '../bytes.ts';

/** Bytes of the longest name, its lengths and its end included (RFC 1035 section 2.3.4). */
const longestName = 255;
const longestLabel = 63;
/** A pointer's two highest bits; the other fourteen count from the start of the message. */
const pointerBits = 0xc0;
const farthestPointer = 0x3fff;

/** A name as people write it, in the spelling that is compared: in lower case, without a final dot. */
export const plainName = (text: string): string => text.toLowerCase().replace(/\.$/, '');

/**
 * Reads a name; pointers lead into `message`, and each must lead before the name that it is a part of, so that no loop
 * is possible.
 * @throws WireError at the byte that is wrong
 */
export function decodeName(reader: ByteReader, message: Uint8Array): string {
  const labels: string[] = [];
  let from = reader;
  let start = reader.offset;
  let length = 1;
  for (;;) {
    const at = from.offset;
    const first = from.u8('a label');
    if (first === 0) break;
    if ((first & pointerBits) === pointerBits) {
      const target = ((first & ~pointerBits) << 8) | from.u8('a pointer');
      if (target >= start) fail(at, `a name points to byte ${target}, which is not before it`);
      from = new ByteReader(message.subarray(target), target);
      start = target;
      continue;
    }
    if (first > longestLabel) fail(at, `0x${first.toString(16)} begins neither a label nor a pointer`);
    length += 1 + first;
    if (length > longestName) fail(at, `a name is longer than ${longestName} bytes`);
    labels.push(labelText(from.bytes(first, 'a label')));
  }
  return labels.length === 0 ? '.' : labels.join('.');
}

function fail(at: number, message: string): never {
  return new ByteReader(new Uint8Array(0), at).fail(message);
}

function labelText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    if (/[."$();@\\]/.test(character)) return `\\${character}`;
    return byte > 0x20 && byte < 0x7f ? character : `\\${String(byte).padStart(3, '0')}`;
  }).join('');
}

/** The labels of a name as bytes. @throws RangeError for what is no name: text from the wire always is one */
function labelsOf(name: string): readonly Uint8Array[] {
  if (name === '.') return [];
  const parts = name.match(/(?:[^.\\]|\\\d{3}|\\\D)+|[.]/gs) ?? [];
  const isOrdered = parts.length % 2 === 1 && parts.every((part, index) => (part === '.') === (index % 2 === 1));
  if (!isOrdered) throw new RangeError(`'${name}' is no domain name`);
  const labels = parts.filter((part) => part !== '.').map(labelBytes);
  const length = labels.reduce((sum, label) => sum + 1 + label.length, 1);
  const isWrong = labels.some((label) => label.length > longestLabel) || length > longestName;
  if (isWrong) throw new RangeError(`'${name}' is no domain name`);
  return labels;
}

function labelBytes(text: string): Uint8Array {
  const characters = text.match(/\\\d{3}|\\\D|[^\\]/gs) ?? [];
  return Uint8Array.from(
    characters.map((it) => (/^\\\d/.test(it) ? Number(it.slice(1)) : it.charCodeAt(it.startsWith('\\') ? 1 : 0))),
  );
}

/** Where the names that were written stand in the message: what pointers point to. Case counts, so that it survives. */
export type WrittenNames = Map<string, number>;

/** Writes a name; with `names`, the part of it that stands in the message already becomes a pointer. */
export function encodeName(writer: ByteWriter, name: string, names?: WrittenNames): void {
  const labels = labelsOf(name);
  for (const [index, label] of labels.entries()) {
    const rest = textOf(labels.slice(index));
    const known = names?.get(rest);
    if (known !== undefined) {
      writer.u16((pointerBits << 8) | known);
      return;
    }
    note(names, rest, writer.length);
    writer.u8(label.length).bytes(label);
  }
  writer.u8(0);
}

/** Writes a name whole; later names may still point to it. */
export function encodeWholeName(writer: ByteWriter, name: string, names: WrittenNames): void {
  const labels = labelsOf(name);
  for (const [index, label] of labels.entries()) {
    note(names, textOf(labels.slice(index)), writer.length);
    writer.u8(label.length).bytes(label);
  }
  writer.u8(0);
}

const textOf = (labels: readonly Uint8Array[]): string => labels.map(labelText).join('.');

function note(names: WrittenNames | undefined, name: string, at: number): void {
  if (at <= farthestPointer) names?.set(name, at);
}

/** Whether two names are the same: letters differ in nothing but case (RFC 4343). */
export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** Whether `name` is `zone` or lies below it. */
export function isWithin(name: string, zone: string): boolean {
  const [inner, outer] = [name.toLowerCase(), zone.toLowerCase()];
  return outer === '.' || inner === outer || (inner.endsWith(`.${outer}`) && !isEscaped(inner, inner.length - outer.length - 1));
}

/** Whether the dot at this place belongs to a label. */
function isEscaped(text: string, at: number): boolean {
  return ((/\\+$/.exec(text.slice(0, at))?.[0].length ?? 0) & 1) === 1;
}
