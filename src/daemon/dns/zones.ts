/**
 * Which zones are kept, and how each is written to: as the configuration says, and, where names are still to be taken back
 * that it says nothing of any more, as it said when they were registered.
 */
import type { DnsUpdateSpec } from '../../core/model.ts';
import type { FormerNames, Store } from '../../store/index.ts';
import { formatServer } from './trouble.ts';

export const zonesOf = ({ zone, reverse }: DnsUpdateSpec): readonly string[] => [zone, ...reverse];

type Ledger = Pick<Store, 'names' | 'putName' | 'zones' | 'putZones' | 'formerNames' | 'putFormerNames'>;

/** Zones by name. What is to be remembered of them stands in the ledger when this returns. */
export function zonesToKeep(store: Ledger, update: DnsUpdateSpec | undefined): ReadonlyMap<string, DnsUpdateSpec> {
  const remembered = store.zones();
  const used = new Set([...store.names().values()].map((it) => it.zone));
  const specs = new Map<string, DnsUpdateSpec>();
  for (const zone of used) {
    const spec = remembered[zone] ?? update;
    if (spec !== undefined) specs.set(zone, spec);
  }
  for (const zone of update === undefined ? [] : zonesOf(update)) {
    const before = remembered[zone];
    if (update === undefined) continue;
    if (before !== undefined && areOthers(before, update)) move(store, zone, before, update);
    specs.set(zone, update);
  }
  const now = Object.fromEntries([...specs].sort(([a], [b]) => (a < b ? -1 : 1)));
  if (JSON.stringify(now) !== JSON.stringify(remembered)) store.putZones(now);
  return specs;
}

/** Servers of one list have one zone; where nobody is named it is the zone's primary, which may be any. */
function areOthers(before: DnsUpdateSpec, now: DnsUpdateSpec): boolean {
  const names = now.servers.map(formatServer);
  return before.servers.length > 0 && names.length > 0 && !before.servers.some((it) => names.includes(formatServer(it)));
}

/** The zone is written to elsewhere from now on: what stands where it was is to be taken back there. */
function move(store: Ledger, zone: string, before: DnsUpdateSpec, now: DnsUpdateSpec): void {
  const names = [...store.names().values()].filter((it) => it.zone === zone);
  const others = store.formerNames().filter((it) => it.zone !== zone);
  const same = store.formerNames().filter((it) => it.zone === zone);
  // Where it was before, and is again: what was still to be taken back there is the zone's own once more.
  const back = same.filter((it) => !areOthers(it.spec, now));
  const rest = same.filter((it) => areOthers(it.spec, now) && areOthers(it.spec, before));
  for (const record of back.flatMap((it) => it.names)) if (!store.names().has(record.name)) store.putName(record);
  // Then our marks stand there for that reason, and say nothing of whether it is one zone.
  const apart = back.some((it) => it.apart);
  const left: readonly FormerNames[] = names.length === 0 ? [] : [{ zone, spec: before, apart, names }];
  store.putFormerNames([...others, ...rest, ...left]);
}
