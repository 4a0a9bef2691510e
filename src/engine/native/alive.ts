/**
 * The pipe by which one sees that a service lives: its process 1 has it open for writing, and nobody else. It says
 * `running` there once the service runs; the end of the file is the end of process 1, seen by whichever daemon reads.
 */
import fs from 'node:fs';
import net from 'node:net';

/** Opens the reading end; the caller closes it. Never waits for a writer. @throws ENOENT. */
export function openAlive(file: string): number {
  return fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
}

/** Whether somebody has the writing end open. What was written until now is read and dropped. */
export function hasWriter(fd: number): boolean {
  const buffer = Buffer.alloc(256);
  try {
    while (fs.readSync(fd, buffer) > 0);
    return false;
  } catch (error) {
    // Node's errors of system calls carry `code`. EAGAIN: nothing to read, but there is a writer (pipe(7)).
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return true;
    throw error;
  }
}

/**
 * Watches a reading end, and closes it at the end. `onWord` is told each line. `onEnd` is told once when the last
 * writer is gone; where none has come yet, that is after one came and went. Returns the way to stop watching.
 */
export function watchAlive(fd: number, onWord: (word: string) => void, onEnd: () => void): () => void {
  const socket = new net.Socket({ fd, readable: true, writable: false });
  let rest = '';
  socket.setEncoding('latin1');
  socket.on('data', (text) => {
    const lines = (rest + String(text)).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(onWord);
  });
  // An error of a pipe's reading end is as good as its end; 'close' follows.
  socket.on('error', () => undefined);
  socket.once('close', onEnd);
  return () => {
    socket.off('close', onEnd);
    socket.destroy();
  };
}
