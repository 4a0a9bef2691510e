import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { exchange, type Question } from './exchange.ts';

async function say(connection: net.Socket, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    connection.write(piece.replaceAll('\n', '\r\n'));
    await sleep(2);
  }
  connection.end();
}

/** A server that says these pieces to whoever asks, one after the other, and then hangs up. */
async function serve(
  t: TestContext,
  pieces: readonly string[],
): Promise<{ readonly socket: string; readonly heard: () => string }> {
  const folder = mkdtempSync(join(tmpdir(), 'landline-exchange-'));
  let heard = '';
  const server = net.createServer((connection) => {
    connection.on('data', (text) => {
      heard += String(text);
    });
    connection.on('error', () => undefined);
    connection.once('data', () => void say(connection, pieces));
  });
  const socket = join(folder, 'landline.sock');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  return { socket, heard: () => heard };
}

const get: Question = { method: 'GET', path: '/v1/version' };

async function ask(socket: string, question = get): Promise<string> {
  const { status, body } = await exchange(socket, question);
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return `${status} ${Buffer.concat(parts).toString('utf8')}`;
}

test('a question is said as RFC 9112 has it, with the length of its body in bytes', async (t) => {
  const { socket, heard } = await serve(t, ['HTTP/1.1 201 Created\ncontent-length: 2\n\n{}']);
  assert.equal(await ask(socket, { method: 'POST', path: '/v1/environments?wait=false', body: 'name: größe' }), '201 {}');
  assert.equal(
    heard(),
    'POST /v1/environments?wait=false HTTP/1.1\nhost: landline\nconnection: close\ncontent-length: 13\n\nname: größe'.replaceAll(
      '\n',
      '\r\n',
    ),
  );
});

test('an answer by chunks, by length and until the end says the same, wherever it is cut', async (t) => {
  const answers = [
    'HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n3\nabc\nA;kind=x\ndefghijklm\n0\n\n',
    'HTTP/1.1 200 OK\nContent-Length: 13\n\nabcdefghijklm',
    'HTTP/1.1 200\n\nabcdefghijklm',
  ];
  for (const answer of answers) {
    for (let cut = 1; cut < answer.length; cut += 5) {
      const { socket } = await serve(t, [answer.slice(0, cut), answer.slice(cut)]);
      assert.equal(await ask(socket), '200 abcdefghijklm');
    }
  }
});

test('chunks are told as they come', async (t) => {
  const { socket } = await serve(t, ['HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n2\nab\n', '1\nc\n', '0\n\n']);
  const { body } = await exchange(socket, get);
  const parts: string[] = [];
  for await (const part of body) parts.push(Buffer.from(part).toString());
  assert.deepEqual(parts, ['ab', 'c']);
});

test('who hangs up in the middle has not answered', async (t) => {
  const unfinished = [
    'HTTP/1.1 200',
    'HTTP/1.1 200 OK\ncontent-length: 3\n\nab',
    'HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n2\nab\n',
  ];
  for (const answer of unfinished) {
    const { socket } = await serve(t, [answer]);
    await assert.rejects(ask(socket), { code: 'ECONNRESET' });
  }
});

test('what does not speak HTTP is told as that, and no socket by its errno', async (t) => {
  const { socket } = await serve(t, ['SSH-2.0-OpenSSH_9.2\n']);
  await assert.rejects(ask(socket), /does not speak HTTP/);
  await assert.rejects(ask(`${socket}.not`), { code: 'ENOENT' });
});

test('a signal ends an answer that goes on', async (t) => {
  const { socket } = await serve(t, [
    'HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n2\nab\n',
    ...Array<string>(500).fill('1\nc\n'),
  ]);
  const stop = new AbortController();
  const { body } = await exchange(socket, { ...get, signal: stop.signal });
  await assert.rejects(
    async () => {
      for await (const _part of body) stop.abort();
    },
    { name: 'AbortError' },
  );
});
