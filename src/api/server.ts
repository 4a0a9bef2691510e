/**
 * The API's door: HTTP on a unix socket. Refuses what a web page elsewhere could send, limits bodies, and turns every
 * error into the catalogue's object.
 */
import fs from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import net from 'node:net';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { asLandlineError, LandlineError } from '../errors.ts';
import { apiVersion } from './contract.ts';
import type { Daemon } from './daemon.ts';
import { http } from './http.ts';
import { route } from './routes.ts';

/** Largest body in bytes. */
const bodyLimit = 1024 * 1024;

export interface ApiServer {
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly socket: string;
  /** Id of the group that may open the socket besides root. */
  readonly group?: number;
  /** Told of errors that are ours. */
  readonly onInternal: (error: LandlineError) => void;
}

/** @throws LandlineError DAEMON_RUNNING when somebody answers at the socket; a stale one is replaced. */
export async function serveApi(daemon: Daemon, options: ServeOptions): Promise<ApiServer> {
  await clearStale(options.socket);
  // Without a Host a request is refused below, in our own words.
  const server = http.createServer({ requireHostHeader: false }, (request, response) => {
    answer(daemon, request, response, options).then(
      (it) => send(it, response),
      // A connection that broke needs no answer.
      () => response.destroy(),
    );
  });
  server.on('clientError', refuseNonsense);
  server.requestTimeout = 0;
  server.keepAliveTimeout = 5000;
  await listen(server, options);
  return {
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Takes away a socket that nobody serves any more. @throws LandlineError DAEMON_RUNNING when somebody answers there */
export async function clearStale(socket: string): Promise<void> {
  if (!fs.existsSync(socket)) return;
  if (await isAlive(socket)) throw new LandlineError('DAEMON_RUNNING', { what: socket });
  fs.rmSync(socket, { force: true });
}

function isAlive(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect(socket);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

/** The socket is never open to others, not even for a moment: it is made with the umask of its mode. */
async function listen(server: Server, options: ServeOptions): Promise<void> {
  fs.mkdirSync(path.dirname(options.socket), { recursive: true, mode: 0o755 });
  const umask = process.umask(0o117);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.socket, resolve);
    });
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      ? new LandlineError('DAEMON_RUNNING', { what: options.socket }, { cause: error })
      : error;
  } finally {
    process.umask(umask);
  }
  if (options.group !== undefined) fs.chownSync(options.socket, 0, options.group);
}

async function answer(
  daemon: Daemon,
  request: IncomingMessage,
  response: ServerResponse,
  options: ServeOptions,
): Promise<Response> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    refuseForeign(request.headers);
    const text = await readBody(request);
    const method = request.method ?? 'GET';
    return await route(daemon, method, targetOf(method, request.url ?? '/'), text, gone.signal);
  } catch (error) {
    const it = asLandlineError(error);
    if (it.code === 'INTERNAL') options.onInternal(it);
    return Response.json({ error: it }, { status: it.status });
  }
}

/** What a request asks for: a path, or a whole URL (RFC 9112 section 3.2). @throws LandlineError ROUTE_UNKNOWN for neither */
function targetOf(method: string, target: string): URL {
  const url = URL.parse(target.startsWith('/') ? `http://landline${target}` : target);
  if (url === null) throw new LandlineError('ROUTE_UNKNOWN', { method, path: target });
  return url;
}

/** Bytes that are no request of HTTP. */
function refuseNonsense(error: Error, socket: Duplex): void {
  if (!socket.writable) return;
  const refusal = usage(`this is no request of HTTP/1.1: ${error.message}`);
  const body = JSON.stringify({ error: refusal });
  const head = ['HTTP/1.1 400 Bad Request', 'content-type: application/json', `content-length: ${Buffer.byteLength(body)}`];
  socket.end(`${[...head, 'connection: close'].join('\r\n')}\r\n\r\n${body}`);
}

const usage = (problem: string): LandlineError => new LandlineError('USAGE', { problem, advice: 'docs/api.md shows how to ask' });

/** A browser names the page that asks, and a page that points its own name at this machine shows in Host. */
function refuseForeign(headers: IncomingHttpHeaders): void {
  for (const header of ['origin', 'referer', 'sec-fetch-site'] as const) {
    const value = headers[header];
    if (value !== undefined) throw new LandlineError('REQUEST_FOREIGN', { header, value: String(value) });
  }
  const { host } = headers;
  if (host === undefined) throw usage('the request has no Host');
  if (!/^(127\.0\.0\.1|\[::1\]|[a-z0-9-]*)(:\d+)?$/i.test(host)) {
    throw new LandlineError('REQUEST_FOREIGN', { header: 'host', value: host });
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request) {
    // Without an encoding set, a request's chunks are buffers.
    parts.push(part as Buffer);
    length += (part as Buffer).length;
    if (length > bodyLimit) throw new LandlineError('BODY_TOO_LARGE', { limit: bodyLimit });
  }
  return Buffer.concat(parts).toString('utf8');
}

async function send(from: Response, to: ServerResponse): Promise<void> {
  to.setHeader('landline-api', String(apiVersion));
  to.setHeader('cache-control', 'no-store');
  to.setHeader('x-content-type-options', 'nosniff');
  to.setHeader('content-security-policy', "default-src 'none'; frame-ancestors 'none'");
  to.writeHead(from.status, Object.fromEntries(from.headers));
  if (from.body === null) return void to.end();
  to.flushHeaders();
  const reader = from.body.getReader();
  to.once('close', () => {
    reader.cancel().catch(() => undefined);
  });
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (!to.write(part.value)) await new Promise((resolve) => to.once('drain', resolve).once('close', resolve));
    }
    to.end();
  } catch {
    to.destroy();
  }
}
