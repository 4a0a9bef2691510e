/**
 * Requests, dumps and batches over a netlink socket, each answered by its sequence number.
 *
 * A request runs to its end inside send(2). Making and deleting links is sent on a pool thread, one after the other: a
 * creation takes part of a millisecond, a delete sixteen. Reads and small changes are sent on the calling thread, which
 * saves two changes of thread; they wait for the rtnl lock at most, which deletes hold for one or two milliseconds of
 * theirs (measured: a pool thread for reads made no lag shorter).
 */
import {
  type Acknowledgement,
  type Done,
  decodeAcknowledgement,
  decodeDone,
  decodeMessages,
  encodeMessage,
  kernelSays,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
} from '../wire/netlink/message.ts';
import { describeMessage } from '../wire/netlink/rtnetlink.ts';
import { debuglog } from './debug.ts';
import { errnoName } from './ffi.ts';
import { KernelError } from './kernel-error.ts';

/** One request: what it does as an `ip` command, for errors and the debug log. */
export interface Request {
  readonly doing: string;
  readonly type: number;
  /** NLM_F_* besides NLM_F_REQUEST. */
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** What a transaction needs of a socket. */
export interface Channel {
  /** @throws KernelError */
  sendNow(bytes: Uint8Array): void;
  /** Sends on another thread. @throws KernelError */
  sendAsync(bytes: Uint8Array): Promise<void>;
  /** One datagram, or undefined where none waits. @throws KernelError */
  receive(): Uint8Array | undefined;
  close(): void;
}

/** What came of a change. */
export interface Changed {
  /** What it echoes (NLM_F_ECHO). */
  readonly replies: readonly NetlinkMessage[];
  /** How long it waited for those before it, in milliseconds. */
  readonly queuedMs: number;
  /** Why what was to follow in the same send was refused. */
  readonly refusal?: KernelError;
}

export interface Transactions {
  /** How many changes are under way or wait for their turn. */
  readonly waiting: number;
  /** Makes a change and waits for its acknowledgement; `next` goes with it in one send, and runs in any case. @throws KernelError */
  change(request: Request, next?: Request): Promise<Changed>;
  /**
   * Changes that take the kernel some microseconds, in one send on the calling thread; all of them run, and the first
   * refusal is thrown. @throws KernelError
   */
  changeNow(requests: readonly Request[]): void;
  /** The same; for each its refusal, or undefined where it was done. */
  tryNow(requests: readonly Request[]): readonly (KernelError | undefined)[];
  /** The single answer of a get; undefined for ENODEV. @throws KernelError */
  get(request: Request): NetlinkMessage | undefined;
  /**
   * Every message of a dump. Asked again when the table changed meanwhile (NLM_F_DUMP_INTR), three times in all: under
   * constant change the last is returned, in which whatever did not change is right. @throws KernelError
   */
  dump(request: Request): readonly NetlinkMessage[];
  /** Closes the socket once what is under way has ended; what still waits for its turn is refused with a plain Error. */
  close(): Promise<void>;
}

/** A request that was sent, and what has come back for it. */
interface Pending {
  readonly sequence: number;
  readonly request: Request;
  readonly replies: NetlinkMessage[];
  end?: Acknowledgement | Done;
  interrupted: boolean;
}

const dumpRounds = 3;
/** So many acknowledgements fit into a socket's receive buffer of the default size. */
const batchSize = 64;

/** @param describe a message for the debug log */
export function transactions(channel: Channel, describe: (it: NetlinkMessage) => string = describeMessage): Transactions {
  const pending = new Map<number, Pending>();
  let sequence = 0;
  let waiting = 0;
  let closed = false;
  let lastChange: Promise<unknown> = Promise.resolve();

  const begin = (request: Request, flags: number): { readonly bytes: Uint8Array; readonly it: Pending } => {
    sequence = (sequence % 0x7fffffff) + 1;
    const it: Pending = { sequence, request, replies: [], interrupted: false };
    pending.set(sequence, it);
    const { type, payload } = request;
    const message = { type, flags: NLM_F_REQUEST | flags | request.flags, sequence, port: 0, payload };
    debuglog('netlink', () => `> ${sequence} ${request.doing} = ${describe(message)}`);
    return { bytes: encodeMessage(message), it };
  };

  /** Reads what has come until these have their end, or nothing more waits. */
  const receive = (these: readonly Pending[]): void => {
    while (these.some((it) => it.end === undefined)) {
      const datagram = channel.receive();
      if (datagram === undefined) return;
      for (const message of decodeMessages(datagram)) {
        const it = pending.get(message.sequence);
        if (it === undefined) continue;
        debuglog('netlink', () => `< ${message.sequence} ${describe(message)}`);
        take(it, message);
      }
    }
  };

  const assertOpen = (): void => {
    if (closed) throw new Error('the netlink socket is closed');
  };

  const ask = (request: Request, flags: number): Pending => {
    assertOpen();
    const { bytes, it } = begin(request, flags);
    try {
      channel.sendNow(bytes);
      receive([it]);
    } finally {
      pending.delete(it.sequence);
    }
    assertDone(it);
    return it;
  };

  const changeInTurn = async (request: Request, next: Request | undefined): Promise<Omit<Changed, 'queuedMs'>> => {
    assertOpen();
    const first = begin(request, NLM_F_ACK);
    const second = next === undefined ? undefined : begin(next, NLM_F_ACK);
    const all = second === undefined ? [first.it] : [first.it, second.it];
    try {
      await channel.sendAsync(second === undefined ? first.bytes : Buffer.concat([first.bytes, second.bytes]));
      receive(all);
    } finally {
      for (const it of all) pending.delete(it.sequence);
    }
    assertDone(first.it);
    const refusal = second === undefined ? undefined : refusalOf(second.it);
    return { replies: first.it.replies, ...(refusal === undefined ? {} : { refusal }) };
  };

  const change = (request: Request, next?: Request): Promise<Changed> => {
    const asked = performance.now();
    const run = async (): Promise<Changed> => {
      const queuedMs = performance.now() - asked;
      return { ...(await changeInTurn(request, next)), queuedMs };
    };
    waiting += 1;
    // Where nothing is under way it is sent before this returns: its caller has work for the meantime.
    const answered = waiting === 1 ? run() : lastChange.then(run);
    const mine = answered.finally(() => {
      waiting -= 1;
    });
    lastChange = mine.catch(() => undefined);
    return mine;
  };

  const changeBatchNow = (requests: readonly Request[]): readonly Pending[] => {
    assertOpen();
    const begun = requests.map((request) => begin(request, NLM_F_ACK));
    const all = begun.map(({ it }) => it);
    try {
      channel.sendNow(Buffer.concat(begun.map(({ bytes }) => bytes)));
      receive(all);
    } finally {
      for (const it of all) pending.delete(it.sequence);
    }
    return all;
  };

  return {
    get waiting() {
      return waiting;
    },
    change,
    tryNow: (requests) => batchesOf(requests).flatMap(changeBatchNow).map(refusalOf),
    changeNow: (requests) => {
      const all = batchesOf(requests).flatMap(changeBatchNow);
      for (const it of all) assertDone(it);
    },
    get: (request) => {
      try {
        return ask(request, NLM_F_ACK).replies[0];
      } catch (error) {
        if (error instanceof KernelError && error.errno === 'ENODEV') return undefined;
        throw error;
      }
    },
    dump: (request) => {
      let it = ask(request, NLM_F_DUMP);
      for (let round = 1; it.interrupted && round < dumpRounds; round += 1) it = ask(request, NLM_F_DUMP);
      return it.replies;
    },
    close: async () => {
      if (closed) return;
      closed = true;
      await lastChange;
      channel.close();
    },
  };
}

function batchesOf(requests: readonly Request[]): readonly (readonly Request[])[] {
  const count = Math.ceil(requests.length / batchSize);
  return Array.from({ length: count }, (_, at) => requests.slice(at * batchSize, (at + 1) * batchSize));
}

function take(it: Pending, message: NetlinkMessage): void {
  if ((message.flags & NLM_F_DUMP_INTR) !== 0) it.interrupted = true;
  if (message.type === NLMSG_ERROR) it.end = decodeAcknowledgement(message);
  else if (message.type === NLMSG_DONE) it.end = decodeDone(message);
  else it.replies.push(message);
}

function refusalOf({ request, end }: Pending): KernelError | undefined {
  if (end === undefined) return new KernelError(request.doing, 'EIO', 'no acknowledgement');
  return end.errno === 0 ? undefined : new KernelError(request.doing, errnoName(end.errno), kernelSays(end));
}

function assertDone(it: Pending): void {
  const refusal = refusalOf(it);
  if (refusal !== undefined) throw refusal;
}
