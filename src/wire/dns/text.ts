/** Bytes as text, one character for each (ISO 8859-1): DNS gives them no encoding. */

export function textOfBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}

/** @throws RangeError for a character that is no byte */
export function bytesOfText(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => {
    const byte = character.charCodeAt(0);
    if (byte > 0xff || character.length > 1) throw new RangeError(`'${character}' is no byte`);
    return byte;
  });
}
