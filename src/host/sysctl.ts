/** Reading what `sysctl` shows of the daemon's own namespace; writing is {@link Host.sysctl}. */
import fs from 'node:fs';

/** `sysctl -n net.NAME`, NAME with slashes: `ipv4/ip_forward`; undefined where there is no such name. */
export function readSysctl(name: string): string | undefined {
  // On the calling thread: only that is sure to be at home.
  try {
    return fs.readFileSync(`/proc/sys/net/${name}`, 'utf8').trim();
  } catch (error) {
    // Node's errors of file calls carry `code`.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
