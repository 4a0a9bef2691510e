/** One call to the Engine: the version that both speak, the answer read, a refusal as an error of the catalogue. */
import type { IncomingMessage } from 'node:http';
import { LandlineError } from '../../errors.ts';
import { readJson, readText } from './read.ts';
import { type DockerRequest, dockerUnreachable, type TakenOver, type Transport } from './transport.ts';
import { type ApiVersion, chooseApiVersion, formatApiVersion } from './version.ts';

export interface DockerCall extends Omit<DockerRequest, 'path' | 'body'> {
  /** From the version on: `/containers/json`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** A value becomes JSON; bytes go as they are. */
  readonly json?: unknown;
  readonly bytes?: Uint8Array | AsyncIterable<Uint8Array>;
  /** What is being done, for the error that a refusal becomes: `start container 'web'`. */
  readonly doing: string;
  /** The error that a 404 becomes. */
  readonly missing?: () => LandlineError;
}

export interface Caller {
  readonly address: string;
  /** Asks at the first call, and again after the Engine has been away. @throws LandlineError DOCKER_UNREACHABLE, DOCKER_TOO_OLD */
  version(): Promise<ApiVersion>;
  /** The answer's JSON; undefined where it has no body, or nothing was to be changed (304). @throws LandlineError DOCKER_UNREACHABLE, DOCKER_REFUSED */
  call(it: DockerCall): Promise<unknown>;
  /** The same; undefined where there is no such thing (404). */
  find(it: DockerCall): Promise<unknown>;
  /** The answer's body, as it comes. */
  stream(it: DockerCall): Promise<AsyncIterable<Uint8Array>>;
  /** The connection itself. */
  takeOver(it: DockerCall): Promise<TakenOver>;
  close(): void;
}

export function openCaller(transport: Transport): Caller {
  let negotiated: Promise<ApiVersion> | undefined;

  const negotiate = async (): Promise<ApiVersion> => {
    const answer = await transport.send({ method: 'GET', path: '/_ping' });
    await readText(answer);
    return chooseApiVersion(answer.headers['api-version']?.toString(), transport.address);
  };

  const version = (): Promise<ApiVersion> => {
    negotiated ??= negotiate();
    const it = negotiated;
    // Another Engine may answer the next time.
    it.catch(() => forget(it));
    return it;
  };
  const forget = (it: Promise<ApiVersion> | undefined): void => {
    if (negotiated === it) negotiated = undefined;
  };

  const requestOf = async (it: DockerCall): Promise<DockerRequest> => {
    const query = Object.entries(it.query ?? {}).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
    const search = query.length === 0 ? '' : `?${new URLSearchParams(query)}`;
    const { method, headers, stream, signal, timeoutMs } = it;
    return {
      method,
      path: `/v${formatApiVersion(await version())}${it.path}${search}`,
      headers: { ...headers, ...(it.json === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(it.json === undefined ? {} : { body: JSON.stringify(it.json) }),
      ...(it.bytes === undefined ? {} : { body: it.bytes }),
      ...(stream === undefined ? {} : { stream }),
      ...(signal === undefined ? {} : { signal }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    };
  };

  const forgetIfAway = <T>(work: Promise<T>): Promise<T> => {
    const it = negotiated;
    return work.catch((error: unknown) => {
      forget(it);
      throw error;
    });
  };

  const answerTo = async (it: DockerCall): Promise<IncomingMessage> => {
    const request = await requestOf(it);
    return forgetIfAway(transport.send(request));
  };

  /** @throws the error that a refusal stands for */
  const unlessRefused = async (it: DockerCall, answer: IncomingMessage): Promise<IncomingMessage> => {
    const status = answer.statusCode ?? 0;
    if (status < 400) return answer;
    const says = await messageOf(answer);
    if (status === 404 && it.missing !== undefined) throw it.missing();
    throw new LandlineError('DOCKER_REFUSED', { doing: it.doing, status, says });
  };

  const readWhole = async (answer: IncomingMessage): Promise<unknown> => {
    try {
      return await readJson(answer);
    } catch (error) {
      if (error instanceof SyntaxError) throw new Error(`Docker's answer is no JSON: ${error.message}`, { cause: error });
      throw dockerUnreachable(transport.address, error as NodeJS.ErrnoException);
    }
  };

  const call = async (it: DockerCall): Promise<unknown> => readWhole(await unlessRefused(it, await answerTo(it)));

  return {
    address: transport.address,
    version,
    call,
    find: async (it) => {
      const answer = await answerTo(it);
      if (answer.statusCode !== 404) return readWhole(await unlessRefused(it, answer));
      answer.resume();
      return undefined;
    },
    stream: async (it) => {
      const answer = await unlessRefused(it, await answerTo({ ...it, stream: true }));
      return bodyOf(transport.address, answer, it.signal);
    },
    takeOver: async (it) => {
      const request = await requestOf(it);
      const taken = await forgetIfAway(transport.takeOver(request));
      if (taken.kind === 'taken') return taken;
      const { statusCode: status = 0 } = await unlessRefused(it, taken.answer);
      taken.answer.destroy();
      throw new LandlineError('DOCKER_REFUSED', { doing: it.doing, status, says: 'it keeps the connection' });
    },
    close: () => transport.close(),
  };
}

/** Docker's own words: `{"message": "…"}`, or what stands there instead. */
async function messageOf(answer: IncomingMessage): Promise<string> {
  const text = await readText(answer).catch(() => '');
  try {
    // A cast: any JSON may stand there, and only the one field is looked at.
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    if (typeof message === 'string' && message.trim() !== '') return message.trim();
  } catch {
    // Then it is no JSON.
  }
  return text.trim() || `status ${answer.statusCode}`;
}

/** Its connection is closed when nobody reads on; what breaks off is told as such, and an abort is an end. */
async function* bodyOf(address: string, answer: IncomingMessage, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  try {
    for await (const bytes of answer) yield bytes as Uint8Array;
  } catch (error) {
    if (signal?.aborted !== true) throw dockerUnreachable(address, error as NodeJS.ErrnoException);
  } finally {
    answer.destroy();
  }
}
