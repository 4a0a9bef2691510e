/**
 * Names at servers that a zone was written to before `dns.update.server` named others: taken back there, zone by zone, by the
 * same keeper that keeps a zone, which wishes for nothing.
 */
import { parseOwner } from '../../core/dns/owner.ts';
import type { DnsUpdateSpec } from '../../core/model.ts';
import type { FormerNames, NameRecord } from '../../store/index.ts';
import type { World } from '../world.ts';
import type { DnsClient } from './client.ts';
import { type Counters, keepZone, type ZoneKeeper, type ZoneLedger } from './zone-keeper.ts';

export interface FormerServers {
  /** The ledger may have changed. @param kept zones that are written to now, and tell apart whose names are theirs */
  wake(kept: (zone: string) => boolean): void;
  /** Names that wait to be taken back, each with its keeper. */
  list(): readonly { readonly record: NameRecord; readonly keeper: ZoneKeeper }[];
  /**
   * Before the new server of a zone is written to: what stands there already is the same zone at another address, and then
   * nothing is to be taken back. @throws DnsError
   */
  tellApart(zone: string, client: DnsClient): Promise<void>;
  /** Gives up all that fit, wherever. @returns their names */
  forget(fits: (record: NameRecord) => boolean): readonly NameRecord[];
  close(): void;
}

const keyOf = ({ zone, spec }: Pick<FormerNames, 'zone' | 'spec'>): string => JSON.stringify([zone, spec]);

export function keepFormerServers(
  { store, events }: Pick<World, 'events' | 'store'>,
  open: (spec: DnsUpdateSpec) => DnsClient,
  counters: Counters,
): FormerServers {
  const keepers = new Map<string, ZoneKeeper>();
  // Until the first look nobody knows, and all may be kept.
  let kept = (_zone: string): boolean => true;

  const entryOf = (key: string): FormerNames | undefined => store.formerNames().find((it) => keyOf(it) === key);

  const change = (key: string, names: (record: NameRecord) => boolean): void =>
    store.putFormerNames(
      store.formerNames().flatMap((it) => {
        const rest = keyOf(it) === key ? it.names.filter(names) : it.names;
        return rest.length === 0 ? [] : [{ ...it, names: rest }];
      }),
    );

  const ledgerOf = (key: string): ZoneLedger => ({
    installation: store.installation,
    together: store.together,
    names: () => new Map(entryOf(key)?.names.map((it) => [it.name, it])),
    deleteName: (name) => change(key, (it) => it.name !== name),
    putName: ({ name }) => {
      throw new Error(`${name} is to be taken back, and is not written`);
    },
  });

  const wake = (): void => {
    const ready = store.formerNames().filter((it) => it.apart || !kept(it.zone));
    const apart = new Map(ready.map((it) => [keyOf(it), it]));
    for (const [key, keeper] of keepers)
      if (!apart.has(key)) {
        keeper.close();
        keepers.delete(key);
      }
    for (const [key, { zone, spec }] of apart) {
      const world = { events, store: ledgerOf(key) };
      const keeper =
        keepers.get(key) ?? keepZone(zone, { world, client: open(spec), ttl: spec.ttl, counters, desired: () => new Map() });
      keepers.set(key, keeper);
      keeper.wake();
    }
  };

  const standsAt = async (client: DnsClient, { zone, names }: FormerNames): Promise<boolean> => {
    const [first] = names.toSorted((a, b) => Number(b.state === 'registered') - Number(a.state === 'registered'));
    const texts = first === undefined ? [] : await client.look(zone, first.name, ['TXT']);
    return texts.some((it) => parseOwner(it)?.installation === store.installation);
  };

  return {
    wake: (keptNow) => {
      kept = keptNow;
      wake();
    },
    list: () =>
      store.formerNames().flatMap((it) => {
        const keeper = keepers.get(keyOf(it));
        return keeper === undefined ? [] : it.names.map((record) => ({ record, keeper }));
      }),
    tellApart: async (zone, client) => {
      const unknown = store.formerNames().filter((it) => it.zone === zone && !it.apart);
      if (unknown.length === 0) return;
      const same = new Set<string>();
      for (const it of unknown) if (await standsAt(client, it)) same.add(keyOf(it));
      const known = new Set(unknown.map(keyOf));
      const rest = store.formerNames().filter((it) => !same.has(keyOf(it)));
      store.putFormerNames(rest.map((it) => (known.has(keyOf(it)) ? { ...it, apart: true } : it)));
      wake();
    },
    forget: (fits) => {
      const gone = store.formerNames().flatMap((it) => it.names.filter(fits));
      for (const it of store.formerNames()) change(keyOf(it), (record) => !fits(record));
      return gone;
    },
    close: () => {
      for (const it of keepers.values()) it.close();
    },
  };
}
