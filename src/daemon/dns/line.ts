/**
 * A line to one DNS server: a UDP socket, and the questions that wait for answers on it.
 *
 * A question that nobody signs has a line of its own, whose port is one more thing that a forger has to guess. Signed ones
 * share a line while many are under way: what is not signed with the key is not believed, from wherever it comes.
 */
import dgram from 'node:dgram';
import type { DnsServerAddress } from '../../core/model.ts';
import { formatIpv4 } from '../../net/ipv4.ts';

/** When a question is sent, in milliseconds after the first time. */
const sendAgainMs = [500, 1000];
/** How long its answer is waited for after the last time. */
export const patienceMs = 3000;
/** A shared line that nobody has used for so long is closed, and the next has another port. */
const idleMs = 1000;

export type Answer<T> =
  | { readonly kind: 'answer'; readonly it: T }
  /** It cannot be believed; a true one may still come within so many milliseconds. */
  | { readonly kind: 'doubtful'; readonly error: Error; readonly waitMs: number }
  /** Something else altogether. */
  | undefined;

export interface LineQuestion<T> {
  /** What its answer bears, too. */
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly judge: (bytes: Uint8Array) => Answer<T>;
  /** The error for a server that does not answer, or cannot be reached. */
  readonly away: (reason: string) => Error;
}

export interface Line {
  /** Whether no question under way has this id. */
  isFree(id: number): boolean;
  /** Sends it, again when nothing comes. @throws what `judge` and `away` made */
  ask<T>(question: LineQuestion<T>): Promise<T>;
  close(): void;
}

interface Waiting {
  hear(bytes: Uint8Array): void;
  fail(reason: string): void;
}

export function openLine({ address, port }: DnsServerAddress): Line {
  // Who ends meanwhile does not wait for an answer.
  const socket = dgram.createSocket({ type: 'udp4', lookup: asItStands }).unref();
  const waiting = new Map<number, Waiting>();
  /** What is asked before the socket is connected. */
  let unsent: Uint8Array[] | undefined = [];
  const failAll = (error: NodeJS.ErrnoException): void => {
    for (const it of waiting.values()) it.fail(inWords(error));
  };
  const send = (bytes: Uint8Array): void => {
    if (unsent === undefined) socket.send(bytes);
    else unsent.push(bytes);
  };
  socket.on('error', failAll);
  socket.on('message', (bytes) => {
    if (bytes.length >= 2) waiting.get(bytes.readUInt16BE(0))?.hear(bytes);
  });
  socket.connect(port, formatIpv4(address), (error?: Error) => {
    const first = unsent ?? [];
    if (error !== undefined) return failAll(error);
    unsent = undefined;
    first.forEach(send);
  });

  return {
    isFree: (id) => !waiting.has(id),
    close: () => socket.close(),
    ask: <T>({ id, bytes, judge, away }: LineQuestion<T>) => {
      const timers: NodeJS.Timeout[] = [];
      const after = (ms: number, what: () => void): void => void timers.push(setTimeout(what, ms).unref());
      return new Promise<T>((resolve, reject) => {
        const again = ([wait, ...rest]: readonly number[]): void => {
          send(bytes);
          if (wait !== undefined) after(wait, () => again(rest));
          else after(patienceMs, () => reject(away(`no answer within ${totalMs / 1000} s`)));
        };
        waiting.set(id, {
          fail: (reason) => reject(away(reason)),
          hear: (heard) => {
            const judged = judge(heard);
            if (judged?.kind === 'answer') resolve(judged.it);
            else if (judged !== undefined) after(judged.waitMs, () => reject(judged.error));
          },
        });
        again(sendAgainMs);
      }).finally(() => {
        for (const timer of timers) clearTimeout(timer);
        waiting.delete(id);
      });
    },
  };
}

const totalMs = sendAgainMs.reduce((sum, it) => sum + it, patienceMs);

/** An address needs no lookup, and Node's own takes a turn in the pool of threads. */
const asItStands = ((host: string, _options: unknown, found: (error: null, address: string, family: number) => void) =>
  // Node's type is of a function with overloads; this one is called with three arguments only.
  found(null, host, 4)) as never;

/** Lines that are shared, one to each server. */
export interface Lines {
  /** Runs `body` with the line to a server; it stays open until it has been idle. */
  use<T>(server: DnsServerAddress, body: (line: Line) => Promise<T>): Promise<T>;
}

export function shareLines(): Lines {
  interface Shared {
    readonly line: Line;
    users: number;
    timer: NodeJS.Timeout | undefined;
  }
  const open = new Map<string, Shared>();
  return {
    use: async ({ address, port }, body) => {
      const key = `${address}:${port}`;
      const it = open.get(key) ?? { line: openLine({ address, port }), users: 0, timer: undefined };
      open.set(key, it);
      clearTimeout(it.timer);
      it.users += 1;
      const retire = (): void => {
        if (open.get(key) === it) open.delete(key);
      };
      const closeSoon = (): void => {
        const isRetired = open.get(key) !== it;
        if (it.users > 0) return;
        it.timer = setTimeout(
          () => {
            retire();
            it.line.close();
          },
          isRetired ? 0 : idleMs,
        ).unref();
      };
      try {
        return await body(it.line);
      } catch (error) {
        // Its own address may have gone from this host: whoever asks next begins anew.
        retire();
        throw error;
      } finally {
        it.users -= 1;
        closeSoon();
      }
    },
  };
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (ECONNREFUSED)',
  EHOSTUNREACH: 'the host does not answer (EHOSTUNREACH)',
  ENETUNREACH: 'no route leads there (ENETUNREACH)',
  ECONNRESET: 'it ended the connection (ECONNRESET)',
};

export function inWords({ code = 'error', message }: NodeJS.ErrnoException): string {
  return words[code] ?? message;
}
