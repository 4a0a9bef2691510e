/** Which ports of the host are free to be published. */
import type { Ipv4 } from '../../net/ipv4.ts';
import type { HostPort, Protocol } from './wish.ts';

/** A socket of the host itself that waits at a port. */
export interface Listener {
  readonly protocol: Protocol;
  /** Left out: on all addresses of the host. */
  readonly address?: Ipv4;
  readonly port: number;
  /** Number of the socket (inode of sockfs), by which its owner is found. */
  readonly socket: number;
}

/** Whether somebody who connects to one may mean the other. */
function overlaps(a: HostPort, b: HostPort): boolean {
  return a.hostPort === b.hostPort && a.protocol === b.protocol && onOneAddress(a.hostAddress, b.hostAddress);
}

const onOneAddress = (a: Ipv4 | undefined, b: Ipv4 | undefined): boolean => a === undefined || b === undefined || a === b;

/** The first port that is published twice, with both who do it: `wanted` among themselves, and against `others`. */
export function findClash<A extends HostPort, B extends HostPort>(
  wanted: readonly A[],
  others: readonly B[],
): { readonly port: A; readonly with: A | B } | undefined {
  const seen = new Map<string, (A | B)[]>();
  const note = (it: A | B): void => {
    const key = `${it.hostPort}/${it.protocol}`;
    const there = seen.get(key);
    if (there === undefined) seen.set(key, [it]);
    else there.push(it);
  };
  for (const it of others) note(it);
  for (const port of wanted) {
    const found = seen.get(`${port.hostPort}/${port.protocol}`)?.find((it) => overlaps(it, port));
    if (found !== undefined) return { port, with: found };
    note(port);
  }
  return undefined;
}

/** The first port at which a program of the host itself already waits, and its socket. */
export function findTaken<A extends HostPort>(
  wanted: readonly A[],
  listeners: readonly Listener[],
): { readonly port: A; readonly listener: Listener } | undefined {
  for (const port of wanted) {
    const listener = listeners.find(
      (it) => it.port === port.hostPort && it.protocol === port.protocol && onOneAddress(port.hostAddress, it.address),
    );
    if (listener !== undefined) return { port, listener };
  }
  return undefined;
}
