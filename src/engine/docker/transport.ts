/**
 * HTTP to a Docker Engine: one request and its answer, on a connection that is kept, on one of its own for a stream, or
 * on one that is taken over (`Upgrade: tcp`) for the input and output of an exec.
 */
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { LandlineError } from '../../errors.ts';
import { type DockerAddress, formatDockerAddress } from './address.ts';
import { http } from './http.ts';

export interface DockerRequest {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'HEAD';
  /** With its query, without the API's version. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** On a connection of its own: the answer may take any time. */
  readonly stream?: boolean;
  readonly signal?: AbortSignal;
  /** Longest silence, in milliseconds; 0 for none at all. Left out: a minute, and none for a stream. */
  readonly timeoutMs?: number;
}

export interface Transport {
  readonly address: string;
  /** The answer's head has come; its body is to be read to the end, or destroyed. @throws LandlineError DOCKER_UNREACHABLE */
  send(request: DockerRequest): Promise<IncomingMessage>;
  /** Asks for the connection itself. @throws LandlineError DOCKER_UNREACHABLE */
  takeOver(request: DockerRequest): Promise<TakenOver | { readonly kind: 'kept'; readonly answer: IncomingMessage }>;
  /** Closes the connections that are kept. */
  close(): void;
}

export interface TakenOver {
  readonly kind: 'taken';
  readonly socket: Socket;
  /** What came behind the answer's head already. */
  readonly head: Uint8Array;
}

const defaultTimeoutMs = 60_000;

export function openTransport(address: DockerAddress): Transport {
  const agent = new http.Agent({ keepAlive: true, maxFreeSockets: 4 });
  const name = formatDockerAddress(address);
  const unreachable = (error: NodeJS.ErrnoException): LandlineError => dockerUnreachable(name, error);

  const begin = (request: DockerRequest): ClientRequest => {
    const options: RequestOptions = {
      method: request.method,
      path: request.path,
      headers: { host: 'docker', ...request.headers, ...lengthOf(request.body) },
      agent: request.stream === true ? false : agent,
      ...(address.kind === 'unix' ? { socketPath: address.path } : { host: address.host, port: address.port }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    };
    const it = http.request(options);
    const ms = request.timeoutMs ?? (request.stream === true ? 0 : defaultTimeoutMs);
    if (ms > 0) it.setTimeout(ms, () => it.destroy(new Error(`it has not answered for ${ms / 1000} s`)));
    return it;
  };

  const send = async (request: DockerRequest, again = true): Promise<IncomingMessage> => {
    const it = begin(request);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    it.on('response', resolve);
    it.on('error', reject);
    await write(it, request.body).catch(reject);
    try {
      return await promise;
    } catch (error) {
      request.signal?.throwIfAborted();
      // A kept connection that Docker has closed meanwhile: it has not seen the request.
      if (again && it.reusedSocket && isRepeatable(request)) return send(request, false);
      // A cast: what node:http emits as an error carries its errno as `code`.
      throw unreachable(error as NodeJS.ErrnoException);
    }
  };

  const takeOver: Transport['takeOver'] = async (request) => {
    const headers = { ...request.headers, connection: 'Upgrade', upgrade: 'tcp' };
    const it = begin({ ...request, headers, stream: true });
    const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<Transport['takeOver']>>>();
    it.on('response', (answer: IncomingMessage) => resolve({ kind: 'kept', answer }));
    it.on('upgrade', (_answer, socket: Socket, head: Uint8Array) => resolve({ kind: 'taken', socket, head }));
    it.on('error', (error) => reject(unreachable(error)));
    await write(it, request.body).catch(reject);
    return promise;
  };

  return { address: name, send, takeOver, close: () => agent.destroy() };
}

/** What stands between us and a Docker Engine. */
export function dockerUnreachable(socket: string, error: NodeJS.ErrnoException): LandlineError {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such socket',
    ECONNREFUSED: 'nobody listens there',
    EACCES: 'this user may not open it',
    ECONNRESET: 'it hung up',
    EPIPE: 'it hung up',
  };
  const reason = reasons[error.code ?? ''] ?? error.message;
  return new LandlineError('DOCKER_UNREACHABLE', { socket, reason }, { cause: error });
}

function lengthOf(body: DockerRequest['body']): Record<string, string> {
  if (body === undefined) return {};
  return typeof body === 'string' || body instanceof Uint8Array ? { 'content-length': String(Buffer.byteLength(body)) } : {};
}

/** Asking twice changes nothing more, and the body can be sent again. */
function isRepeatable({ method, body }: DockerRequest): boolean {
  return method !== 'POST' && (body === undefined || typeof body === 'string');
}

async function write(it: ClientRequest, body: DockerRequest['body']): Promise<void> {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    it.end(body);
    return;
  }
  for await (const bytes of body) {
    // Docker has answered already, and reads no more.
    if (it.destroyed) return;
    if (!it.write(bytes)) await Promise.race([once(it, 'drain'), once(it, 'close')]);
  }
  it.end();
}

const once = (it: ClientRequest, event: 'drain' | 'close'): Promise<void> =>
  new Promise((resolve) => void it.once(event, resolve));
