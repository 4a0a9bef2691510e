/**
 * Bytes with names: the only file that indexes a buffer.
 *
 * Byte order is in the method's name: `u16` is network order (big endian), `u16le` is the order of netlink and of the
 * packet filter on the machines that Landline runs on (x86-64 and arm64 are little endian).
 */

/** What came from the wire is not what it should be; `offset` counts from the start of the buffer that was decoded. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} (at byte ${offset})`);
    this.offset = offset;
  }
}

/** Reads forward through a buffer it does not own and never changes. Every read past the end is a {@link WireError}. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  /** Where the buffer begins in the one that is being decoded as a whole, so that offsets in errors are right. */
  readonly #base: number;
  #at = 0;

  constructor(bytes: Uint8Array, base = 0) {
    this.#bytes = bytes;
    this.#base = base;
  }

  get offset(): number {
    return this.#base + this.#at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** Steps over `length` bytes, and returns where they begin. */
  #take(length: number, what: string): number {
    const at = this.#at;
    if (length < 0 || this.#bytes.length - at < length) {
      throw new WireError(`${what} needs ${length} bytes and ${this.left} are left`, this.offset);
    }
    this.#at = at + length;
    return at;
  }

  #byte(at: number): number {
    // Only asked for what #take has found to be there.
    return this.#bytes[at] as number;
  }

  u8(what = 'a byte'): number {
    return this.#byte(this.#take(1, what));
  }

  u16(what = 'a 16-bit number'): number {
    const at = this.#take(2, what);
    return (this.#byte(at) << 8) | this.#byte(at + 1);
  }

  u16le(what = 'a 16-bit number'): number {
    const at = this.#take(2, what);
    return this.#byte(at) | (this.#byte(at + 1) << 8);
  }

  u32(what = 'a 32-bit number'): number {
    const at = this.#take(4, what);
    return ((this.#byte(at) << 24) | (this.#byte(at + 1) << 16) | (this.#byte(at + 2) << 8) | this.#byte(at + 3)) >>> 0;
  }

  u32le(what = 'a 32-bit number'): number {
    return this.s32le(what) >>> 0;
  }

  s32le(what = 'a 32-bit number'): number {
    const at = this.#take(4, what);
    return this.#byte(at) | (this.#byte(at + 1) << 8) | (this.#byte(at + 2) << 16) | (this.#byte(at + 3) << 24);
  }

  u64le(what = 'a 64-bit number'): bigint {
    const low = this.part(8, what);
    return BigInt(low.u32le()) | (BigInt(low.u32le()) << 32n);
  }

  /** A view on the next `length` bytes, not a copy. */
  bytes(length: number, what = 'a field'): Uint8Array {
    const at = this.#take(length, what);
    return this.#bytes.subarray(at, at + length);
  }

  /** The bytes that lie between two offsets within this reader, read or not. */
  view(start: number, end: number): Uint8Array {
    return this.#bytes.subarray(start, end);
  }

  /** Steps over `length` bytes without looking at them, and returns where they begin, for {@link view}. */
  skip(length: number, what = 'a field'): number {
    return this.#take(length, what);
  }

  /** All that is left, without reading it. */
  peek(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }

  rest(): Uint8Array {
    return this.bytes(this.left);
  }

  /** A reader of the next `length` bytes whose offsets go on counting from here. */
  part(length: number, what = 'a part'): ByteReader {
    const base = this.offset;
    return new ByteReader(this.bytes(length, what), base);
  }

  /** Skips to a multiple of `boundary`, or to the end where the padding is cut off. What the padding holds does not matter. */
  align(boundary: number): void {
    const padding = (boundary - (this.#at % boundary)) % boundary;
    this.#at += Math.min(padding, this.left);
  }

  fail(message: string): never {
    throw new WireError(message, this.offset);
  }
}

/** Writes forward into a buffer that grows. A number that does not fit its field is our own mistake: RangeError. */
export class ByteWriter {
  #bytes = new Uint8Array(128);
  #at = 0;

  get length(): number {
    return this.#at;
  }

  /** Makes room for `length` bytes, and returns where they begin. */
  #grow(length: number): number {
    const at = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#at, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return at;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#bytes[at] = fits(value, 0xff);
    return this;
  }

  u16(value: number): this {
    fits(value, 0xffff);
    return this.u8(value >>> 8).u8(value & 0xff);
  }

  u16le(value: number): this {
    return this.patch16le(this.#grow(2), value);
  }

  u32(value: number): this {
    fits(value, 0xffffffff);
    return this.u16(value >>> 16).u16(value & 0xffff);
  }

  u32le(value: number): this {
    return this.patch32le(this.#grow(4), value);
  }

  s32le(value: number): this {
    if (value !== (value | 0)) throw new RangeError(`${value} does not fit into 32 bits with a sign`);
    return this.u32le(value >>> 0);
  }

  u64le(value: bigint): this {
    if (value !== BigInt.asUintN(64, value)) throw new RangeError(`${value} does not fit into 64 bits`);
    return this.u32le(Number(value & 0xffffffffn)).u32le(Number(value >> 32n));
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  zeros(count: number): this {
    const at = this.#grow(count);
    this.#bytes.fill(0, at, at + count);
    return this;
  }

  align(boundary: number): this {
    return this.zeros((boundary - (this.#at % boundary)) % boundary);
  }

  /** Writes a 16-bit number over one that was left free at `at`. */
  patch16le(at: number, value: number): this {
    fits(value, 0xffff);
    this.#bytes[at] = value;
    this.#bytes[at + 1] = value >>> 8;
    return this;
  }

  /** The same in network order. */
  patch16(at: number, value: number): this {
    fits(value, 0xffff);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
    return this;
  }

  patch32le(at: number, value: number): this {
    fits(value, 0xffffffff);
    for (let byte = 0; byte < 4; byte += 1) this.#bytes[at + byte] = value >>> (8 * byte);
    return this;
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }
}

function fits(value: number, most: number): number {
  if (!Number.isInteger(value) || value < 0 || value > most) throw new RangeError(`${value} does not fit into 0..${most}`);
  return value;
}
