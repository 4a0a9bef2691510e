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
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  /** Where the buffer begins in the one that is being decoded as a whole, so that offsets in errors are right. */
  readonly #base: number;
  #at = 0;

  constructor(bytes: Uint8Array, base = 0) {
    this.#bytes = bytes;
    this.#base = base;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#base + this.#at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  #take(length: number, what: string): number {
    if (length < 0 || this.left < length) {
      throw new WireError(`${what} needs ${length} bytes and ${this.left} are left`, this.offset);
    }
    const at = this.#at;
    this.#at += length;
    return at;
  }

  u8(what = 'a byte'): number {
    return this.#view.getUint8(this.#take(1, what));
  }

  u16(what = 'a 16-bit number'): number {
    return this.#view.getUint16(this.#take(2, what));
  }

  u16le(what = 'a 16-bit number'): number {
    return this.#view.getUint16(this.#take(2, what), true);
  }

  u32(what = 'a 32-bit number'): number {
    return this.#view.getUint32(this.#take(4, what));
  }

  u32le(what = 'a 32-bit number'): number {
    return this.#view.getUint32(this.#take(4, what), true);
  }

  s32le(what = 'a 32-bit number'): number {
    return this.#view.getInt32(this.#take(4, what), true);
  }

  u64le(what = 'a 64-bit number'): bigint {
    return this.#view.getBigUint64(this.#take(8, what), true);
  }

  /** A view on the next `length` bytes, not a copy. */
  bytes(length: number, what = 'a field'): Uint8Array {
    const at = this.#take(length, what);
    return this.#bytes.subarray(at, at + length);
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

  /** Skips to a multiple of `boundary`, or to the end where the padding is cut off; whether all of it was zero. */
  align(boundary: number): boolean {
    const padding = (boundary - (this.#at % boundary)) % boundary;
    return this.bytes(Math.min(padding, this.left)).every((byte) => byte === 0);
  }

  fail(message: string): never {
    throw new WireError(message, this.offset);
  }
}

/** Writes forward into a buffer that grows. A number that does not fit its field is our own mistake: RangeError. */
export class ByteWriter {
  #bytes = new Uint8Array(64);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  get length(): number {
    return this.#at;
  }

  #grow(length: number): number {
    const at = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#at, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#view.setUint8(at, fits(value, 0xff));
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, fits(value, 0xffff));
    return this;
  }

  u16le(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, fits(value, 0xffff), true);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, fits(value, 0xffffffff));
    return this;
  }

  u32le(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, fits(value, 0xffffffff), true);
    return this;
  }

  s32le(value: number): this {
    const at = this.#grow(4);
    this.#view.setInt32(at, value, true);
    return this;
  }

  u64le(value: bigint): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value, true);
    return this;
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
    this.#view.setUint16(at, fits(value, 0xffff), true);
    return this;
  }

  patch32le(at: number, value: number): this {
    this.#view.setUint32(at, fits(value, 0xffffffff), true);
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
