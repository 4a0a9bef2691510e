/** Which names are to stand in DNS, from the endpoints that have an address. */
import type { Ipv4 } from '../../net/ipv4.ts';
import type { Ipv6 } from '../../net/ipv6.ts';
import { isWithin } from '../../wire/dns/name.ts';
import type { RecordData } from '../../wire/dns/records/index.ts';
import { formatData } from './format.ts';
import { reverseName, reverseName6 } from './reverse.ts';

/** An endpoint of a network that has a domain. */
export interface NamedEndpoint {
  readonly environment: string;
  readonly interface: string;
  /** Absolute, without final dot: hostname and domain. */
  readonly name: string;
  readonly address: Ipv4;
  readonly address6?: Ipv6;
}

/** One name of one zone with all that is ours to say of it, but for the mark of its owner. */
export interface DesiredName {
  readonly zone: string;
  /** Lower case. */
  readonly name: string;
  readonly environment: string;
  readonly data: readonly RecordData[];
}

/** A name that two environments of this host want: the first has it. */
export interface Clash {
  readonly name: string;
  readonly environment: string;
  readonly holder: string;
}

/** The zone that a name lies in: the longest of them. */
export function zoneFor(name: string, zones: readonly string[]): string | undefined {
  return zones.filter((zone) => isWithin(name, zone)).sort((a, b) => b.length - a.length)[0];
}

/**
 * @param endpoints in the order in which they may choose
 * @param holderOf who has a name already, and keeps it
 */
export function desiredNames(
  endpoints: readonly NamedEndpoint[],
  zones: readonly string[],
  holderOf: (name: string) => string | undefined,
): { readonly names: ReadonlyMap<string, DesiredName>; readonly clashes: readonly Clash[] } {
  const names = new Map<string, DesiredName>();
  const clashes: Clash[] = [];
  const wanting = new Map<string, Set<string>>();
  for (const it of endpoints) wanting.set(it.name, (wanting.get(it.name) ?? new Set()).add(it.environment));

  const put = (name: string, environment: string, data: RecordData): void => {
    const zone = zoneFor(name, zones);
    if (zone === undefined) return;
    const before = names.get(name)?.data ?? [];
    const isThere = before.some((it) => formatData(it) === formatData(data));
    names.set(name, { zone, name, environment, data: isThere ? before : [...before, data] });
  };

  for (const { name, environment, address, address6 } of endpoints) {
    const kept = holderOf(name);
    const first = wanting.get(name)?.values().next().value ?? environment;
    const holder = kept !== undefined && wanting.get(name)?.has(kept) === true ? kept : first;
    if (holder !== environment) {
      if (!clashes.some((it) => it.name === name && it.environment === environment)) clashes.push({ name, environment, holder });
      continue;
    }
    put(name, environment, { kind: 'A', address });
    put(reverseName(address), environment, { kind: 'PTR', target: name });
    if (address6 === undefined) continue;
    put(name, environment, { kind: 'AAAA', address: address6 });
    put(reverseName6(address6), environment, { kind: 'PTR', target: name });
  }
  return { names, clashes };
}
