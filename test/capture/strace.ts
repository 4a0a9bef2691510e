/** Netlink datagrams of a command, as strace saw them pass. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { ByteReader } from '../../src/wire/bytes.ts';
import { type Capture, writeCapture } from '../support/captures.ts';
import { parseTerm, type Term } from './strace-text.ts';
import { today, versions } from './versions.ts';

export interface Datagram {
  readonly direction: 'sent' | 'received';
  readonly bytes: Uint8Array;
  /** How strace reads it. */
  readonly reading: Term;
}

export const straceOptions = [
  '-f',
  '-v',
  '-s',
  '65535',
  '-e',
  'trace=sendmsg,sendto,recvmsg',
  '-e',
  'read=all',
  '-e',
  'write=all',
];

/** Runs a command under strace to its end, and returns the netlink datagrams in their order; its refusals are expected. */
export function traceCommand(command: readonly string[]): readonly Datagram[] {
  const file = `/tmp/landline-strace-${process.pid}`;
  try {
    const { error } = spawnSync('strace', [...straceOptions, '-o', file, ...command], { stdio: ['ignore', 'ignore', 'ignore'] });
    if (error !== undefined) throw error;
    return parseTrace(fs.readFileSync(file, 'utf8'));
  } finally {
    fs.rmSync(file, { force: true });
  }
}

/** A call on one line, and the bytes below it. */
export function parseTrace(text: string): readonly Datagram[] {
  const calls = text.split(/^(?=\d+ +(?:sendmsg|sendto|recvmsg)\()/m);
  return calls.flatMap((call): readonly Datagram[] => {
    const bytes = dumpedBytes(call);
    const start = call.search(/\[?\[\{nlmsg_len=/);
    // A look at how long the next datagram is (MSG_PEEK) has none.
    if (bytes.length === 0 || start < 0) return [];
    if (/^\d+ +recv/.test(call)) return [{ direction: 'received', bytes, reading: parseTerm(call.slice(start)) }];
    return [{ direction: 'sent', bytes: withoutTail(bytes), reading: parseTerm(call.slice(start)) }];
  });
}

/** iproute2 sends some requests with the rest of its buffer behind them, zeros that the kernel does not look at. */
function withoutTail(request: Uint8Array): Uint8Array {
  const length = new ByteReader(request).u32le('nlmsg_len');
  const tail = request.subarray(length);
  if (tail.some((byte) => byte !== 0)) throw new Error('more than one message in a request');
  return request.subarray(0, length);
}

/** ` | 00010  08 00 1d 00 09 00 00 00  08 00 03 00 62 72 30 00  ............br0. |` */
function dumpedBytes(call: string): Uint8Array {
  const lines = [...call.matchAll(/^ \| [0-9a-f]{5} {2}(.{49})/gm)].map(([, digits = '']) => digits);
  return new Uint8Array(Buffer.from(lines.join('').replace(/\s/g, ''), 'hex'));
}

/** Writes what was traced of a program of Debian's. @param remark of the one line that is printed */
export function keepTraced(folder: URL, it: Omit<Capture, 'recorder' | 'date'>, program: string, remark = ''): void {
  writeCapture(folder, { ...it, recorder: versions('strace', program), date: today() });
  console.log(`${it.name}: ${it.bytes.length} bytes${remark}`);
}
