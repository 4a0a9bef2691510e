/** One log file, read line by line while somebody else appends to it, and lets go of its beginning (log-keeper.ts). */
import fs from 'node:fs/promises';

const CHUNK = 65_536;
/** A line longer than this is handed out in pieces: memory has an end. */
const LONGEST = 1_048_576;
const NEWLINE = 10;

export interface FileLine {
  readonly text: string;
  /** Offset behind its newline. */
  readonly end: number;
}

export interface LogFile {
  /** The next lines, about a chunk's worth; none when there is nothing new. A line without its end is held back. */
  read(): Promise<readonly FileLine[]>;
  /** What was held back, as a line. */
  rest(): readonly FileLine[];
  close(): Promise<void>;
}

export interface LogFrom {
  /** Where the log begins now: nothing before it is read. */
  readonly start: () => number;
  /** Only so many lines from the end. */
  readonly tail?: number;
  /** Only what begins at this offset or after it. */
  readonly from?: number;
}

/** Opens it at its last `tail` lines, or its beginning. @throws ENOENT. */
export async function openLogFile(file: string, { start, tail, from = 0 }: LogFrom): Promise<LogFile> {
  const handle = await fs.open(file, 'r');
  const first = Math.max(start(), from);
  let position = tail === undefined ? first : await startOfTail(handle, tail, first);
  let held: Buffer = Buffer.alloc(0);

  const read = async (): Promise<readonly FileLine[]> => {
    if ((await handle.stat()).size < position) {
      // Emptied by somebody, for example `>log`, or a service that opened /dev/stdout anew.
      position = 0;
      held = Buffer.alloc(0);
    }
    for (;;) {
      const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(CHUNK), position });
      if (position < start() && position > 0) {
        // It was let go while it was read, and may be holes.
        position = start();
        held = Buffer.alloc(0);
        continue;
      }
      if (bytesRead === 0) return [];
      position += bytesRead;
      held = Buffer.concat([held, buffer.subarray(0, bytesRead)]);
      const end = held.length > LONGEST ? held.length : held.lastIndexOf(NEWLINE) + 1;
      if (end > 0) return take(end);
    }
  };
  const take = (end: number): readonly FileLine[] => {
    const lines = linesOf(held.subarray(0, end), position - held.length);
    held = held.subarray(end);
    return lines;
  };
  return { read, rest: () => take(held.length), close: () => handle.close() };
}

/** Whole lines, decoded only now: a character may have been cut in half before. */
function linesOf(bytes: Buffer, offset: number): readonly FileLine[] {
  const lines: FileLine[] = [];
  for (let from = 0; from < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, from);
    const to = newline === -1 ? bytes.length : newline;
    lines.push({ text: bytes.toString('utf8', from, to), end: offset + to + 1 });
    from = to + 1;
  }
  return lines;
}

/** Offset of the last `tail` lines, looked for from the end. */
async function startOfTail(handle: fs.FileHandle, tail: number, first: number): Promise<number> {
  const { size } = await handle.stat();
  if (tail <= 0) return size;
  const buffer = Buffer.alloc(CHUNK);
  // The newline that ends the last line begins no other.
  let end = size - 1;
  for (let missing = tail; end > first; ) {
    const begin = Math.max(first, end - CHUNK);
    const { bytesRead } = await handle.read({ buffer, length: end - begin, position: begin });
    for (let i = bytesRead - 1; i >= 0; i--) {
      if (buffer[i] === NEWLINE && --missing === 0) return begin + i + 1;
    }
    end = begin;
  }
  return Math.min(first, size);
}
