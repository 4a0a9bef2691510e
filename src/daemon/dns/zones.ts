/**
 * Which zones are kept, and how each is written to: as the configuration says, and, where names are still to be taken back
 * that it says nothing of any more, as it said when they were registered.
 */
import type { DnsUpdateSpec } from '../../core/model.ts';
import type { Store } from '../../store/index.ts';

export const zonesOf = ({ zone, reverse }: DnsUpdateSpec): readonly string[] => [zone, ...reverse];

/** Zones by name. What is to be remembered of them stands in the ledger when this returns. */
export function zonesToKeep(
  store: Pick<Store, 'names' | 'zones' | 'putZones'>,
  update: DnsUpdateSpec | undefined,
): ReadonlyMap<string, DnsUpdateSpec> {
  const remembered = store.zones();
  const used = new Set([...store.names().values()].map((it) => it.zone));
  const specs = new Map<string, DnsUpdateSpec>();
  for (const zone of used) {
    const spec = remembered[zone] ?? update;
    if (spec !== undefined) specs.set(zone, spec);
  }
  if (update !== undefined) for (const zone of zonesOf(update)) specs.set(zone, update);
  const now = Object.fromEntries([...specs].sort(([a], [b]) => (a < b ? -1 : 1)));
  if (JSON.stringify(now) !== JSON.stringify(remembered)) store.putZones(now);
  return specs;
}
