import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import { type Arp, arpAnnouncement, arpProbe, decodeArp, encodeArp } from '../wire/arp/arp.ts';
import type { Ears } from './ears.ts';
import { probe } from './probe.ts';

const own = { mac: '02:00:00:00:00:01', address: ipv4('192.168.11.101') };
const other = '52:54:00:00:00:10';

const reply = (mac: Mac, address: string): Arp => ({
  destination: own.mac,
  source: mac,
  operation: 'reply',
  senderMac: mac,
  senderAddress: ipv4(address),
  targetMac: own.mac,
  targetAddress: 0,
});

/** Ears that hear `frames` in answer to the probe of that number. */
function scriptedEars(answers: Readonly<Record<number, readonly (Arp | Uint8Array)[]>> = {}) {
  const sent: { readonly at: number; readonly text: string }[] = [];
  let hear: ((frame: Uint8Array) => void) | undefined;
  const begin = performance.now();
  const ears: Ears = {
    listen: (listener) => {
      hear = listener;
    },
    send: (frame) => {
      const { operation, senderMac, senderAddress, targetAddress, destination } = decodeArp(frame);
      const text = `${operation} who-has ${formatIpv4(targetAddress)} tell ${formatIpv4(senderAddress)} from ${senderMac} to ${destination}`;
      sent.push({ at: performance.now() - begin, text });
      for (const it of answers[sent.length] ?? []) setImmediate(() => hear?.(it instanceof Uint8Array ? it : encodeArp(it)));
    },
    close: () => undefined,
  };
  return { ears, sent, isHeard: () => hear !== undefined };
}

const question = 'request who-has 192.168.11.101 tell 0.0.0.0 from 02:00:00:00:00:01 to ff:ff:ff:ff:ff:ff';

test('a free address is asked for three times within 300 ms, without saying that it is ours', async () => {
  const { ears, sent, isHeard } = scriptedEars();
  const begin = performance.now();
  assert.equal(await probe(ears, own, 'fast'), undefined);
  const took = performance.now() - begin;
  assert.deepEqual(
    sent.map((it) => it.text),
    [question, question, question],
  );
  assert.ok((sent[2]?.at ?? 0) >= 190, 'the probes are 100 ms apart');
  assert.ok(took >= 290 && took < 600, `the answer to the last one is waited for: ${took} ms`);
  assert.ok(!isHeard(), 'nobody listens afterwards');
});

test('whoever has the address, or is about to take it, is heard at once, at whichever probe', async () => {
  const conflicts: readonly (readonly [string, Arp])[] = [
    ['an answer', reply(other, '192.168.11.101')],
    ['an announcement', arpAnnouncement(other, own.address)],
    ['a question of the holder to somebody', { ...arpProbe(other, ipv4('192.168.10.7')), senderAddress: own.address }],
    ["another's probe for it", arpProbe(other, own.address)],
  ];
  for (const [what, frame] of conflicts) {
    for (const at of [1, 2, 3]) {
      const { ears, sent, isHeard } = scriptedEars({ [at]: [frame] });
      assert.equal(await probe(ears, own, 'fast'), other, what);
      assert.equal(sent.length, at, `${what} after probe ${at}: no further probe`);
      assert.ok(!isHeard());
    }
  }
});

test('the first of two holders is named', async () => {
  const { ears } = scriptedEars({ 1: [reply(other, '192.168.11.101'), reply('52:54:00:00:00:77', '192.168.11.101')] });
  assert.equal(await probe(ears, own, 'fast'), other);
});

test('what says nothing about the address is not heard: others, ourselves, and what is no ARP', async () => {
  const noise = [
    reply(other, '192.168.11.102'),
    arpProbe(other, ipv4('192.168.11.102')),
    { ...arpProbe(other, own.address), senderAddress: ipv4('192.168.10.20') },
    arpProbe(own.mac, own.address),
    arpAnnouncement(own.mac, own.address),
    new Uint8Array(0),
    new Uint8Array(60),
    encodeArp(reply(other, '192.168.11.101')).subarray(0, 20),
  ];
  const { ears, sent } = scriptedEars({ 1: noise, 3: noise });
  assert.equal(await probe(ears, own, 'fast'), undefined);
  assert.equal(sent.length, 3);
});

test('without probing nothing is sent, and nobody listens', async () => {
  const { ears, sent, isHeard } = scriptedEars();
  assert.equal(await probe(ears, own, 'off'), undefined);
  assert.deepEqual([sent.length, isHeard()], [0, false]);
});

// It takes four to six seconds, so it begins beside the others.
const slow = scriptedEars();
const slowBegan = performance.now();
const slowProbe = probe(slow.ears, own, 'rfc5227').then((holder) => ({ holder, took: performance.now() - slowBegan }));

test("RFC 5227's own times: three probes 1 to 2 s apart, and 2 s until the verdict", async () => {
  const { holder, took } = await slowProbe;
  assert.equal(holder, undefined);
  const [first = 0, second = 0, third = 0, ...more] = slow.sent.map((it) => it.at);
  const times = [second - first, third - second, took - third].map((ms) => ms / 1000);
  const bounds: readonly (readonly [number, number])[] = [
    [1, 2],
    [1, 2],
    [2, 2],
  ];
  for (const [at, [least, most]] of bounds.entries()) {
    const seconds = times[at] ?? 0;
    assert.ok(seconds > least - 0.01 && seconds < most + 0.5, `${times}`);
  }
  assert.deepEqual(more, []);
});

test('a socket that fails is not taken for a free address', async () => {
  const { ears, isHeard } = scriptedEars();
  const failing: Ears = {
    ...ears,
    send: () => {
      throw new Error('ENETDOWN');
    },
  };
  await assert.rejects(probe(failing, own, 'fast'), { message: 'ENETDOWN' });
  assert.ok(!isHeard());
});
