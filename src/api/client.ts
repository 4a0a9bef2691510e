/** The API's other end: what the CLI and scripts call. */
import { type ErrorBody, LandlineError } from '../errors.ts';
import { type Answer, exchange } from './exchange.ts';

/** An error that the daemon answered: it carries what the daemon said, whatever this version's catalogue knows. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError';
  readonly body: ErrorBody;
  readonly status: number;

  constructor(body: ErrorBody, status: number) {
    super(body.message);
    this.body = body;
    this.status = status;
  }
}

export interface Client {
  /** The answer's JSON. @throws RemoteError, LandlineError DAEMON_UNREACHABLE, DAEMON_FORBIDDEN */
  call<T>(method: string, path: string, ask?: Ask): Promise<T>;
  /** Lines of JSON as they come; ends with the answer, or with `signal`. */
  stream<T>(path: string, ask?: StreamAsk): AsyncGenerator<T>;
}

export interface Ask {
  /** Undefined values are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
  readonly body?: string;
}

export interface StreamAsk extends Ask {
  readonly signal?: AbortSignal;
  /** Called once the daemon has begun to answer: nothing from then on is missed. */
  readonly onOpen?: () => void;
}

/** A client of the daemon at a unix socket. */
export function connect(socket: string): Client {
  return {
    call: async <T>(method: string, path: string, ask: Ask = {}) => {
      const { status, text } = await whole(socket, await request(socket, method, path, ask));
      if (status >= 400) throw remoteError(text, status, path);
      // The daemon's answers have the shapes of contract.ts.
      return JSON.parse(text) as T;
    },
    stream: (path, ask = {}) => stream(socket, path, ask),
  };
}

async function* stream<T>(socket: string, path: string, ask: StreamAsk): AsyncGenerator<T> {
  const answer = await request(socket, 'GET', path, ask, ask.signal);
  if (answer.status >= 400) throw remoteError((await whole(socket, answer)).text, answer.status, path);
  ask.onOpen?.();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const part of answer.body) {
      const lines = (rest + decoder.decode(part, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      // Each line is one value of the route's shape in contract.ts.
      for (const line of lines) yield JSON.parse(line) as T;
    }
  } catch (error) {
    if (ask.signal?.aborted !== true) throw unreachable(socket, error);
  }
}

async function request(socket: string, method: string, path: string, ask: Ask, signal?: AbortSignal): Promise<Answer> {
  const query = new URLSearchParams(
    Object.entries(ask.query ?? {}).flatMap(([name, value]) => valuesOf(value).map((it) => [name, it])),
  );
  const question = { method, path: query.size === 0 ? path : `${path}?${query}` };
  const { body } = ask;
  try {
    return await exchange(socket, {
      ...question,
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    throw unreachable(socket, error);
  }
}

/** An answer to its end. */
async function whole(socket: string, { status, body }: Answer): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const parts: Uint8Array[] = [];
    for await (const part of body) parts.push(part);
    return { status, text: Buffer.concat(parts).toString('utf8') };
  } catch (error) {
    throw unreachable(socket, error);
  }
}

function valuesOf(value: string | number | boolean | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'object' ? value : [String(value)];
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'it hung up before it answered',
  EPIPE: 'it hung up before it answered',
};

function unreachable(socket: string, error: unknown): LandlineError {
  // Errors of sockets carry `code`.
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM') return new LandlineError('DAEMON_FORBIDDEN', { socket }, { cause: error });
  const reason = reasons[code ?? ''] ?? message;
  return new LandlineError('DAEMON_UNREACHABLE', { socket, reason }, { cause: error });
}

function remoteError(text: string, status: number, path: string): RemoteError {
  try {
    const { error } = JSON.parse(text) as { error: ErrorBody };
    if (typeof error.code === 'string') return new RemoteError(error, status);
  } catch {
    // Not the API's own answer: told as it is.
  }
  const message = `${path} answered ${status}: ${text.slice(0, 200)}`;
  return new RemoteError({ code: 'INTERNAL', message, next: 'is that the socket of a Landline daemon?', details: {} }, status);
}
