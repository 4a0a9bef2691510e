import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import type { DnsServerAddress } from '../../core/model.ts';
import { ipv4 } from '../../net/ipv4.ts';
import { decodeMessage, encodeMessage, rcodes } from '../../wire/dns/message.ts';
import { openDnsClient } from './client.ts';
import { DnsError } from './trouble.ts';

const zone = 'test.office.example';
const update = { zone, prerequisites: [], changes: [] };

interface Server extends DnsServerAddress {
  /** How many questions it has had. */
  readonly heard: () => number;
}

/** @param rcode what it answers everything with; undefined: it never answers */
async function server(t: TestContext, rcode: number | undefined): Promise<Server> {
  const socket = dgram.createSocket('udp4');
  let count = 0;
  socket.on('message', (request, asker) => {
    count += 1;
    if (rcode !== undefined)
      socket.send(encodeMessage({ ...decodeMessage(request), response: true, rcode }), asker.port, asker.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  return { address: ipv4('127.0.0.1'), port: socket.address().port, heard: () => count };
}

const client = (...servers: readonly DnsServerAddress[]) => openDnsClient({ servers, zone, reverse: [], ttl: 60 }, () => []);

async function milliseconds(work: Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work;
  return performance.now() - begin;
}

test('a first server that is dead costs half a second once, and is passed by from then on', async (t) => {
  const [dead, alive] = [await server(t, undefined), await server(t, rcodes.NOERROR)];
  const it = client(dead, alive);
  const first = await milliseconds(it.serial(zone));
  assert.ok(first > 400 && first < 1500, `${first} ms`);
  for (const work of [() => it.update(update), () => it.look(zone, zone, ['A']), () => it.serial(zone)]) {
    const ms = await milliseconds(work());
    assert.ok(ms < 300, `${ms} ms`);
  }
});

test('a server that makes no updates is passed by, and not asked again for the same zone', async (t) => {
  const [secondary, primary] = [await server(t, rcodes.NOTAUTH), await server(t, rcodes.NOERROR)];
  const it = client(secondary, primary);
  for (let count = 0; count < 3; count += 1) assert.equal((await it.update(update)).server.port, primary.port);
  assert.equal(secondary.heard(), 1);
});

test("when nobody answers, what is told is the first one's; where all refuse, there is no serial number", async (t) => {
  const refusing = await server(t, rcodes.REFUSED);
  assert.equal(await client(refusing).serial(zone), undefined);
  assert.equal((await client(refusing).update(update)).rcode, rcodes.REFUSED);
  const nobody = { address: ipv4('127.0.0.1'), port: 1 };
  await assert.rejects(client(nobody, { ...nobody, port: 2 }).serial(zone), (error: unknown) => {
    assert.ok(error instanceof DnsError && error.trouble.kind === 'away');
    assert.equal(error.trouble.server.port, 1);
    return true;
  });
});
