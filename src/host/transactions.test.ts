import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readCaptures } from '../../test/support/captures.ts';
import {
  decodeMessages,
  encodeAcknowledgement,
  encodeDone,
  encodeMessage,
  type NetlinkMessage,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
} from '../wire/netlink/message.ts';
import { isKernelError } from './kernel-error.ts';
import { type Channel, type Request, transactions } from './transactions.ts';

const captures = readCaptures(new URL('../wire/netlink/captures/', import.meta.url));

/** Messages that a kernel sent, as they were captured. */
function captured(name: string): readonly NetlinkMessage[] {
  const found = captures.find((it) => it.name === name);
  assert.ok(found !== undefined, name);
  return decodeMessages(found.bytes);
}

type Answer = (request: NetlinkMessage) => readonly NetlinkMessage[];

/** A kernel that answers each request by the next of its answers, one message a datagram. */
function kernel(...answers: readonly Answer[]): {
  readonly channel: Channel;
  readonly requests: NetlinkMessage[];
  closed: boolean;
} {
  const queue: Uint8Array[] = [];
  const requests: NetlinkMessage[] = [];
  const rest = [...answers];
  const send = (bytes: Uint8Array): void => {
    for (const request of decodeMessages(bytes)) {
      requests.push(request);
      const replies = rest.shift()?.(request) ?? [];
      queue.push(...replies.map(encodeMessage));
    }
  };
  const it = {
    requests,
    closed: false,
    channel: {
      sendNow: send,
      sendAsync: async (bytes: Uint8Array) => {
        await new Promise(setImmediate);
        send(bytes);
      },
      receive: () => queue.shift(),
      close: () => {
        it.closed = true;
      },
    },
  };
  return it;
}

const request: Request = { doing: 'ip link set dev 4 mtu 70000', type: 16, flags: 0, payload: new Uint8Array(16) };

const acknowledge =
  (errno: number): Answer =>
  ({ type, flags, sequence, port, payload }) => [
    {
      type: NLMSG_ERROR,
      flags: 0,
      sequence,
      port,
      payload: encodeAcknowledgement({ errno, request: { length: 16 + payload.length, type, flags, sequence, port }, payload }),
    },
  ];

const done = (errno = 0): NetlinkMessage => ({
  type: NLMSG_DONE,
  flags: 2,
  sequence: 0,
  port: 0,
  payload: encodeDone({ errno }),
});

/** What was captured, as the answer to this request and not to that of its day. */
const says =
  (...messages: readonly NetlinkMessage[]): Answer =>
  ({ sequence }) =>
    messages.map((message) => ({ ...message, sequence }));

test('a refusal carries the errno and the words of the kernel', async () => {
  const { channel } = kernel(says(...captured('refused-mtu.reply')));
  await assert.rejects(transactions(channel).change(request), {
    name: 'KernelError',
    doing: 'ip link set dev 4 mtu 70000',
    errno: 'EINVAL',
    kernelSays: 'mtu greater than device maximum',
  });
});

test('what a change echoes comes back with its acknowledgement', async () => {
  const [echo] = captured('link-show-veth.reply');
  assert.ok(echo !== undefined);
  const { channel } = kernel((asked) => [...says(echo)(asked), ...acknowledge(0)(asked)]);
  const { replies } = await transactions(channel).change(request);
  assert.deepEqual(
    replies.map((it) => it.payload),
    [echo.payload],
  );
});

test('what follows a change in the same send is told of alone, and a refused change is what is thrown', async () => {
  const next = { ...request, doing: 'next' };
  const { channel } = kernel(acknowledge(0), acknowledge(34));
  const { refusal } = await transactions(channel).change(request, next);
  assert.deepEqual([refusal?.doing, refusal?.errno], ['next', 'ERANGE']);
  const refused = kernel(acknowledge(17), acknowledge(19));
  await assert.rejects(transactions(refused.channel).change(request, next), { doing: request.doing, errno: 'EEXIST' });
  assert.equal(refused.requests.length, 2);
});

test('of several changes in one send all are made, and the first refusal is thrown', () => {
  const { channel, requests } = kernel(acknowledge(0), acknowledge(17), acknowledge(101), acknowledge(0));
  const several = ['a', 'b', 'c', 'd'].map((doing) => ({ ...request, doing }));
  assert.throws(() => transactions(channel).changeNow(several), { doing: 'b', errno: 'EEXIST' });
  assert.equal(requests.length, 4);
});

test('more changes than acknowledgements have room for go in several sends', () => {
  const sends: number[] = [];
  const { channel, requests } = kernel(...Array.from({ length: 130 }, () => acknowledge(0)));
  const counting: Channel = {
    ...channel,
    sendNow: (bytes) => {
      sends.push(decodeMessages(bytes).length);
      channel.sendNow(bytes);
    },
  };
  transactions(counting).changeNow(Array.from({ length: 130 }, () => request));
  assert.deepEqual(sends, [64, 64, 2]);
  assert.equal(new Set(requests.map((it) => it.sequence)).size, 130);
});

test('answers find their request, whichever reads them from the socket', async () => {
  const [echo] = captured('link-show-veth.reply');
  assert.ok(echo !== undefined);
  const { channel } = kernel((asked) => [...says(echo)(asked), ...acknowledge(0)(asked)], acknowledge(19));
  const socket = transactions(channel);
  // The change is sent while the loop turns; the look before it is answered meanwhile.
  const change = socket.change(request);
  assert.deepEqual(socket.get({ ...request, doing: 'ip link show dev 4' })?.payload, echo.payload);
  await assert.rejects(change, (error) => isKernelError(error, 'ENODEV'));
});

test('what is not there is undefined for a look, and a refusal for a change', async () => {
  const { channel } = kernel(acknowledge(19), acknowledge(19), acknowledge(13));
  const socket = transactions(channel);
  assert.equal(socket.get(request), undefined);
  await assert.rejects(socket.change(request), (error) => isKernelError(error, 'ENODEV'));
  assert.throws(
    () => socket.get(request),
    (error) => isKernelError(error, 'EACCES'),
  );
});

test('a dump is the messages of all its datagrams', () => {
  const messages = captured('link-dump.reply');
  const { channel } = kernel(says(...messages, done()));
  const read = transactions(channel).dump(request);
  assert.equal(read.length, messages.length);
  assert.deepEqual(read[1]?.payload, messages[1]?.payload);
});

test('a dump that was interrupted is asked for again, three times in all', () => {
  const [first, second] = captured('link-dump.reply');
  assert.ok(first !== undefined && second !== undefined);
  const interrupted = { ...done(), flags: 2 | NLM_F_DUMP_INTR };
  const better = kernel(
    says(first, interrupted),
    says(first, { ...second, flags: 2 | NLM_F_DUMP_INTR }, done()),
    says(first, second, done()),
  );
  assert.equal(transactions(better.channel).dump(request).length, 2);
  assert.equal(better.requests.length, 3);
  const never = kernel(...Array.from({ length: 5 }, () => says(first, interrupted)));
  assert.equal(transactions(never.channel).dump(request).length, 1);
  assert.equal(never.requests.length, 3);
});

test('a dump that is refused is a refusal', () => {
  const { channel } = kernel(says(done(95)), acknowledge(1));
  const socket = transactions(channel);
  assert.throws(
    () => socket.dump(request),
    (error) => isKernelError(error, 'EOPNOTSUPP'),
  );
  assert.throws(
    () => socket.dump(request),
    (error) => isKernelError(error, 'EPERM'),
  );
});

test('an answer that does not come is EIO, and one that comes too late is nobody’s', async () => {
  const late = acknowledge(17);
  let first: NetlinkMessage | undefined;
  const { channel } = kernel(
    (asked) => {
      first = asked;
      return [];
    },
    (asked) => [...late(first ?? asked), ...acknowledge(0)(asked)],
  );
  const socket = transactions(channel);
  await assert.rejects(socket.change(request), { errno: 'EIO', kernelSays: 'no acknowledgement' });
  await socket.change(request);
});

test('closing waits for what is under way, and refuses what waits behind it', async () => {
  const it = kernel(acknowledge(0), acknowledge(0));
  const socket = transactions(it.channel);
  const underWay = socket.change(request);
  const behind = socket.change(request);
  assert.equal(socket.waiting, 2);
  await Promise.resolve();
  const closing = socket.close();
  assert.equal(it.closed, false);
  await underWay;
  await assert.rejects(behind, /the netlink socket is closed/);
  await closing;
  assert.equal(it.closed, true);
  assert.equal(it.requests.length, 1);
  assert.throws(() => socket.get(request), /the netlink socket is closed/);
});

test('a change tells how long it waited behind others, and not how long it took itself', async () => {
  const it = kernel(acknowledge(0), acknowledge(0));
  const socket = transactions({
    ...it.channel,
    sendAsync: async (bytes) => {
      await sleep(20);
      it.channel.sendNow(bytes);
    },
  });
  const [first, second] = await Promise.all([socket.change(request), socket.change(request)]);
  assert.ok(first.queuedMs < 10, `${first.queuedMs}`);
  assert.ok(second.queuedMs >= 19, `${second.queuedMs}`);
});

test('a refused change does not hold up the next', async () => {
  const { channel } = kernel(acknowledge(16), acknowledge(0));
  const socket = transactions(channel);
  const [first, second] = await Promise.allSettled([socket.change(request), socket.change(request)]);
  assert.deepEqual([first?.status, second?.status], ['rejected', 'fulfilled']);
  assert.equal(socket.waiting, 0);
});
