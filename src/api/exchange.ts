/**
 * One question to a unix socket and its answer, in HTTP/1.1 (RFC 9112), on a connection of its own. node:http does the
 * same, and takes a sixth of a command's time to load.
 */

// An import would ask `node:net` for all that it exports, which loads what nobody needs here.
const net = process.getBuiltinModule('node:net');

export interface Question {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body?: string;
  /** Ends the connection; the body ends with an AbortError. */
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  /** As it comes. The connection is closed with its end, or when nobody reads on. @throws Error when it breaks off */
  readonly body: AsyncIterable<Uint8Array>;
}

/** @throws Error with the errno of the socket as `code`, or ECONNRESET when the other side hangs up first */
export async function exchange(socket: string, question: Question): Promise<Answer> {
  const { signal } = question;
  const connection = net.connect({ path: socket, ...(signal === undefined ? {} : { signal }) });
  const reader = readerOn(connection);
  connection.write(textOf(question));
  try {
    const status = statusOf(await reader.line());
    const headers = await readHeaders(reader);
    return { status, body: readBody(reader, headers, () => connection.destroy()) };
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

function textOf({ method, path, body }: Question): string {
  const length = body === undefined ? [] : [`content-length: ${Buffer.byteLength(body)}`];
  return [`${method} ${path} HTTP/1.1`, 'host: landline', 'connection: close', ...length, '', body ?? ''].join('\r\n');
}

interface Reader {
  /** Up to the next CRLF, without it. */
  line(): Promise<string>;
  bytes(count: number): Promise<Uint8Array>;
  /** All that is left, as it comes. */
  rest(): AsyncGenerator<Uint8Array>;
}

function readerOn(connection: AsyncIterable<Buffer>): Reader {
  const source = connection[Symbol.asyncIterator]();
  let unread: Buffer = Buffer.alloc(0);

  const readMore = async (): Promise<void> => {
    const { done, value } = await source.next();
    if (done === true) throw Object.assign(new Error('it hung up'), { code: 'ECONNRESET' });
    unread = Buffer.concat([unread, value]);
  };
  const take = (count: number): Buffer => {
    const taken = unread.subarray(0, count);
    unread = unread.subarray(count);
    return taken;
  };

  return {
    line: async () => {
      while (!unread.includes('\r\n')) await readMore();
      return take(unread.indexOf('\r\n') + 2)
        .toString('latin1')
        .slice(0, -2);
    },
    bytes: async (count) => {
      while (unread.length < count) await readMore();
      return take(count);
    },
    rest: async function* () {
      yield take(unread.length);
      for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value;
    },
  };
}

/** `HTTP/1.1 200 OK` */
function statusOf(line: string): number {
  const status = /^HTTP\/1\.1 (\d{3})( |$)/.exec(line)?.[1];
  if (status === undefined) throw new Error('what answers there does not speak HTTP/1.1');
  return Number(status);
}

/** Names in lower case. */
async function readHeaders(reader: Reader): Promise<ReadonlyMap<string, string>> {
  const headers = new Map<string, string>();
  for (let line = await reader.line(); line !== ''; line = await reader.line()) {
    const colon = line.indexOf(':');
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return headers;
}

/** RFC 9112, section 6.3: by chunks, by length, or until the connection ends. */
async function* readBody(
  reader: Reader,
  headers: ReadonlyMap<string, string>,
  close: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const length = headers.get('content-length');
  try {
    if (headers.get('transfer-encoding') === 'chunked') yield* readChunks(reader);
    else if (length !== undefined) yield await reader.bytes(Number(length));
    else yield* reader.rest();
  } finally {
    close();
  }
}

/** RFC 9112, section 7.1: each with its length in hexadecimal before it, the last one empty. */
async function* readChunks(reader: Reader): AsyncGenerator<Uint8Array> {
  for (;;) {
    const length = Number.parseInt(await reader.line(), 16);
    if (Number.isNaN(length)) throw new Error('a chunk of the answer has no length');
    if (length === 0) return;
    yield await reader.bytes(length);
    await reader.line();
  }
}
