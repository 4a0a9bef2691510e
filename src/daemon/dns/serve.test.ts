import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import { buildZones, type Zone } from '../../core/dns/zone.ts';
import type { DnsServerAddress } from '../../core/model.ts';
import { ipv4 } from '../../net/ipv4.ts';
import { encodeMessage, rcodeName } from '../../wire/dns/message.ts';
import { questionFor } from './client.ts';
import { exchange, withLength } from './exchange.ts';
import { type DnsServer, serveDns } from './serve.ts';

const zones = (...addresses: readonly string[]): readonly Zone[] =>
  buildZones({
    origins: ['lab.office.example'],
    address: undefined,
    ttl: 60,
    serial: 1,
    installation: 'host1',
    names: [
      {
        zone: 'lab.office.example',
        name: 'shop.lab.office.example',
        environment: 'shop',
        data: addresses.map((address) => ({ kind: 'A' as const, address: ipv4(address) })),
      },
    ],
  });

async function freePort(): Promise<number> {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

async function served(t: TestContext, first: readonly Zone[]): Promise<{ server: DnsServer; at: DnsServerAddress }> {
  const at = { address: ipv4('127.0.0.1'), port: await freePort() };
  const server = serveDns({ listen: at, zone: 'lab.office.example', ttl: 60 }, first);
  t.after(() => server.close());
  await answered(at);
  return { server, at };
}

async function answered(at: DnsServerAddress): Promise<void> {
  for (let count = 0; count < 50; count += 1) {
    if ((await exchange(at, question).catch(() => undefined)) !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail('nobody answers');
}

const question = questionFor('shop.lab.office.example', 'A');

test('another zone is answered from as soon as it is swapped in, whatever was answered before', async (t) => {
  const { server, at } = await served(t, zones('192.168.11.101'));
  const addresses = async (): Promise<number> => (await exchange(at, question)).answers.length;
  assert.equal(await addresses(), 1);
  server.swap(zones('192.168.11.101', '192.168.11.102'));
  assert.equal(await addresses(), 2);
  server.swap(zones());
  // The owner's record is there still, and no address.
  assert.equal(await addresses(), 0);
});

test('the same question by many, each with its own id, gets each its own answer', async (t) => {
  const { server, at } = await served(t, zones('192.168.11.101'));
  const answers = await Promise.all(Array.from({ length: 100 }, () => exchange(at, question)));
  assert.equal(answers.length, 100);
  assert.ok(server.counters.udp >= 100);
});

test('TCP takes one message after the other, in pieces of any size, and ends with who sends rubbish', {
  timeout: 10_000,
}, async (t) => {
  const { at } = await served(t, zones(...Array.from({ length: 200 }, (_, index) => `192.168.10.${index + 1}`)));
  const message = await exchange(at, question);
  assert.equal(message.answers.length, 200);
  const socket = net.connect(at.port, '127.0.0.1');
  await once(socket, 'connect');
  // One byte too many: FORMERR, and the connection goes on until rubbish comes.
  const bytes = withLength(Uint8Array.from([...encodeMessage({ ...question, id: 7 }), 0]));
  for (const byte of bytes) socket.write(Uint8Array.of(byte));
  const [data] = (await once(socket, 'data')) as [Buffer];
  assert.equal(rcodeName(data.readUInt16BE(4) & 15), 'FORMERR');
  socket.write(Uint8Array.of(0, 1, 7));
  await once(socket, 'close');
});

test('a port that is taken is a problem, and is listened on once it is free', async (t) => {
  const port = await freePort();
  const squatter = net.createServer().listen(port, '127.0.0.1');
  await once(squatter, 'listening');
  const listen = { address: ipv4('127.0.0.1'), port };
  const server = serveDns({ listen, zone: 'lab.office.example', ttl: 60 }, zones());
  t.after(() => server.close());
  for (let count = 0; server.problem === undefined && count < 50; count += 1)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.match(
    server.problem?.message ?? '',
    /zone lab\.office\.example is not served: 127\.0\.0\.1:\d+ cannot be listened on: another program/,
  );
  squatter.close();
  for (let count = 0; server.problem !== undefined && count < 150; count += 1)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(server.problem, undefined);
});
