/**
 * One question to one DNS server, and its answer: over UDP with repetition, over TCP when the answer was cut or the
 * question is long.
 *
 * With a key the question is signed, and nothing is believed that is not signed with the same key for this very question.
 */
import { randomInt } from 'node:crypto';
import net from 'node:net';
import type { DnsServerAddress } from '../../core/model.ts';
import { formatIpv4 } from '../../net/ipv4.ts';
import { decodeMessage, encodeMessage, type Message } from '../../wire/dns/message.ts';
import { signMessage, type TsigKey, type Verdict, verifyMessage } from '../../wire/dns/tsig.ts';
import { type Answer, inWords, type Line, type LineQuestion, type Lines, openLine, patienceMs } from './line.ts';
import { hmac } from './secret.ts';
import { DnsError, type Trouble } from './trouble.ts';

/** How long a true answer may still come after one that cannot be believed. */
const doubtMs = 500;
/** Longer questions go over TCP at once. */
const longestUdp = 1232;

/** A message without an id: it gets one that nobody can guess. */
export type Question = Omit<Message, 'id'>;

/**
 * @param key undefined: not signed, and the answer is believed as it comes
 * @param lines that signed questions share
 * @throws DnsError
 */
export async function exchange(server: DnsServerAddress, question: Question, key?: TsigKey, lines?: Lines): Promise<Message> {
  const make = (): Asked => prepare(server, { ...question, id: randomInt(0x10000) }, key);
  const asked = make();
  if (asked.bytes.length > longestUdp) return overTcp(asked);
  const askOn = (line: Line): Promise<Message> => {
    let it = asked;
    while (!line.isFree(it.id)) it = make();
    return line.ask(it);
  };
  const answer = await (key === undefined || lines === undefined ? onOwnLine(server, askOn) : lines.use(server, askOn));
  return answer.truncated ? overTcp(make()) : answer;
}

async function onOwnLine<T>(server: DnsServerAddress, body: (line: Line) => Promise<T>): Promise<T> {
  const line = openLine(server);
  try {
    return await body(line);
  } finally {
    line.close();
  }
}

interface Asked extends LineQuestion<Message> {
  readonly server: DnsServerAddress;
}

function prepare(server: DnsServerAddress, message: Message, key: TsigKey | undefined): Asked {
  const { id } = message;
  const plain = encodeMessage(message);
  const fits = (it: Message): boolean => it.id === id && it.response && it.opcode === message.opcode;
  const away = (reason: string): Error => new DnsError({ kind: 'away', server, reason });
  if (key === undefined) {
    const judge: Asked['judge'] = (bytes) => asAnswer(unlessBroken(() => decodeMessage(bytes), fits));
    return { id, server, bytes: plain, away, judge };
  }
  const now = (): number => Math.floor(Date.now() / 1000);
  const signed = signMessage(plain, key, { time: now() }, hmac);
  const judge: Asked['judge'] = (bytes) => {
    const read = unlessBroken(
      () => verifyMessage(bytes, key, { time: now(), requestMac: signed.mac }, hmac),
      (it) => fits(it.message),
    );
    const trouble = read === undefined ? undefined : doubt(server, key, read.verdict);
    if (trouble === undefined) return asAnswer(read?.message);
    return { kind: 'doubtful', error: new DnsError(trouble), waitMs: trouble.kind === 'skewed' ? 0 : doubtMs };
  };
  return { id, server, bytes: signed.bytes, away, judge };
}

const asAnswer = (it: Message | undefined): Answer<Message> => (it === undefined ? undefined : { kind: 'answer', it });

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

/** RFC 7766: a length of 16 bits before each message. */
function overTcp({ server, bytes, judge, away }: Asked): Promise<Message> {
  const socket = net.connect({ host: formatIpv4(server.address), port: server.port, timeout: patienceMs }).unref();
  return new Promise<Message>((resolve, reject) => {
    const fail = (reason: string): void => reject(away(reason));
    let heard = Buffer.alloc(0);
    socket.on('error', (error) => fail(inWords(error)));
    socket.on('timeout', () => fail(`no answer over TCP within ${patienceMs / 1000} s`));
    socket.on('close', () => fail('it ended the connection without an answer'));
    socket.on('connect', () => socket.write(withLength(bytes)));
    socket.on('data', (part: Buffer) => {
      heard = Buffer.concat([heard, part]);
      const length = heard.length < 2 ? 0x10000 : heard.readUInt16BE(0);
      if (heard.length < 2 + length) return;
      const judged = judge(new Uint8Array(heard.subarray(2, 2 + length)));
      if (judged === undefined) fail('it answers something else');
      else if (judged.kind === 'doubtful') reject(judged.error);
      else resolve(judged.it);
    });
  }).finally(() => socket.destroy());
}

export function withLength(bytes: Uint8Array): Buffer {
  const framed = Buffer.alloc(2 + bytes.length);
  framed.writeUInt16BE(bytes.length);
  framed.set(bytes, 2);
  return framed;
}
