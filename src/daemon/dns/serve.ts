/** Answers for the zones of `dns.serve`, over UDP and TCP. The zones are a value that is swapped whole. */
import dgram from 'node:dgram';
import net from 'node:net';
import { respond } from '../../core/dns/answer.ts';
import type { Zone } from '../../core/dns/zone.ts';
import type { DnsServeSpec } from '../../core/model.ts';
import { LandlineError } from '../../errors.ts';
import { formatIpv4 } from '../../net/ipv4.ts';
import { withLength } from './exchange.ts';

/** A connection that says nothing for so long is ended (RFC 7766 section 6.2.3), and so many may be open. */
const idleMs = 10_000;
const mostConnections = 100;

/** Answers are kept by what was asked, until the zones change: so many at most. */
const mostKept = 4096;
/** A question that is longer, in bytes, is nothing that anybody asks twice. */
const longestKept = 512;

const retryMs = 2000;

export interface DnsServer {
  swap(zones: readonly Zone[]): void;
  /** Why it does not listen. */
  readonly problem: LandlineError | undefined;
  readonly counters: { readonly udp: number; readonly tcp: number; readonly dropped: number };
  close(): void;
}

/** Listens as soon as it can: the address may come later. */
export function serveDns(spec: DnsServeSpec, zones: readonly Zone[]): DnsServer {
  const host = formatIpv4(spec.listen.address);
  const { port } = spec.listen;
  const counters = { udp: 0, tcp: 0, dropped: 0 };
  const kept = new Map<string, Uint8Array>();
  let current = zones;
  let problem: LandlineError | undefined;
  let timer: NodeJS.Timeout | undefined;
  let open: { close(): void } | undefined;
  let closed = false;

  /** Only the id differs between two who ask the same. */
  const answerUdp = (query: Buffer): Uint8Array | undefined => {
    const text = query.toString('latin1', 2);
    const known = kept.get(text);
    if (known !== undefined) {
      // A copy: the one before may still wait to be sent.
      const answer = Uint8Array.from(known);
      answer.set(query.subarray(0, 2));
      return answer;
    }
    const answer = respond(current, query, 'udp');
    if (answer === undefined || query.length > longestKept) return answer;
    if (kept.size >= mostKept) kept.clear();
    kept.set(text, answer);
    return answer;
  };

  const answerTcp = (query: Uint8Array): Uint8Array | undefined => {
    counters.tcp += 1;
    return respond(current, query, 'tcp');
  };

  const listen = (): void => {
    const udp = listenUdp(answerUdp, counters);
    const tcp = listenTcp(answerTcp);
    const fail = (error: NodeJS.ErrnoException): void => {
      problem = new LandlineError('DNS_PORT_TAKEN', { zone: spec.zone, listen: `${host}:${port}`, reason: inWords(error) });
      close();
      if (!closed) timer = setTimeout(listen, retryMs);
    };
    const close = (): void => {
      for (const it of [udp, tcp]) it.removeAllListeners('error').on('error', () => undefined);
      udp.close();
      tcp.stop();
      open = undefined;
    };
    open = { close };
    udp.on('error', fail);
    tcp.on('error', fail);
    tcp.on('listening', () => udp.bind({ address: host, port, exclusive: true }));
    udp.on('listening', () => (problem = undefined));
    tcp.listen({ host, port, exclusive: true });
  };
  listen();

  return {
    swap: (next) => {
      current = next;
      kept.clear();
    },
    get problem() {
      return problem;
    },
    counters,
    close: () => {
      closed = true;
      clearTimeout(timer);
      open?.close();
    },
  };
}

type Lookup = NonNullable<dgram.SocketOptions['lookup']>;

function listenUdp(answer: (query: Buffer) => Uint8Array | undefined, counters: { udp: number; dropped: number }): dgram.Socket {
  // Whoever asked is known by address: a lookup would only take time.
  const lookup: Lookup = (address, _options, callback) => callback(null, address, 4);
  const socket = dgram.createSocket({ type: 'udp4', lookup, recvBufferSize: 1 << 20 });
  socket.on('message', (query, asker) => {
    // UDP may come from port 0, to which nothing can be sent back (RFC 768).
    const bytes = asker.port === 0 ? undefined : answer(query);
    if (bytes === undefined) {
      counters.dropped += 1;
      return;
    }
    counters.udp += 1;
    // Whoever cannot be reached is not our trouble.
    socket.send(bytes, asker.port, asker.address, () => undefined);
  });
  return socket;
}

interface TcpListener extends net.Server {
  stop(): void;
}

function listenTcp(answer: (query: Uint8Array) => Uint8Array | undefined): TcpListener {
  const connections = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    converse(socket, answer);
  });
  server.maxConnections = mostConnections;
  const stop = (): void => {
    for (const socket of connections) socket.destroy();
    if (server.listening) server.close();
  };
  return Object.assign(server, { stop });
}

/** One message after the other, for as long as the other end reads its answers. */
function converse(socket: net.Socket, answer: (query: Uint8Array) => Uint8Array | undefined): void {
  let heard = Buffer.alloc(0);
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (part: Buffer) => {
    heard = Buffer.concat([heard, part]);
    while (heard.length >= 2 && heard.length >= 2 + heard.readUInt16BE(0)) {
      const end = 2 + heard.readUInt16BE(0);
      const bytes = answer(new Uint8Array(heard.subarray(2, end)));
      heard = heard.subarray(end);
      if (bytes === undefined) return void socket.destroy();
      if (!socket.write(withLength(bytes))) {
        socket.pause();
        socket.once('drain', () => socket.resume());
      }
    }
  });
}

const words: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there (EADDRINUSE)',
  EADDRNOTAVAIL: 'this host has no such address (EADDRNOTAVAIL)',
  EACCES: 'this user may not (EACCES)',
};

const inWords = ({ code = 'error', message }: NodeJS.ErrnoException): string => words[code] ?? message;
