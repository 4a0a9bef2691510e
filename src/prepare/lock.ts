/** One command at a time changes a host's network: a name that the kernel lends to one process in each network namespace. */
import { once } from 'node:events';
import net from 'node:net';
import { LandlineError } from '../errors.ts';

/** Runs `body` while no other command does. @throws LandlineError BRIDGE_BUSY */
export async function alone<T>(body: () => Promise<T>): Promise<T> {
  const server = net.createServer((socket) => socket.destroy());
  try {
    // Abstract (unix(7)): no file is left over, and it ends with the process.
    server.listen('\0landline-host');
    await once(server, 'listening');
  } catch (error) {
    // A cast, since Node's errors carry `code` without a type for it.
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw new LandlineError('BRIDGE_BUSY', {});
    throw error;
  }
  try {
    return await body();
  } finally {
    server.close();
  }
}
