/** A zone that this host answers for: an immutable value, replaced whole when a name comes or goes. */
import type { Ipv4 } from '../../net/ipv4.ts';
import { IN, type ResourceRecord } from '../../wire/dns/message.ts';
import type { RecordData } from '../../wire/dns/records/index.ts';
import type { DesiredName } from './desired.ts';
import { ownerRecord } from './owner.ts';

export interface Zone {
  /** Lower case. */
  readonly origin: string;
  readonly soa: ResourceRecord;
  /** By name in lower case; a name that only has names below it has an empty list. */
  readonly names: ReadonlyMap<string, readonly ResourceRecord[]>;
}

export interface ZoneWish {
  /** Zone names, the forward one first. */
  readonly origins: readonly string[];
  /** The host's own address, of the zones' name server; undefined where it answers on all of its addresses. */
  readonly address: Ipv4 | undefined;
  readonly ttl: number;
  /** Grows with each change (RFC 1982). */
  readonly serial: number;
  readonly installation: string;
  readonly names: readonly DesiredName[];
}

/** The name of the zones' one name server: no environment may have it. */
export const nameServerOf = (origin: string): string => `ns.${origin}`;

export function buildZones({ origins, address, ttl, serial, installation, names }: ZoneWish): readonly Zone[] {
  const nameServer = nameServerOf(origins[0] ?? '.');
  const record = (name: string, data: RecordData): ResourceRecord => ({ name, class: IN, ttl, data });
  return origins.map((origin) => {
    const soa = record(origin, {
      kind: 'SOA',
      primary: nameServer,
      contact: `hostmaster.${origins[0] ?? '.'}`,
      serial,
      refresh: 3600,
      retry: 600,
      expire: 86_400,
      minimum: ttl,
    });
    const records: ResourceRecord[] = [soa, record(origin, { kind: 'NS', target: nameServer })];
    if (origin === origins[0] && address !== undefined) records.push(record(nameServer, { kind: 'A', address }));
    for (const it of names) {
      if (it.zone !== origin) continue;
      const owner = ownerRecord({ installation, environment: it.environment });
      records.push(...[...it.data, owner].map((data) => record(it.name, data)));
    }
    return { origin, soa, names: byName(origin, records) };
  });
}

function byName(origin: string, records: readonly ResourceRecord[]): ReadonlyMap<string, readonly ResourceRecord[]> {
  const names = new Map<string, ResourceRecord[]>();
  for (const record of records) {
    names.set(record.name, [...(names.get(record.name) ?? []), record]);
    for (let name = record.name; name !== origin; ) {
      name = name.slice(name.indexOf('.') + 1);
      if (!names.has(name)) names.set(name, []);
    }
  }
  return names;
}
