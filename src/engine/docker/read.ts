/** Reading Docker's answers: JSON, lines of JSON, and the frames that carry stdout and stderr in one stream. */

/** @throws SyntaxError when it is no JSON, and what the stream throws */
export async function readJson(body: AsyncIterable<Uint8Array>): Promise<unknown> {
  const text = await readText(body);
  return text === '' ? undefined : JSON.parse(text);
}

export async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const bytes of body) parts.push(bytes);
  return Buffer.concat(parts).toString('utf8');
}

/** Lines without their end, as they come; the last one too where it has no end. A CR before the end goes with it. */
export async function* readLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of body) {
    const [first = '', ...others] = decoder.decode(bytes, { stream: true }).split('\n');
    rest += first;
    for (const next of others) {
      yield withoutReturn(rest);
      rest = next;
    }
  }
  if (rest !== '') yield withoutReturn(rest);
}

const withoutReturn = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line);

/** One JSON value for each line. @throws SyntaxError */
export async function* readJsonLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  for await (const line of readLines(body)) if (line.trim() !== '') yield JSON.parse(line);
}

/** A piece of what a container wrote. */
export interface Output {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

/** A frame's header: one byte that names the stream, three of nothing, and the length of what follows, big-endian. */
const headerBytes = 8;

/** Docker sends frames of 16 kB or so; more than this is no frame. */
const mostFrameBytes = 64 * 1024 * 1024;

/**
 * What a container without a terminal wrote, taken out of its frames
 * (https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach).
 * @throws Error when the stream ends within a frame, or holds none
 */
export async function* readFrames(body: AsyncIterable<Uint8Array>): AsyncGenerator<Output> {
  let unread: Buffer = Buffer.alloc(0);
  for await (const bytes of body) {
    unread = unread.length === 0 ? Buffer.from(bytes) : Buffer.concat([unread, bytes]);
    for (let size = frameSize(unread); size !== undefined && unread.length >= size; size = frameSize(unread)) {
      yield { stream: unread[0] === 2 ? 'stderr' : 'stdout', bytes: unread.subarray(headerBytes, size) };
      unread = unread.subarray(size);
    }
  }
  if (unread.length > 0) throw new Error(`the stream ends ${unread.length} bytes into a frame`);
}

/** Of the frame that begins here, with its header; undefined while the header is not whole. */
function frameSize(bytes: Buffer): number | undefined {
  if (bytes.length < headerBytes) return undefined;
  const length = bytes.readUInt32BE(4);
  const stream = bytes[0] ?? 0;
  if (stream > 2 || bytes.readUIntBE(1, 3) !== 0 || length > mostFrameBytes)
    throw new Error(`${bytes.subarray(0, headerBytes).toString('hex')} is no header of a frame`);
  return headerBytes + length;
}

/** What a container with a terminal wrote: all of it is stdout. */
export async function* readRaw(body: AsyncIterable<Uint8Array>): AsyncGenerator<Output> {
  for await (const bytes of body) yield { stream: 'stdout', bytes };
}
