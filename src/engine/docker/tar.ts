/** A tar archive (POSIX.1-1988, ustar) as bytes: enough for the images that Landline makes itself. */

export interface TarEntry {
  /** Relative, at most 100 bytes. */
  readonly path: string;
  /** Permission bits; left out: 0755 for folders, 0644 for files. */
  readonly mode?: number;
  /** What a file holds; left out: a folder, unless it is a link. */
  readonly bytes?: Uint8Array | string;
  /** A symbolic link leads there. */
  readonly link?: string;
  readonly user?: number;
}

const block = 512;

/** By the type in the header: file, symbolic link, folder. */
const defaultModes = { '0': 0o644, '2': 0o777, '5': 0o755 } as const;

/** The same entries give the same bytes: no times, no names of users. @throws Error for a path or link that does not fit */
export function tarOf(entries: readonly TarEntry[]): Uint8Array {
  const parts = entries.flatMap((it) => {
    const bytes = Buffer.from(it.bytes ?? '');
    return [headerOf(it, bytes.length), bytes, Buffer.alloc((block - (bytes.length % block)) % block)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}

function headerOf(it: TarEntry, size: number): Buffer {
  const type = it.link !== undefined ? '2' : it.bytes === undefined ? '5' : '0';
  const path = type === '5' && !it.path.endsWith('/') ? `${it.path}/` : it.path;
  const header = Buffer.alloc(block);
  const put = (text: string, at: number, room: number): void => {
    if (Buffer.byteLength(text) > room) throw new Error(`'${text}' does not fit into ${room} bytes of a tar header`);
    header.write(text, at, 'utf8');
  };
  const octal = (value: number, at: number, room: number): void => put(value.toString(8).padStart(room - 1, '0'), at, room);
  put(path, 0, 100);
  octal(it.mode ?? defaultModes[type], 100, 8);
  octal(it.user ?? 0, 108, 8);
  octal(it.user ?? 0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  put(type, 156, 1);
  put(it.link ?? '', 157, 100);
  put('ustar\0' + '00', 257, 8);
  // The sum of all bytes, with the sum's own as spaces.
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8);
  return header;
}
