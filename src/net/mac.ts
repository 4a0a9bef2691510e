/** MAC addresses (IEEE 802 EUI-48) in their one spelling: six pairs of lower-case hex digits and colons. */

/** `02:4c:4c:00:00:01`, always lower case. */
export type Mac = string;

export const broadcastMac: Mac = 'ff:ff:ff:ff:ff:ff';
export const zeroMac: Mac = '00:00:00:00:00:00';

/** Any case, `:` or `-` between the pairs → the one spelling; undefined when it is no MAC. */
export function parseMac(text: string): Mac | undefined {
  if (!/^[0-9a-f]{2}([:-])[0-9a-f]{2}(\1[0-9a-f]{2}){4}$/i.test(text)) return undefined;
  return text.toLowerCase().replaceAll('-', ':');
}

/** Group bit set: no link may have such a MAC as its own. */
export function isMulticast(mac: Mac): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

export function macBytes(mac: Mac): Uint8Array {
  return Uint8Array.from(mac.split(':'), (pair) => Number.parseInt(pair, 16));
}

/** A dump of a thousand links has two thousand MACs: each byte's digits are looked up. */
const hexDigits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function macFromBytes(bytes: Uint8Array, at = 0): Mac {
  const pair = (index: number): string => hexDigits[bytes[at + index] ?? 0] ?? '';
  return `${pair(0)}:${pair(1)}:${pair(2)}:${pair(3)}:${pair(4)}:${pair(5)}`;
}

/**
 * A unicast MAC from the first bytes of a digest, with a first byte of the caller's choice: 0x02 (locally
 * administered) for an endpoint, 0xfe for the host's end of a veth, which must never be a bridge's lowest.
 */
export function macFromDigest(digest: Uint8Array, firstByte: 0x02 | 0xfe): Mac {
  return macFromBytes(Uint8Array.of(firstByte, ...digest.subarray(0, 5)));
}
