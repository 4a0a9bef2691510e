/** Which ports of the daemon's namespace programs wait at (proc_net(5)) and whose they are, and where connections are. */
import fs from 'node:fs/promises';
import { formatIpv4, type Ipv4, ipv4FromBytes } from '../net/ipv4.ts';
import { ipv6FromBytes } from '../net/ipv6.ts';

/** A socket that waits at a port. */
export interface ListeningSocket {
  readonly protocol: 'tcp' | 'udp';
  /** Left out: on all addresses of the host. */
  readonly address?: Ipv4;
  readonly port: number;
  /** Inode of sockfs. */
  readonly socket: number;
}

/** TCP_LISTEN, and TCP_CLOSE, which a UDP socket is in that is not connected (include/net/tcp_states.h). */
const waitingStates = { tcp: '0A', udp: '07' } as const;

/**
 * TCP sockets that listen and UDP sockets that are bound and not connected, IPv6's too where IPv4 may come to them.
 * Not /proc/net: that is the main thread's namespace, which may be another one at this moment.
 */
export async function listListeners(): Promise<readonly ListeningSocket[]> {
  const files = (['tcp', 'udp'] as const).flatMap((protocol) => [
    { protocol, file: protocol as string },
    { protocol, file: `${protocol}6` },
  ]);
  const found = await Promise.all(files.map(async ({ protocol, file }) => parse(protocol, await read(file))));
  return found.flat();
}

/** A kernel without IPv6 has no such file. */
async function read(file: string): Promise<string> {
  try {
    return await fs.readFile(`/proc/thread-self/net/${file}`, 'latin1');
  } catch (error) {
    // Node's errors of file calls carry `code`.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** TCP_ESTABLISHED. */
const connectedState = '01';

/** Addresses of the host that TCP connections are on at this moment, as text; those of a link-local address without their link. */
export async function connectedAddresses(): Promise<ReadonlySet<string>> {
  const tables = await Promise.all(['tcp', 'tcp6'].map(read));
  const found = tables
    .flatMap((table) => table.split('\n'))
    .flatMap((line) => {
      const [, local, , state] = line.trim().split(/\s+/);
      return state === connectedState && local !== undefined ? addressText(local.split(':')[0] ?? '') : [];
    });
  return new Set(found);
}

function parse(protocol: 'tcp' | 'udp', text: string): ListeningSocket[] {
  return text.split('\n').flatMap((line) => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    const [address, port] = local?.split(':') ?? [];
    if (address === undefined || port === undefined || state !== waitingStates[protocol]) return [];
    const where = parseAddress(address);
    if (where === undefined) return [];
    return [{ protocol, ...where, port: Number.parseInt(port, 16), socket: Number(inode) }];
  });
}

/** Of either family; one of IPv4 that is mapped into IPv6 is IPv4's. */
function addressText(hex: string): string {
  const { address } = parseAddress(hex) ?? {};
  return address === undefined ? ipv6FromBytes(Buffer.from(hex, 'hex').swap32()) : formatIpv4(address);
}

/** `0100007F`, `0000000000000000FFFF00000100007F`: words in the host's order. Undefined for an IPv6 address alone. */
function parseAddress(text: string): { readonly address?: Ipv4 } | undefined {
  if (/^0+$/.test(text)) return {};
  const [, word] = /^(?:0{16}FFFF0000)?([0-9A-F]{8})$/.exec(text) ?? [];
  return word === undefined ? undefined : { address: ipv4FromBytes(Buffer.from(word, 'hex').reverse()) };
}

/** The program whose socket this is, as far as it may be seen; one that several processes share is the first's. */
export async function ownerOfSocket(socket: number): Promise<{ readonly name: string; readonly pid: number } | undefined> {
  const pids = (await fs.readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  for (const pid of pids.sort((a, b) => a - b)) {
    if (await hasSocket(pid, socket)) return { name: await nameOf(pid), pid };
  }
  return undefined;
}

async function hasSocket(pid: number, socket: number): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const names = await fs.readdir(folder).catch(() => []);
  const targets = await Promise.all(names.map((name) => fs.readlink(`${folder}/${name}`).catch(() => '')));
  return targets.includes(`socket:[${socket}]`);
}

async function nameOf(pid: number): Promise<string> {
  return (await fs.readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'a program')).trim();
}
