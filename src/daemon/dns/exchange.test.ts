import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import type { DnsServerAddress } from '../../core/model.ts';
import { ipv4 } from '../../net/ipv4.ts';
import { decodeMessage, encodeMessage, type Message } from '../../wire/dns/message.ts';
import { signMessage, type TsigKey, verifyMessage } from '../../wire/dns/tsig.ts';
import { updateMessage } from '../../wire/dns/update.ts';
import { questionFor } from './client.ts';
import { exchange, withLength } from './exchange.ts';
import { shareLines } from './line.ts';
import { hmac } from './secret.ts';
import { DnsError, troubleOf } from './trouble.ts';

const key: TsigKey = { name: 'landline', algorithm: 'hmac-sha256', secret: Buffer.from('the secret of this test') };
const wrong: TsigKey = { ...key, secret: Buffer.from('another secret') };
const update = updateMessage(0, { zone: 'test.office.example', prerequisites: [], changes: [] });

/** What a server sends back for a request: several datagrams, or none. */
type Answers = (request: Uint8Array, message: Message, count: number) => readonly Uint8Array[];

/** A server on this machine's loopback; TCP on the same port where it is wanted. */
async function serve(t: TestContext, udp: Answers, tcp?: Answers): Promise<DnsServerAddress> {
  const socket = dgram.createSocket('udp4');
  let count = 0;
  socket.on('message', (request, asker) => {
    count += 1;
    for (const answer of udp(request, decodeMessage(request), count)) socket.send(answer, asker.port, asker.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  const server = net.createServer((connection) =>
    connection.on('data', (data: Buffer) => {
      const request = new Uint8Array(data.subarray(2));
      for (const answer of tcp?.(request, decodeMessage(request), 1) ?? []) connection.write(withLength(answer));
    }),
  );
  if (tcp !== undefined) {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  }
  t.after(() => {
    socket.close();
    server.close();
  });
  return { address: ipv4('127.0.0.1'), port };
}

const reply = (message: Message, changes: Partial<Message> = {}): Uint8Array =>
  encodeMessage({ ...message, response: true, additionals: [], ...changes });

/** An answer as who has `by` signs it, bound to the request. */
function signed(request: Uint8Array, message: Message, by: TsigKey, time = Math.floor(Date.now() / 1000)): Uint8Array {
  const tsig = message.additionals.at(-1)?.data;
  assert.ok(tsig?.kind === 'TSIG');
  assert.equal(verifyMessage(request, key, { time: tsig.time }, hmac).verdict.kind, 'verified');
  return signMessage(reply(message), by, { time, requestMac: tsig.mac }, hmac).bytes;
}

/** What stands in the way, as a user reads it. */
async function trouble(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof DnsError, String(error));
    return troubleOf('shop', error.trouble).message;
  }
  return assert.fail('it was believed');
}

test('an answer that is signed with the key is believed', async (t) => {
  const server = await serve(t, (request, message) => [signed(request, message, key)]);
  assert.equal((await exchange(server, update, key)).rcode, 0);
});

test('an unsigned answer to a signed request is not believed, and does not hide the true one behind it', async (t) => {
  const forged = await serve(t, (_request, message) => [reply(message)]);
  assert.match(await trouble(exchange(forged, update, key)), /is not signed, and is not believed/);
  const both = await serve(t, (request, message) => [reply(message, { rcode: 5 }), signed(request, message, key)]);
  assert.equal((await exchange(both, update, key)).rcode, 0);
});

test('an answer that is signed with another key, or for another request, is not believed', async (t) => {
  const other = await serve(t, (request, message) => [signed(request, message, wrong)]);
  assert.match(await trouble(exchange(other, update, key)), /an answer is not believed: its signature is wrong/);
  const replayed = await serve(t, (_request, message) => [
    signMessage(reply(message), key, { time: Math.floor(Date.now() / 1000), requestMac: new Uint8Array(32) }, hmac).bytes,
  ]);
  assert.match(await trouble(exchange(replayed, update, key)), /its signature is wrong/);
});

test('an answer signed an hour ago tells of the clocks', async (t) => {
  const server = await serve(t, (request, message) => [signed(request, message, key, Math.floor(Date.now() / 1000) - 3600)]);
  assert.match(await trouble(exchange(server, update, key)), /is 3600 s behind this host's/);
});

test('garbage, a request that comes back, and an answer with another id are not heard', async (t) => {
  const server = await serve(t, (request, message) => [
    Uint8Array.of(1, 2, 3),
    request,
    reply(message, { id: (message.id + 1) & 0xffff }),
    signed(request, message, key),
  ]);
  assert.equal((await exchange(server, update, key)).rcode, 0);
});

test('a lost datagram is sent again, the same one', async (t) => {
  const seen: string[] = [];
  const server = await serve(t, (request, message, count) => {
    seen.push(Buffer.from(request).toString('hex'));
    return count === 1 ? [] : [signed(request, message, key)];
  });
  await exchange(server, update, key);
  assert.equal(seen.length, 2);
  assert.equal(seen[0], seen[1]);
});

test('an answer that was cut is asked for again over TCP, and verified there too', async (t) => {
  const cut: Answers = (_request, message) => [reply(message, { truncated: true })];
  const question = questionFor('shop.test.office.example', 'A');
  const whole = await serve(t, cut, (_request, message) => [reply(message)]);
  assert.equal((await exchange(whole, question)).truncated, false);
  const unsigned = await serve(
    t,
    (request, message) => [signed(request, { ...message, truncated: true }, key)],
    (_request, message) => [reply(message)],
  );
  assert.match(await trouble(exchange(unsigned, question, key)), /is not signed/);
});

test('where nobody listens is told at once', async (t) => {
  const server = await serve(t, () => []);
  const begin = performance.now();
  const nobody = { ...server, port: 1 };
  assert.match(await trouble(exchange(nobody, update, key)), /nobody listens there/);
  assert.ok(performance.now() - begin < 2000);
});

test('signed questions that are under way at once share a port, and each has its own answer, in whatever order they come', async (t) => {
  const ports = new Set<number>();
  const kept: (() => void)[] = [];
  const socket = dgram.createSocket('udp4');
  socket.on('message', (request, { port, address }) => {
    ports.add(port);
    if (decodeMessage(request).additionals.length === 0) return;
    kept.push(() => socket.send(signed(request, decodeMessage(request), key), port, address));
    if (kept.length === 8) for (const answer of kept.splice(0).reverse()) answer();
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  const server = { address: ipv4('127.0.0.1'), port: socket.address().port };
  const lines = shareLines();
  const answers = await Promise.all(Array.from({ length: 16 }, () => exchange(server, update, key, lines)));
  assert.equal(answers.length, 16);
  assert.equal(ports.size, 1);
  // Unsigned, each has its own.
  for (let count = 0; count < 8; count += 1) void exchange(server, update, undefined, lines).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(ports.size, 9);
});

test('an address that no question can be sent to is told at once', async () => {
  assert.match(await trouble(exchange({ address: ipv4('255.255.255.255'), port: 53 }, update, key, shareLines())), /EACCES/);
});
