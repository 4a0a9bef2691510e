/**
 * One question to one DNS server, and its answer: over UDP with repetition, over TCP when the answer was cut or the
 * question is long.
 *
 * With a key the question is signed, and nothing is believed that is not signed with the same key for this very question.
 */
import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import net from 'node:net';
import type { DnsServerAddress } from '../../core/model.ts';
import { formatIpv4 } from '../../net/ipv4.ts';
import { decodeMessage, encodeMessage, type Message } from '../../wire/dns/message.ts';
import { signMessage, type TsigKey, type Verdict, verifyMessage } from '../../wire/dns/tsig.ts';
import { hmac } from './secret.ts';
import { DnsError, type Trouble } from './trouble.ts';

/** When a question is sent over UDP, in milliseconds after the first time. */
const sendAtMs = [0, 500, 1500];
/** How long its answer is waited for after that, and over TCP. */
const patienceMs = 3000;
/** How long a true answer may still come after one that cannot be believed. */
const doubtMs = 500;
/** Longer questions go over TCP at once. */
const longestUdp = 1232;

/** A message without an id: it gets one that nobody can guess. */
export type Question = Omit<Message, 'id'>;

/** @param key undefined: not signed, and the answer is believed as it comes. @throws DnsError */
export async function exchange(server: DnsServerAddress, question: Question, key?: TsigKey): Promise<Message> {
  const asked = prepare(server, { ...question, id: randomInt(0x10000) }, key);
  if (asked.bytes.length > longestUdp) return overTcp(asked);
  const answer = await overUdp(asked);
  return answer.truncated ? overTcp(asked) : answer;
}

interface Asked {
  readonly server: DnsServerAddress;
  readonly bytes: Uint8Array;
  /** The answer that some bytes are; what cannot be believed; undefined: something else altogether. */
  readonly judge: (bytes: Uint8Array) => Message | Trouble | undefined;
}

const isTrouble = (it: Message | Trouble): it is Trouble => 'kind' in it;

function prepare(server: DnsServerAddress, message: Message, key: TsigKey | undefined): Asked {
  const plain = encodeMessage(message);
  const fits = (it: Message): boolean => it.id === message.id && it.response && it.opcode === message.opcode;
  if (key === undefined) {
    return { server, bytes: plain, judge: (bytes) => unlessBroken(() => decodeMessage(bytes), fits) };
  }
  const now = (): number => Math.floor(Date.now() / 1000);
  const signed = signMessage(plain, key, { time: now() }, hmac);
  const judge: Asked['judge'] = (bytes) => {
    const read = unlessBroken(
      () => verifyMessage(bytes, key, { time: now(), requestMac: signed.mac }, hmac),
      (it) => fits(it.message),
    );
    return read === undefined ? undefined : (doubt(server, key, read.verdict) ?? read.message);
  };
  return { server, bytes: signed.bytes, judge };
}

/** What is no message at all is nobody's answer. */
function unlessBroken<T>(read: () => T, fits: (it: T) => boolean): T | undefined {
  try {
    const it = read();
    return fits(it) ? it : undefined;
  } catch {
    return undefined;
  }
}

function doubt(server: DnsServerAddress, { name: key }: TsigKey, verdict: Verdict): Trouble | undefined {
  switch (verdict.kind) {
    case 'verified':
      return undefined;
    case 'unsigned':
      return { kind: 'away', server, reason: 'what answers in its name is not signed, and is not believed' };
    case 'forged':
      return { kind: 'key', server, key, reason: `an answer is not believed: ${verdict.reason}` };
    case 'refused':
      return { kind: 'key', server, key, reason: refusals[verdict.error] };
    case 'skewed':
      return { kind: 'skewed', server, seconds: verdict.seconds };
  }
}

const refusals = {
  BADKEY: 'it does not know this key (BADKEY)',
  BADSIG: 'it finds the signature wrong: the secrets differ (BADSIG)',
  BADTRUNC: 'it wants a longer signature (BADTRUNC)',
} as const;

/** A socket of its own for each question: its port is one more thing that a forger has to guess. */
function overUdp({ server, bytes, judge }: Asked): Promise<Message> {
  // An address needs no lookup, and Node's own takes a turn in the pool of threads.
  const lookup: typeof import('node:dns').lookup = ((
    host: string,
    _options: unknown,
    callback: (error: null, address: string, family: number) => void,
  ) => callback(null, host, 4)) as never;
  // Who ends meanwhile does not wait for an answer.
  const socket = dgram.createSocket({ type: 'udp4', lookup }).unref();
  const timers: NodeJS.Timeout[] = [];
  let trouble: Trouble = { kind: 'away', server, reason: `no answer within ${(patienceMs + (sendAtMs.at(-1) ?? 0)) / 1000} s` };
  return new Promise<Message>((resolve, reject) => {
    const fail = (): void => reject(new DnsError(trouble));
    const failWith = (error: NodeJS.ErrnoException): void => {
      trouble = { kind: 'away', server, reason: inWords(error) };
      fail();
    };
    socket.on('error', failWith);
    socket.on('message', (answer) => {
      const judged = judge(answer);
      if (judged === undefined) return;
      if (!isTrouble(judged)) return resolve(judged);
      trouble = judged;
      timers.push(setTimeout(fail, judged.kind === 'skewed' ? 0 : doubtMs).unref());
    });
    socket.connect(server.port, formatIpv4(server.address), () => {
      for (const at of sendAtMs) timers.push(setTimeout(() => socket.send(bytes), at).unref());
      timers.push(setTimeout(fail, (sendAtMs.at(-1) ?? 0) + patienceMs).unref());
    });
  }).finally(() => {
    for (const timer of timers) clearTimeout(timer);
    socket.close();
  });
}

/** RFC 7766: a length of 16 bits before each message. */
function overTcp({ server, bytes, judge }: Asked): Promise<Message> {
  const socket = net.connect({ host: formatIpv4(server.address), port: server.port, timeout: patienceMs }).unref();
  return new Promise<Message>((resolve, reject) => {
    const away = (reason: string): void => reject(new DnsError({ kind: 'away', server, reason }));
    let heard = Buffer.alloc(0);
    socket.on('error', (error) => away(inWords(error)));
    socket.on('timeout', () => away(`no answer over TCP within ${patienceMs / 1000} s`));
    socket.on('close', () => away('it ended the connection without an answer'));
    socket.on('connect', () => socket.write(withLength(bytes)));
    socket.on('data', (part: Buffer) => {
      heard = Buffer.concat([heard, part]);
      const length = heard.length < 2 ? 0x10000 : heard.readUInt16BE(0);
      if (heard.length < 2 + length) return;
      const judged = judge(new Uint8Array(heard.subarray(2, 2 + length)));
      if (judged === undefined) away('it answers something else');
      else if (isTrouble(judged)) reject(new DnsError(judged));
      else resolve(judged);
    });
  }).finally(() => socket.destroy());
}

export function withLength(bytes: Uint8Array): Buffer {
  const framed = Buffer.alloc(2 + bytes.length);
  framed.writeUInt16BE(bytes.length);
  framed.set(bytes, 2);
  return framed;
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (ECONNREFUSED)',
  EHOSTUNREACH: 'the host does not answer (EHOSTUNREACH)',
  ENETUNREACH: 'no route leads there (ENETUNREACH)',
  ECONNRESET: 'it ended the connection (ECONNRESET)',
};

function inWords({ code = 'error', message }: NodeJS.ErrnoException): string {
  return words[code] ?? message;
}
