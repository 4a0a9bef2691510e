/** The DNS servers that names are registered with: several in order, or the primary that the zone's SOA record names. */
import type { DnsServerAddress, DnsUpdateSpec } from '../../core/model.ts';
import { IN, type Message, opcodes, rcodeName } from '../../wire/dns/message.ts';
import { sameName } from '../../wire/dns/name.ts';
import { type RecordData, type TypeName, typeNumber, typeOf } from '../../wire/dns/records/index.ts';
import type { TsigKey } from '../../wire/dns/tsig.ts';
import { type Update, updateMessage } from '../../wire/dns/update.ts';
import { exchange, type Question } from './exchange.ts';
import { readKey } from './secret.ts';
import { DnsError } from './trouble.ts';

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

/** @param resolvers whom to ask for the primary of a zone where no server is configured */
export function openDnsClient(spec: DnsUpdateSpec, resolvers: () => readonly DnsServerAddress[]): DnsClient {
  const primaries = new Map<string, readonly DnsServerAddress[]>();
  /** The one that answered last is asked first. */
  let preferred = 0;

  const serversOf = async (zone: string): Promise<readonly DnsServerAddress[]> => {
    if (spec.servers.length > 0) return [...spec.servers.slice(preferred), ...spec.servers.slice(0, preferred)];
    const known = primaries.get(zone) ?? (await findPrimary(zone, resolvers()));
    primaries.set(zone, known);
    return known;
  };

  /** The answer of the first that answers, and is content. */
  const ask = async (zone: string, question: Question): Promise<{ message: Message; server: DnsServerAddress }> => {
    const key: TsigKey | undefined = spec.key === undefined ? undefined : readKey(spec.key);
    let trouble: unknown;
    let refusal: { message: Message; server: DnsServerAddress } | undefined;
    for (const server of await serversOf(zone)) {
      try {
        const message = await exchange(server, question, key);
        if (!elsewhere.includes(rcodeName(message.rcode))) {
          preferred = Math.max(0, spec.servers.indexOf(server));
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
    serial: async (zone) => {
      const { message } = await ask(zone, questionFor(zone, 'SOA'));
      const soa = message.answers.find((it) => it.data.kind === 'SOA')?.data;
      return soa?.kind === 'SOA' ? soa.serial : undefined;
    },
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
  for (const resolver of resolvers) {
    const soa = await firstOf(resolver, zone, 'SOA');
    const address = soa?.kind === 'SOA' ? await firstOf(resolver, soa.primary, 'A') : undefined;
    if (address?.kind === 'A') return [{ address: address.address, port: 53 }];
  }
  throw new DnsError({ kind: 'no-primary', zone, asked: resolvers });
}

async function firstOf(resolver: DnsServerAddress, name: string, type: TypeName): Promise<RecordData | undefined> {
  try {
    const { answers } = await exchange(resolver, questionFor(name, type, true));
    return answers.map((it) => it.data).find((it) => it.kind === type);
  } catch (error) {
    if (error instanceof DnsError) return undefined;
    throw error;
  }
}
