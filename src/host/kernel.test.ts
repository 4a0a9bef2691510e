import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCaptures } from '../../test/support/captures.ts';
import { RTM_GETLINK } from '../wire/netlink/link.ts';
import { decodeMessages, encodeMessage, type NetlinkMessage } from '../wire/netlink/message.ts';
import { kernelOn } from './kernel.ts';
import { transactions } from './transactions.ts';

const captures = readCaptures(new URL('../wire/netlink/captures/', import.meta.url));

function captured(name: string): NetlinkMessage {
  const [message] = decodeMessages(captures.find((it) => it.name === name)?.bytes ?? new Uint8Array());
  assert.ok(message !== undefined, name);
  return message;
}

/** A kernel that makes every link, answers every look with a link, and knows NLM_F_ECHO or not. */
function kernel(echoes: boolean): { readonly requests: NetlinkMessage[]; readonly on: ReturnType<typeof kernelOn> } {
  const requests: NetlinkMessage[] = [];
  const queue: Uint8Array[] = [];
  const send = (bytes: Uint8Array): void => {
    for (const request of decodeMessages(bytes)) {
      requests.push(request);
      const answer = (message: NetlinkMessage): void =>
        void queue.push(encodeMessage({ ...message, sequence: request.sequence }));
      if (echoes || request.type === RTM_GETLINK) answer(captured('link-show-veth.reply'));
      answer(captured('link-add-bridge.reply'));
    }
  };
  const channel = {
    sendNow: send,
    sendAsync: async (bytes: Uint8Array) => send(bytes),
    receive: () => queue.shift(),
    close: () => undefined,
  };
  return { requests, on: kernelOn(transactions(channel)) };
}

const spec = { kind: 'veth', name: 'll0', peer: { name: 'eth0' } } as const;

test('a kernel that echoes what it made is not asked again', async () => {
  const { on, requests } = kernel(true);
  assert.partialDeepStrictEqual(await on.addLink(spec), { index: 3, peer: 2 });
  assert.equal(requests.length, 1);
});

test('a kernel before 6.2 does not echo: the new link is looked up', async () => {
  const { on, requests } = kernel(false);
  assert.partialDeepStrictEqual(await on.addLink(spec), { index: 3, peer: 2 });
  assert.deepEqual(
    requests.map((it) => it.type === RTM_GETLINK),
    [false, true],
  );
});
