import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorBody, LandlineError } from '../errors.ts';
import { connect, RemoteError } from './client.ts';
import { type Script, scriptedDaemon } from './fixture.ts';
import { type ApiServer, serveApi } from './server.ts';

interface Served {
  readonly socket: string;
  readonly server: ApiServer;
  readonly calls: readonly (readonly unknown[])[];
  readonly internal: readonly LandlineError[];
}

function temporarySocket(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-api-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return path.join(folder, 'run', 'landline.sock');
}

async function serve(t: TestContext, script: Script = {}, socket = temporarySocket(t)): Promise<Served> {
  const { daemon, calls } = scriptedDaemon(script);
  const internal: LandlineError[] = [];
  const server = await serveApi(daemon, { socket, onInternal: (error) => internal.push(error) });
  t.after(() => server.close());
  return { socket, server, calls, internal };
}

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  readonly error?: ErrorBody;
}

/** One request as written, and what came back. */
function send(
  socketPath: string,
  method: string,
  target: string,
  headers: http.OutgoingHttpHeaders = {},
  body?: string | Buffer,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ socketPath, method, path: target, headers: { host: 'landline', ...headers } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => {
        const answer = { status: response.statusCode ?? 0, headers: response.headers, text };
        resolve(answer.status < 400 ? answer : { ...answer, error: (JSON.parse(text) as { error: ErrorBody }).error });
      });
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Bytes as they are, and all that comes back until the server hangs up. */
async function sendRaw(socket: string, bytes: string): Promise<string> {
  const client = net.connect(socket);
  let text = '';
  client.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  client.write(bytes);
  await once(client, 'close');
  return text;
}

test('an answer is JSON, names the version of the API, and is for no browser and no cache', async (t) => {
  const { socket } = await serve(t, { version: { version: '0.1.0' } });
  const { status, headers, text } = await send(socket, 'GET', '/v1/version');
  assert.deepEqual([status, JSON.parse(text)], [200, { version: '0.1.0' }]);
  assert.equal(headers['landline-api'], '1');
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers['x-content-type-options'], 'nosniff');
});

test('the socket is open to its owner and group alone, from the first moment, and gone with the server', async (t) => {
  const { socket, server } = await serve(t);
  const stat = fs.statSync(socket);
  assert.ok(stat.isSocket());
  assert.equal(stat.mode & 0o777, 0o660);
  await server.close();
  assert.ok(!fs.existsSync(socket));
});

test('what a web page elsewhere could send is refused before the daemon hears of it', async (t) => {
  const { socket, calls } = await serve(t, { networks: [] });
  const foreign: readonly (readonly [http.OutgoingHttpHeaders, string])[] = [
    [{ origin: 'https://example.org' }, 'a request with origin https://example.org comes from a web page elsewhere'],
    [{ origin: 'null' }, 'a request with origin null comes from a web page elsewhere'],
    [{ referer: 'http://localhost/' }, 'a request with referer http://localhost/ comes from a web page elsewhere'],
    [{ 'sec-fetch-site': 'same-origin' }, 'a request with sec-fetch-site same-origin comes from a web page elsewhere'],
    [{ host: 'landline.example.org' }, 'a request with host landline.example.org comes from a web page elsewhere'],
    [{ host: '192.168.11.20:80' }, 'a request with host 192.168.11.20:80 comes from a web page elsewhere'],
  ];
  for (const [headers, message] of foreign) {
    const { status, error } = await send(socket, 'DELETE', '/v1/environments', headers);
    assert.deepEqual([status, error?.code, error?.message], [403, 'REQUEST_FOREIGN', message]);
  }
  assert.deepEqual(calls, []);
  for (const host of ['landline', 'localhost', 'localhost:80', '127.0.0.1', '127.0.0.1:8080', '[::1]', '']) {
    assert.equal((await send(socket, 'GET', '/v1/networks', { host })).status, 200, host);
  }
});

test('unknown paths and methods, and what is no request at all, are answered with the one error object', async (t) => {
  const { socket, internal } = await serve(t);
  const answers: readonly (readonly [string, string, number, string])[] = [
    ['GET', '/v1/nothing', 404, 'ROUTE_UNKNOWN'],
    ['GET', '//v1/environments', 404, 'ROUTE_UNKNOWN'],
    ['GET', '//', 404, 'ROUTE_UNKNOWN'],
    ['GET', 'http://[', 404, 'ROUTE_UNKNOWN'],
    ['OPTIONS', '*', 404, 'ROUTE_UNKNOWN'],
    ['PUT', '/v1/version', 405, 'METHOD_UNKNOWN'],
    ['GET', '/v1/environments/%ff', 400, 'USAGE'],
  ];
  for (const [method, target, status, code] of answers) {
    const answer = await send(socket, method, target);
    assert.deepEqual([answer.status, answer.error?.code], [status, code], `${method} ${target}`);
  }
  for (const bytes of [
    'nonsense\r\n\r\n',
    'GET /v1/version HTTP/1.1\r\nconnection: close\r\n\r\n',
    `GET /v1/version HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`,
  ]) {
    const answer = await sendRaw(socket, bytes);
    assert.match(answer, /^HTTP\/1\.1 4\d\d /, bytes.slice(0, 40));
    const { error } = JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as { error: ErrorBody };
    assert.equal(error.code, 'USAGE', bytes.slice(0, 40));
  }
  assert.deepEqual(internal, []);
});

test('a body of 1 MiB is taken, a larger one is refused with an answer that arrives, told its length or not', async (t) => {
  const { socket, calls } = await serve(t, { up: { name: 'shop' } });
  const limit = 1024 * 1024;
  assert.equal((await send(socket, 'POST', '/v1/environments', {}, Buffer.alloc(limit, 'a'))).status, 201);
  assert.equal(calls.length, 1);
  for (const length of [limit + 1, 8 * limit]) {
    const known = await send(socket, 'POST', '/v1/environments', { 'content-length': length }, Buffer.alloc(length, 'a'));
    assert.deepEqual([known.status, known.error?.code], [413, 'BODY_TOO_LARGE']);
    const chunked = await send(socket, 'POST', '/v1/environments', { 'transfer-encoding': 'chunked' }, Buffer.alloc(length, 'a'));
    assert.deepEqual([chunked.status, chunked.error?.code], [413, 'BODY_TOO_LARGE']);
  }
  assert.equal(calls.length, 1);
});

test("the daemon's refusals have their status and all of the error; a mistake of ours is told to the log too", async (t) => {
  const fail = (error: unknown) => (): never => {
    throw error;
  };
  const refusal = new LandlineError('ADDRESS_HELD', { address: '192.168.11.101', network: 'office', environment: 'crm' });
  const ours = new TypeError('x is not a function');
  const { socket, internal } = await serve(t, { environments: fail(refusal), networks: fail(ours) });
  const held = await send(socket, 'GET', '/v1/environments');
  assert.equal(held.status, 409);
  assert.deepEqual(held.error, JSON.parse(JSON.stringify(refusal)));
  assert.equal(internal.length, 0);
  const internalError = await send(socket, 'GET', '/v1/networks');
  assert.deepEqual([internalError.status, internalError.error?.code], [500, 'INTERNAL']);
  assert.deepEqual(
    internal.map((it) => it.cause),
    [ours],
  );
});

test('a stream comes line by line as things happen, and its source ends when the client goes', async (t) => {
  let open = 0;
  let say: (text: string) => void = () => undefined;
  async function* events(): AsyncGenerator<{ what: string }> {
    open += 1;
    try {
      for (;;) yield { what: await new Promise<string>((resolve) => (say = resolve)) };
    } finally {
      open -= 1;
    }
  }
  // As the daemon's own stream does, it ends when told that nobody listens.
  const stopping = (_environment: undefined, signal: AbortSignal): AsyncIterable<unknown> => {
    const source = events();
    signal.addEventListener('abort', () => say('the end'));
    return source;
  };
  const { socket } = await serve(t, { events: stopping });
  const stop = new AbortController();
  const lines = connect(socket).stream<{ what: string }>('/v1/events', { signal: stop.signal });
  for (const what of ['one', 'two', 'three']) {
    const next = lines.next();
    await sleep(20);
    say(what);
    assert.deepEqual((await next).value, { what });
  }
  assert.equal(open, 1);
  stop.abort();
  assert.equal((await lines.next()).done, true);
  for (let turns = 0; open > 0 && turns < 100; turns += 1) await sleep(10);
  assert.equal(open, 0);
});

test('one connection takes many requests, and nothing gathers on it', async (t) => {
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  t.after(() => process.off('warning', note));
  const { socket } = await serve(t, { version: {} });
  const request = 'GET /v1/version HTTP/1.1\r\nhost: landline\r\n\r\n';
  const answers = await sendRaw(socket, `${request.repeat(30)}${request.replace('host', 'connection: close\r\nhost')}`);
  assert.equal(answers.match(/^HTTP\/1\.1 200 /gm)?.length, 31);
  assert.deepEqual(warnings, []);
});

test('two hundred requests at once are all answered', async (t) => {
  const slow = async (name: string): Promise<unknown> => {
    await sleep(20);
    return { name };
  };
  const { socket } = await serve(t, { environment: slow });
  const client = connect(socket);
  const names = Array.from({ length: 200 }, (_, at) => `shop-${at}`);
  const answers = await Promise.all(names.map((name) => client.call<{ name: string }>('GET', `/v1/environments/${name}`)));
  assert.deepEqual(
    answers.map((it) => it.name),
    names,
  );
});

test('a stale socket is replaced, a live one is refused and left alone', async (t) => {
  const socket = temporarySocket(t);
  fs.mkdirSync(path.dirname(socket), { recursive: true });
  // A server that is killed leaves its socket behind.
  const stale = net.createServer().listen(`${socket}.other`);
  await once(stale, 'listening');
  fs.linkSync(`${socket}.other`, socket);
  stale.close();
  await once(stale, 'close');
  assert.ok(fs.existsSync(socket));
  await serve(t, { version: 'first' }, socket);
  await assert.rejects(serve(t, { version: 'second' }, socket), { code: 'DAEMON_RUNNING', details: { what: socket } });
  assert.equal(await connect(socket).call('GET', '/v1/version'), 'first');
});

test('the client tells what the daemon said, and where there is no daemon, why', async (t) => {
  const refuse = (): never => {
    throw new LandlineError('ENVIRONMENT_UNKNOWN', { name: 'shp', suggestion: 'shop' });
  };
  const { socket, server } = await serve(t, { environment: refuse });
  const client = connect(socket);
  await assert.rejects(client.call('GET', '/v1/environments/shp'), (error) => {
    assert.ok(error instanceof RemoteError);
    assert.deepEqual(
      [error.status, error.body.code, error.body.details],
      [404, 'ENVIRONMENT_UNKNOWN', { name: 'shp', suggestion: 'shop' }],
    );
    return true;
  });
  await server.close();
  await assert.rejects(client.call('GET', '/v1/version'), {
    code: 'DAEMON_UNREACHABLE',
    message: `no daemon answers at ${socket}: there is no such socket`,
  });
  const deaf = net.createServer((it) => it.destroy()).listen(socket);
  t.after(() => deaf.close());
  await once(deaf, 'listening');
  await assert.rejects(client.call('GET', '/v1/version'), {
    code: 'DAEMON_UNREACHABLE',
    message: `no daemon answers at ${socket}: it hung up before it answered`,
  });
});

test('an answer that is not from a daemon is told as it is', async (t) => {
  const socket = temporarySocket(t);
  fs.mkdirSync(path.dirname(socket), { recursive: true });
  const other = http.createServer((_request, response) => response.writeHead(502).end('<h1>Bad Gateway</h1>')).listen(socket);
  t.after(() => other.close());
  await once(other, 'listening');
  await assert.rejects(connect(socket).call('GET', '/v1/version'), { message: '/v1/version answered 502: <h1>Bad Gateway</h1>' });
});
