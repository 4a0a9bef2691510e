/** The DNS servers that names are registered with: several in order, or the primary that the zone's SOA record names. */
import type { DnsServerAddress, DnsUpdateSpec } from '../../core/model.ts';
import { IN, type Message, opcodes, rcodeName } from '../../wire/dns/message.ts';
import { sameName } from '../../wire/dns/name.ts';
import { type RecordData, type TypeName, typeNumber, typeOf } from '../../wire/dns/records/index.ts';
import type { TsigKey } from '../../wire/dns/tsig.ts';
import { type Update, updateMessage } from '../../wire/dns/update.ts';
import { exchange, type Question } from './exchange.ts';
import { firstOf } from './first-of.ts';
import { shareLines } from './line.ts';
import { readKey } from './secret.ts';
import { DnsError, formatServer } from './trouble.ts';

export interface DnsClient {
  /** @returns the code of the answer. @throws DnsError */
  update(update: Update): Promise<{ readonly rcode: number; readonly server: DnsServerAddress }>;
  /** All records of a name of some types. @throws DnsError */
  look(zone: string, name: string, types: readonly TypeName[]): Promise<readonly RecordData[]>;
  /** Whom to ask of a zone, in order. @throws DnsError where nobody knows its primary */
  servers(zone: string): Promise<readonly DnsServerAddress[]>;
  /** The serial number of a zone; undefined where the server does not tell it. @throws DnsError */
  serial(zone: string): Promise<number | undefined>;
}

/** Codes of a server that does not make updates itself, or not now: another one may. */
const elsewhere = ['SERVFAIL', 'NOTIMP', 'REFUSED', 'NOTAUTH'];

/** A server that has not answered is asked after the others for so long, in milliseconds. */
const silentMs = 60_000;

/** @param resolvers whom to ask for the primary of a zone where no server is configured */
export function openDnsClient(spec: DnsUpdateSpec, resolvers: () => readonly DnsServerAddress[]): DnsClient {
  const lines = shareLines();
  const primaries = new Map<string, readonly DnsServerAddress[]>();
  /** Of each zone the server that made an update last: it is asked first. */
  const preferred = new Map<string, string>();
  const silentUntil = new Map<string, number>();

  const isSilent = (server: string): boolean => (silentUntil.get(server) ?? 0) > performance.now();

  const serversOf = async (zone: string): Promise<readonly DnsServerAddress[]> => {
    const known = spec.servers.length > 0 ? spec.servers : (primaries.get(zone) ?? (await findPrimary(zone, resolvers())));
    if (spec.servers.length === 0) primaries.set(zone, known);
    const rank = (it: string): number => (isSilent(it) ? 2 : Number(preferred.get(zone) !== it));
    return known.toSorted((a, b) => rank(formatServer(a)) - rank(formatServer(b)));
  };

  const put = async (server: DnsServerAddress, question: Question): Promise<Message> => {
    const key: TsigKey | undefined = spec.key === undefined ? undefined : readKey(spec.key);
    try {
      const message = await exchange(server, question, key, lines);
      silentUntil.delete(formatServer(server));
      return message;
    } catch (error) {
      if (error instanceof DnsError && error.trouble.kind === 'away') lay(server);
      throw error;
    }
  };

  const lay = (server: DnsServerAddress): void => void silentUntil.set(formatServer(server), performance.now() + silentMs);

  /** The answer of the first that answers, and is content: one after the other (RFC 2136 section 4). */
  const ask = async (zone: string, question: Question): Promise<{ message: Message; server: DnsServerAddress }> => {
    let trouble: unknown;
    let refusal: { message: Message; server: DnsServerAddress } | undefined;
    for (const server of await serversOf(zone)) {
      try {
        const message = await put(server, question);
        if (!elsewhere.includes(rcodeName(message.rcode))) {
          preferred.set(zone, formatServer(server));
          return { message, server };
        }
        refusal ??= { message, server };
      } catch (error) {
        trouble ??= error;
      }
    }
    primaries.delete(zone);
    if (refusal !== undefined) return refusal;
    throw trouble;
  };

  /** What changes nothing may be asked of the next before the first has answered. */
  const serialOf = async (zone: string): Promise<number | undefined> => {
    let isRefused = false;
    const attempts = (await serversOf(zone)).map((server) => ({
      isLate: () => lay(server),
      run: async (): Promise<number | undefined> => {
        const { answers, rcode } = await put(server, questionFor(zone, 'SOA'));
        const code = rcodeName(rcode);
        if (!elsewhere.includes(code)) return answers.map((it) => it.data).find((it) => it.kind === 'SOA')?.serial;
        isRefused = true;
        throw new DnsError({ kind: 'refused', server, zone, rcode: code });
      },
    }));
    try {
      return await firstOf(attempts);
    } catch (error) {
      primaries.delete(zone);
      if (isRefused) return undefined;
      throw error;
    }
  };

  const look = async (zone: string, name: string, type: TypeName): Promise<readonly RecordData[]> => {
    const { message, server } = await ask(zone, questionFor(name, type));
    const rcode = rcodeName(message.rcode);
    if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') throw new DnsError({ kind: 'refused', server, zone, rcode });
    return message.answers.filter((it) => sameName(it.name, name)).map((it) => it.data);
  };

  return {
    servers: serversOf,
    update: async (update) => {
      const { message, server } = await ask(update.zone, updateMessage(0, update));
      return { rcode: message.rcode, server };
    },
    look: async (zone, name, types) => {
      const found = await Promise.all(types.map((type) => look(zone, name, type)));
      // A CNAME is in the answer to every type.
      return found.flatMap((records, at) => records.filter((it) => typeOf(it) === typeNumber[types[at] ?? 'A']));
    },
    serial: serialOf,
  };
}

export function questionFor(name: string, type: TypeName, recursionDesired = false): Question {
  return {
    response: false,
    opcode: opcodes.QUERY,
    authoritative: false,
    truncated: false,
    recursionDesired,
    recursionAvailable: false,
    reserved: 0,
    rcode: 0,
    questions: [{ name, type: typeNumber[type], class: IN }],
    answers: [],
    authorities: [],
    additionals: [],
  };
}

/** RFC 2136 section 4: the server that the SOA record names, if a resolver knows its address. @throws DnsError */
async function findPrimary(zone: string, resolvers: readonly DnsServerAddress[]): Promise<readonly DnsServerAddress[]> {
  const unknown = (): DnsError => new DnsError({ kind: 'no-primary', zone, asked: resolvers });
  const attempts = resolvers.map((resolver) => ({
    run: async (): Promise<readonly DnsServerAddress[]> => {
      const soa = await recordOf(resolver, zone, 'SOA');
      const address = soa?.kind === 'SOA' ? await recordOf(resolver, soa.primary, 'A') : undefined;
      if (address?.kind === 'A') return [{ address: address.address, port: 53 }];
      throw unknown();
    },
  }));
  if (attempts.length === 0) throw unknown();
  return firstOf(attempts).catch((error: unknown) => {
    throw error instanceof DnsError ? unknown() : error;
  });
}

async function recordOf(resolver: DnsServerAddress, name: string, type: TypeName): Promise<RecordData | undefined> {
  const { answers } = await exchange(resolver, questionFor(name, type, true));
  return answers.map((it) => it.data).find((it) => it.kind === type);
}
