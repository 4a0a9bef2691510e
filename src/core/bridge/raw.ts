/**
 * Attributes as the kernel told them, found by their number: what is moved from one link to another goes back as it
 * came, whatever else it says.
 */
import { formatIpv4 } from '../../net/ipv4.ts';
import { AttributeList } from '../../wire/netlink/attribute.ts';

const typeMask = 0x3fff;

export function rawOf(list: AttributeList, type: number): Uint8Array | undefined {
  for (const it of list.items) if ('type' in it && (it.type & typeMask) === type) return it.bytes;
  return undefined;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A number in the machine's order (little-endian on all that Landline runs on). */
export const numberOf = (list: AttributeList, type: number): number | undefined => {
  const bytes = rawOf(list, type);
  if (bytes === undefined) return undefined;
  return bytes.length === 4 ? viewOf(bytes).getUint32(0, true) : bytes.length === 2 ? viewOf(bytes).getUint16(0, true) : bytes[0];
};

export const u32Bytes = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
};

/** The `index`-th number of an attribute that holds several. */
export const numberAt = (bytes: Uint8Array, index: number): number => viewOf(bytes).getUint32(4 * index, true);

export const textOf = (list: AttributeList, type: number): string | undefined => {
  const bytes = rawOf(list, type);
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes).replace(/\0+$/, '');
};

export const textBytes = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`);

/** An address of four or sixteen bytes, as people write it (RFC 5952). */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return formatIpv4(viewOf(bytes).getUint32(0));
  const words = Array.from({ length: 8 }, (_, at) => viewOf(bytes).getUint16(2 * at));
  const zeros = longestZeros(words);
  const hex = (part: readonly number[]): string => part.map((it) => it.toString(16)).join(':');
  return zeros.length < 2 ? hex(words) : `${hex(words.slice(0, zeros.start))}::${hex(words.slice(zeros.start + zeros.length))}`;
}

function longestZeros(words: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < words.length; start += 1) {
    let length = 0;
    while (words[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  return best;
}

export const macText = (bytes: Uint8Array): string => [...bytes].map((it) => it.toString(16).padStart(2, '0')).join(':');

/** With some attributes replaced where they stand, or left out (`undefined`). */
export function withRaw(list: AttributeList, changes: ReadonlyMap<number, Uint8Array | undefined>): AttributeList {
  return new AttributeList(
    list.items.flatMap((it) => {
      if (!('type' in it) || !changes.has(it.type & typeMask)) return [it];
      const bytes = changes.get(it.type & typeMask);
      return bytes === undefined ? [] : [{ type: it.type, bytes }];
    }),
  );
}

/** The same with one more at the end. */
export const withAdded = (list: AttributeList, type: number, bytes: Uint8Array): AttributeList =>
  new AttributeList([...list.items, { type, bytes }]);

/** The numbers of all attributes that are there. */
export const typesOf = (list: AttributeList): readonly number[] =>
  list.items.flatMap((it) => ('type' in it ? [it.type & typeMask] : []));
