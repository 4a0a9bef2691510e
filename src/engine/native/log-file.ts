/** One log file, read line by line while somebody else appends to it. */
import fs from 'node:fs/promises';

const CHUNK = 65_536;
/** A line longer than this is handed out in pieces: memory has an end. */
const LONGEST = 1_048_576;
const NEWLINE = 10;

export interface LogFile {
  /** The next lines, about a chunk's worth; none when there is nothing new. A line without its end is held back. */
  read(): Promise<readonly string[]>;
  /** What was held back, as a line. */
  rest(): readonly string[];
  close(): Promise<void>;
}

/** Opens it at its last `tail` lines, or its beginning. @throws ENOENT. */
export async function openLogFile(file: string, tail?: number): Promise<LogFile> {
  const handle = await fs.open(file, 'r');
  let position = tail === undefined ? 0 : await startOfTail(handle, tail);
  let held: Buffer = Buffer.alloc(0);

  const read = async (): Promise<readonly string[]> => {
    if ((await handle.stat()).size < position) {
      // Emptied by somebody, for example `>log`, or a service that opened /dev/stdout anew.
      position = 0;
      held = Buffer.alloc(0);
    }
    for (;;) {
      const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(CHUNK), position });
      if (bytesRead === 0) return [];
      position += bytesRead;
      held = Buffer.concat([held, buffer.subarray(0, bytesRead)]);
      const end = held.length > LONGEST ? held.length : held.lastIndexOf(NEWLINE) + 1;
      if (end > 0) return take(end);
    }
  };
  const take = (end: number): readonly string[] => {
    const lines = linesOf(held.subarray(0, end));
    held = held.subarray(end);
    return lines;
  };
  return { read, rest: () => take(held.length), close: () => handle.close() };
}

/** Whole lines, decoded only now: a character may have been cut in half before. */
function linesOf(bytes: Buffer): readonly string[] {
  if (bytes.length === 0) return [];
  const text = bytes.toString('utf8');
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
}

/** Offset of the last `tail` lines, looked for from the end. */
async function startOfTail(handle: fs.FileHandle, tail: number): Promise<number> {
  const { size } = await handle.stat();
  if (tail <= 0) return size;
  const buffer = Buffer.alloc(CHUNK);
  // The newline that ends the last line begins no other.
  let end = size - 1;
  for (let missing = tail; end > 0; ) {
    const start = Math.max(0, end - CHUNK);
    const { bytesRead } = await handle.read({ buffer, length: end - start, position: start });
    for (let i = bytesRead - 1; i >= 0; i--) {
      if (buffer[i] === NEWLINE && --missing === 0) return start + i + 1;
    }
    end = start;
  }
  return 0;
}
