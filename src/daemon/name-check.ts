/** What the real servers say of a name, and in what that differs from what is wished for. */
import type { NameAnswerView, NameCheckView } from '../api/contract.ts';
import { formatData } from '../core/dns/format.ts';
import { ownerRecord, parseOwner } from '../core/dns/owner.ts';
import type { DnsServerAddress } from '../core/model.ts';
import { LandlineError } from '../errors.ts';
import { nearest } from '../net/name.ts';
import { type ResourceRecord, rcodeName } from '../wire/dns/message.ts';
import { plainName, sameName } from '../wire/dns/name.ts';
import type { TypeName } from '../wire/dns/records/index.ts';
import type { TsigKey } from '../wire/dns/tsig.ts';
import { questionFor } from './dns/client.ts';
import { exchange } from './dns/exchange.ts';
import { readKey } from './dns/secret.ts';
import { DnsError, formatServer, troubleOf } from './dns/trouble.ts';
import type { NameStatus } from './names.ts';
import type { World } from './world.ts';

/** Types that are asked for, at a name and at its address's. */
const forwardTypes: readonly TypeName[] = ['A', 'AAAA', 'CNAME', 'TXT'];
const reverseTypes: readonly TypeName[] = ['PTR', 'TXT'];

interface Asked {
  readonly server: DnsServerAddress;
  readonly key: TsigKey | undefined;
}

/** @param text a whole name, or its first label. @throws LandlineError NAME_UNKNOWN, DNS_PRIMARY_UNKNOWN */
export async function checkName(world: World, text: string): Promise<NameCheckView> {
  const list = world.names.list().filter((it) => it.state !== 'leaving');
  const wanted = findName(list, plainName(text));
  const source = wanted.source;
  const reverse = list.filter((it) => it.source === source && it.records.some((record) => record === `PTR ${wanted.name}`));
  const answers = await Promise.all(
    [wanted, ...reverse].map(async (it) => {
      const types = it === wanted ? forwardTypes : reverseTypes;
      return Promise.all((await serversFor(world, it)).map((asked) => askFor(asked, it, types)));
    }),
  );
  const owner = formatData(ownerRecord({ installation: world.store.installation, environment: wanted.environment }));
  const wishes = [wanted, ...reverse].map((it) => ({ ...it, records: [...it.records, owner] }));
  return {
    name: wanted.name,
    environment: wanted.environment,
    state: wanted.state,
    records: wishes.flatMap((it) => it.records.map((record) => `${it.name} ${record}`)),
    answers: answers.flat(),
    differences: answers
      .flat()
      .flatMap((answer) => differencesIn(answer, wishes.find((it) => it.name === answer.name)?.records ?? [])),
  };
}

function findName(list: readonly NameStatus[], text: string): NameStatus {
  const forward = list.filter((it) => it.records.some((record) => !record.startsWith('PTR ')));
  const found = forward.find((it) => it.name === text) ?? forward.find((it) => it.name.split('.')[0] === text);
  if (found !== undefined) return found;
  const suggestion = nearest(
    text,
    forward.map((it) => it.name),
  );
  throw new LandlineError('NAME_UNKNOWN', { name: text, ...(suggestion === undefined ? {} : { suggestion }) });
}

/** Those that a name is registered with, and those that environments ask. @throws LandlineError DNS_PRIMARY_UNKNOWN */
async function serversFor(world: World, { name, source, zone }: NameStatus): Promise<readonly Asked[]> {
  const { networks, dns } = world.configuration;
  if (source === 'serve') return dns.serve === undefined ? [] : [{ server: dns.serve.listen, key: undefined }];
  const key = keyOf(world);
  const primaries = (await primariesOf(world, name, zone)).map((server) => ({ server, key }));
  const resolvers = networks.flatMap((it) => it.resolvers).map((address) => ({ server: { address, port: 53 }, key: undefined }));
  const seen = new Set<string>();
  return [...primaries, ...resolvers].filter(({ server }) => !seen.has(formatServer(server)) && seen.add(formatServer(server)));
}

async function primariesOf({ names }: World, name: string, zone: string): Promise<readonly DnsServerAddress[]> {
  try {
    return (await names.client?.servers(zone)) ?? [];
  } catch (error) {
    throw error instanceof DnsError ? troubleOf(name, error.trouble) : error;
  }
}

/** The answers of a server that wants no signature can be read as well. */
function keyOf(world: World): TsigKey | undefined {
  const spec = world.configuration.dns.update?.key;
  try {
    return spec === undefined ? undefined : readKey(spec);
  } catch (error) {
    if (error instanceof DnsError) return undefined;
    throw error;
  }
}

async function askFor({ server, key }: Asked, { name }: NameStatus, types: readonly TypeName[]): Promise<NameAnswerView> {
  const view = { server: formatServer(server), name };
  try {
    const messages = await Promise.all(types.map((type) => exchange(server, questionFor(name, type, true), key)));
    const refused = messages.find((it) => !['NOERROR', 'NXDOMAIN'].includes(rcodeName(it.rcode)));
    if (refused !== undefined) return { ...view, records: [], owner: null, error: `it answers ${rcodeName(refused.rcode)}` };
    const records = unique(messages.flatMap((it) => it.answers.filter((one) => sameName(one.name, name))));
    const owner = records.map((it) => parseOwner(it.data)).find((it) => it !== undefined) ?? null;
    return { ...view, records: records.map(({ ttl, data }) => ({ record: formatData(data), ttl })), owner, error: null };
  } catch (error) {
    if (!(error instanceof DnsError)) throw error;
    return { ...view, records: [], owner: null, error: troubleOf(name, error.trouble).message };
  }
}

function unique(records: readonly ResourceRecord[]): readonly ResourceRecord[] {
  return [...new Map(records.map((it) => [formatData(it.data), it])).values()];
}

function differencesIn({ server, name, records, error }: NameAnswerView, wanted: readonly string[]): readonly string[] {
  if (error !== null) return [`${server}: ${error}`];
  const found = records.map((it) => it.record);
  const missing = wanted.filter((it) => !found.some((other) => sameRecord(it, other)));
  const more = found.filter((it) => !it.startsWith('TXT ') && !wanted.some((other) => sameRecord(it, other)));
  return [
    ...missing.map((it) => `${server} does not have ${name} ${it}`),
    ...more.map((it) => `${server} has ${name} ${it}, which is not ours`),
  ];
}

const sameRecord = (a: string, b: string): boolean => a === b || (a.startsWith('PTR ') && sameName(a, b));
