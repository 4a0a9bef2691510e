/**
 * A netlink socket of family NETLINK_ROUTE: requests, dumps and batches, each answered by its sequence number.
 *
 * Reads are sent on the calling thread; the kernel has answered when send(2) returns, so nothing is waited for.
 * Creates and deletes are sent on a pool thread, one after the other, since send(2) may wait for the rtnl lock.
 */
import { debuglog } from './debug.ts';
import {
  AF_NETLINK,
  bindSocket,
  closeFd,
  errnoName,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  NETLINK_ROUTE,
  openSocket,
  receiveNow,
  SO_RCVBUFFORCE,
  SOCK_RAW,
  SOL_NETLINK,
  SOL_SOCKET,
  sendAsync,
  sendNow,
  setOption,
} from './ffi.ts';
import { KernelError } from './kernel-error.ts';
import {
  type Acknowledgement,
  decodeAcknowledgement,
  decodeMessages,
  encodeMessage,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  type NetlinkMessage,
  NLMSG_DONE,
  NLMSG_ERROR,
} from '../wire/netlink/message.ts';

/** One request: what it does as an `ip` command, for errors and the debug log. */
export interface Request {
  readonly doing: string;
  readonly type: number;
  /** NLM_F_* besides NLM_F_REQUEST. */
  readonly flags: number;
  readonly payload: Uint8Array;
}

interface Pending {
  readonly replies: NetlinkMessage[];
  acknowledged?: Acknowledgement;
  interrupted: boolean;
}

export interface RtnetlinkSocket {
  /** Sends a create or delete and waits for its acknowledgement; what it echoes (NLM_F_ECHO) comes back. @throws KernelError */
  change(request: Request): Promise<readonly NetlinkMessage[]>;
  /** Several in one send; all of them run, and the first refusal is thrown. @throws KernelError */
  changeAll(requests: readonly Request[]): Promise<readonly NetlinkMessage[]>;
  /** The single answer of a get; undefined for ENODEV. @throws KernelError */
  get(request: Request): NetlinkMessage | undefined;
  /** Every message of a dump; asked again when the tables changed meanwhile (NLM_F_DUMP_INTR). @throws KernelError */
  dump(request: Request): readonly NetlinkMessage[];
  close(): void;
}

/** Large enough for what the kernel puts into one datagram of a dump. */
const datagram = new Uint8Array(256 * 1024);

/** Opens one in the namespace that the calling thread is in. */
export function openRtnetlink(): RtnetlinkSocket {
  const fd = openSocket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  try {
    setOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
    setOption(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
    setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, 4 * 1024 * 1024);
    bindSocket(fd, netlinkAddress(0));
  } catch (error) {
    closeFd(fd);
    throw error;
  }
  return transactions(fd);
}

/** struct sockaddr_nl: family, padding, port id (0: the kernel chooses), groups. */
export function netlinkAddress(groups: number): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(8, groups, true);
  return bytes;
}

function transactions(fd: number): RtnetlinkSocket {
  const pending = new Map<number, Pending>();
  let sequence = 0;
  let lastChange: Promise<unknown> = Promise.resolve();

  const begin = (request: Request, flags: number): { bytes: Uint8Array; sequence: number } => {
    sequence = (sequence % 0x7fffffff) + 1;
    pending.set(sequence, { replies: [], interrupted: false });
    debuglog('netlink', () => `${sequence} > ${request.doing}`);
    const bytes = encodeMessage({
      type: request.type,
      flags: NLM_F_REQUEST | flags | request.flags,
      sequence,
      port: 0,
      payload: request.payload,
    });
    return { bytes, sequence };
  };

  const drain = (): void => {
    for (let bytes = receiveNow(fd, datagram); bytes !== undefined; bytes = receiveNow(fd, datagram)) {
      for (const message of decodeMessages(bytes)) take(pending.get(message.sequence), message);
    }
  };

  const finish = (request: Request, sequence: number): Pending => {
    const it = pending.get(sequence);
    pending.delete(sequence);
    const acknowledged = it?.acknowledged;
    if (it === undefined || acknowledged === undefined) throw new KernelError(request.doing, 'EIO', 'no acknowledgement');
    debuglog('netlink', () => `${sequence} < ${acknowledged.errno === 0 ? 'ok' : errnoName(acknowledged.errno)} ${acknowledged.message ?? ''}`);
    if (acknowledged.errno !== 0) throw new KernelError(request.doing, errnoName(acknowledged.errno), acknowledged.message);
    return it;
  };

  const sendChanges = async (requests: readonly Request[]): Promise<readonly NetlinkMessage[]> => {
    const begun = requests.map((request) => ({ request, ...begin(request, NLM_F_ACK) }));
    try {
      await sendAsync(fd, joined(begun.map((it) => it.bytes)));
      drain();
      const echoed: NetlinkMessage[] = [];
      const failures = begun.flatMap((it) => failureOf(() => echoed.push(...finish(it.request, it.sequence).replies)));
      if (failures.length > 0) throw failures[0];
      return echoed;
    } finally {
      for (const it of begun) pending.delete(it.sequence);
    }
  };

  const changeAll = (requests: readonly Request[]): Promise<readonly NetlinkMessage[]> => {
    const mine = lastChange.then(() => sendChanges(requests));
    lastChange = mine.catch(() => undefined);
    return mine;
  };

  const ask = (request: Request, flags: number): Pending => {
    const { bytes, sequence } = begin(request, flags);
    try {
      sendNow(fd, bytes);
      drain();
      return finish(request, sequence);
    } finally {
      pending.delete(sequence);
    }
  };

  return {
    changeAll,
    change: (request) => changeAll([request]),
    get: (request) => {
      try {
        return ask(request, NLM_F_ACK).replies[0];
      } catch (error) {
        if (error instanceof KernelError && error.errno === 'ENODEV') return undefined;
        throw error;
      }
    },
    dump: (request) => {
      for (let round = 0; ; round += 1) {
        const it = ask(request, NLM_F_DUMP);
        if (!it.interrupted || round >= 5) return it.replies;
      }
    },
    close: () => closeFd(fd),
  };
}

function take(it: Pending | undefined, message: NetlinkMessage): void {
  if (it === undefined) return;
  if ((message.flags & NLM_F_DUMP_INTR) !== 0) it.interrupted = true;
  if (message.type === NLMSG_ERROR) it.acknowledged = decodeAcknowledgement(message);
  else if (message.type === NLMSG_DONE) it.acknowledged = { errno: doneErrno(message.payload) };
  else it.replies.push(message);
}

/** NLMSG_DONE carries the dump's own errno, negative, where it has one. */
function doneErrno(payload: Uint8Array): number {
  return payload.length < 4 ? 0 : -new DataView(payload.buffer, payload.byteOffset, 4).getInt32(0, true);
}

function failureOf(body: () => unknown): KernelError[] {
  try {
    body();
    return [];
  } catch (error) {
    if (error instanceof KernelError) return [error];
    throw error;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
