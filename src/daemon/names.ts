/**
 * The names of environments: wished for as the ledger's leases say, registered in the company's DNS zone by zone, and
 * served by this host itself where it is told to. Nothing waits for it, and nothing fails because of it.
 */
import type { NameView } from '../api/contract.ts';
import { type Clash, type DesiredName, desiredNames, type NamedEndpoint } from '../core/dns/desired.ts';
import { formatData } from '../core/dns/format.ts';
import { reverseZones } from '../core/dns/reverse.ts';
import { buildZones, nameServerOf } from '../core/dns/zone.ts';
import type { DnsServerAddress, DnsServeSpec, DnsUpdateSpec, EnvironmentSpec } from '../core/model.ts';
import { LandlineError } from '../errors.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { nearest } from '../net/name.ts';
import type { NameRecord } from '../store/index.ts';
import { isWithin, plainName, sameName } from '../wire/dns/name.ts';
import { type DnsClient, openDnsClient } from './dns/client.ts';
import { keepFormerServers } from './dns/former.ts';
import { type DnsServer, serveDns } from './dns/serve.ts';
import { troubleOf } from './dns/trouble.ts';
import { type Counters, heldError, keepZone, type ZoneKeeper } from './dns/zone-keeper.ts';
import { zonesOf, zonesToKeep } from './dns/zones.ts';
import { hostResolvers } from './networks.ts';
import { nameOf, tooLong } from './wish.ts';
import type { World } from './world.ts';

/** What changes comes in bursts: a look is put off by so many milliseconds. */
const gatherMs = 10;

/** A name of an environment and how it stands. */
export interface NameStatus extends Omit<NameView, 'problem'> {
  readonly problem: LandlineError | undefined;
}

export interface Names {
  /** Names under which an address of an environment is known now, without final dot. */
  of(environment: string, address: number): readonly string[];
  problemsOf(environment: string): readonly LandlineError[];
  /** What stands in the way of zones as a whole. */
  readonly standing: readonly LandlineError[];
  list(): readonly NameStatus[];
  readonly counters: Readonly<Counters> & { readonly served: DnsServer['counters'] };
  /** The servers that names are registered with, for who wants to ask them; undefined where there are none. */
  readonly client: DnsClient | undefined;
  /**
   * Gives up a name that is still to be taken back, and those of its addresses.
   * @returns their names
   * @throws LandlineError NAME_UNKNOWN, NAME_WANTED
   */
  forget(name: string): Promise<readonly string[]>;
  /** The ledger or the configuration has changed. */
  wake(): void;
  /** The configuration was read again. */
  reconfigure(): void;
  close(): void;
}

/** What happens to leases; whatever else does is found within a minute. */
const isAboutNames = (what: string): boolean =>
  /^(address|lease|environment|endpoint) /.test(what) || what === 'environments looked at';
const slowMs = 60_000;

type Desired = ReturnType<typeof desiredNames>;
const nobody: Desired = { names: new Map(), clashes: [] };

/** @param world its names are this, and are not asked for here */
export function keepNames(world: Omit<World, 'names'>): Names {
  const { store, events } = world;
  const counters: Counters = { registered: 0, removed: 0, refreshed: 0, held: 0, failures: 0 };
  /** Environments that are being made, and whose address is on the wire already. */
  const bound = new Set<string>();
  /** Addresses that another machine answers for, by the environment that was to have them. */
  const contested = new Map<string, Set<unknown>>();
  let keepers: readonly ZoneKeeper[] = [];
  let client: DnsClient | undefined;
  let server: { readonly spec: DnsServeSpec; readonly it: DnsServer } | undefined;
  let registered: Desired = nobody;
  let served: Desired = nobody;
  /** Environments whose name is none. */
  const nameless = new Map<string, LandlineError>();
  let byZone: ReadonlyMap<string, Desired['names']> = new Map();
  let serial = 0;
  let timer: NodeJS.Timeout | undefined;
  let configured = '';

  const specs = (): EnvironmentSpec[] =>
    store
      .environments()
      .filter(({ phase, spec }) => phase === 'up' || (phase === 'creating' && bound.has(spec.name)))
      .sort((a, b) => a.createdAt - b.createdAt)
      .map((it) => it.spec);

  /** @param domainFor the domain of an endpoint's name, by that of its network; undefined: it has none */
  const endpoints = (domainFor: (domain: string | undefined) => string | undefined): NamedEndpoint[] =>
    specs().flatMap((spec) =>
      store.leasesOf(spec.name).flatMap((lease) => {
        const endpoint = spec.endpoints.find((it) => it.interface === lease.interface);
        const network = world.configuration.networks.find((it) => it.name === lease.network);
        const domain = network === undefined ? undefined : domainFor(network.domain);
        if (endpoint === undefined || domain === undefined) return [];
        const name = nameOf(spec, endpoint, domain);
        const mistake = tooLong(name, spec.name, domain);
        if (mistake !== undefined) {
          nameless.set(spec.name, mistake);
          return [];
        }
        const taken = contested.get(spec.name);
        if (taken?.has(formatIpv4(lease.address)) === true) return [];
        const { address6 } = endpoint;
        const ipv6 = address6 === undefined || taken?.has(address6) === true ? {} : { address6 };
        return [{ environment: spec.name, interface: lease.interface, name, address: lease.address, ...ipv6 }];
      }),
    );

  const look = (): void => {
    clearTimeout(timer);
    timer = undefined;
    nameless.clear();
    const { update, serve } = world.configuration.dns;
    if (update !== undefined) {
      const wishes = endpoints((domain) => (domain !== undefined && isWithin(domain, update.zone) ? domain : undefined));
      registered = desiredNames(wishes, zonesOf(update), (name) => store.names().get(name)?.environment);
    } else registered = nobody;
    byZone = zoneByZone(registered);
    dropFormer(update);
    for (const it of keepers) it.wake();
    former.wake((zone) => keeperOf(zone) !== undefined);
    if (serve !== undefined) lookAtServed(serve);
  };

  /** A zone that is no longer configured is done with once nothing of ours is left in it. */
  const dropFormer = (update: DnsUpdateSpec | undefined): void => {
    const zones = zonesToKeep(store, update);
    for (const it of keepers) if (!zones.has(it.zone)) it.close();
    keepers = keepers.filter((it) => zones.has(it.zone));
  };

  const lookAtServed = (serve: DnsServeSpec): void => {
    const wishes = endpoints((domain) => (domain !== undefined && isWithin(domain, serve.zone) ? domain : serve.zone));
    const holder = nameServerOf(serve.zone);
    const before = served;
    served = desiredNames(
      wishes.filter((it) => it.name !== holder),
      servedZones(serve),
      (name) => before.names.get(name)?.environment,
    );
    const own = wishes
      .filter((it) => it.name === holder)
      .map((it): Clash => ({ name: it.name, environment: it.environment, holder: '' }));
    served = { ...served, clashes: [...served.clashes, ...own] };
    if (server !== undefined && textOf(before) === textOf(served)) return;
    serial = Math.max(Math.floor(Date.now() / 1000), serial + 1);
    const { address } = serve.listen;
    const zones = buildZones({
      origins: servedZones(serve),
      address: address === 0 ? undefined : address,
      ttl: serve.ttl,
      serial,
      installation: store.installation,
      names: [...served.names.values()],
    });
    if (server === undefined) server = { spec: serve, it: serveDns(serve, zones) };
    else server.it.swap(zones);
  };

  const servedZones = (serve: DnsServeSpec): readonly string[] => [
    serve.zone,
    ...(serve.reverse ?? new Set(world.configuration.networks.flatMap((it) => reverseZones(it.subnet)))),
  ];

  const resolvers = (): readonly DnsServerAddress[] => {
    const own = world.configuration.networks.flatMap((it) => it.resolvers);
    return [...new Set([...own, ...hostResolvers().resolvers])].map((address) => ({ address, port: 53 }));
  };

  const former = keepFormerServers(world, (spec) => openDnsClient(spec, resolvers), counters);

  const reconfigure = (): void => {
    const { networks, dns } = world.configuration;
    const now = JSON.stringify([networks, dns]);
    if (now === configured) {
      // Whoever asks for it may have mended something that stands in no file of ours.
      for (const it of keepers) it.renew();
      return wake();
    }
    configured = now;
    for (const it of keepers) it.close();
    const { update, serve } = dns;
    client = update === undefined ? undefined : openDnsClient(update, resolvers);
    keepers = keepersOf(update);
    if (server !== undefined && JSON.stringify(server.spec) !== JSON.stringify(serve)) {
      server.it.close();
      server = undefined;
      served = nobody;
    }
    wake();
  };

  const keepersOf = (update: DnsUpdateSpec | undefined): readonly ZoneKeeper[] => {
    const clients = new Map<string, DnsClient>();
    if (update !== undefined && client !== undefined) clients.set(JSON.stringify(update), client);
    return [...zonesToKeep(store, update)].map(([zone, spec]) => {
      const key = JSON.stringify(spec);
      const its = clients.get(key) ?? openDnsClient(spec, resolvers);
      clients.set(key, its);
      const desired = (): ReadonlyMap<string, DesiredName> => byZone.get(zone) ?? new Map();
      const before = (): Promise<void> => former.tellApart(zone, its);
      return keepZone(zone, { world, client: its, ttl: spec.ttl, counters, desired, before });
    });
  };

  const wake = (): void => {
    timer ??= setTimeout(look, gatherMs);
  };

  const deaf = events.listen(({ what, fields: { environment, address } }) => {
    const whose = String(environment);
    if (what === 'address bound') bound.add(whose);
    if (what === 'environment gone') {
      bound.delete(whose);
      contested.delete(whose);
    }
    if (what === 'address taken') contested.set(whose, (contested.get(whose) ?? new Set()).add(address));
    if (what === 'address free') contested.get(whose)?.delete(address);
    if (isAboutNames(what)) wake();
  });
  const slow = setInterval(wake, slowMs);
  reconfigure();

  const keeperOf = (zone: string): ZoneKeeper | undefined => keepers.find((it) => it.zone === zone);

  const problemOf = ({ name, zone }: Pick<DesiredName, 'name' | 'zone'>): LandlineError | undefined => {
    const keeper = keeperOf(zone);
    const holder = keeper?.holderOf(name);
    if (holder !== undefined) return heldError(name, holder);
    return keeper?.trouble !== undefined && keeper.isPending(name) ? troubleOf(name, keeper.trouble) : undefined;
  };

  const clashError = ({ name, holder }: Clash): LandlineError =>
    heldError(name, holder === '' ? 'the name server of this zone' : `environment '${holder}' of this host`);

  const clashes = (): readonly Clash[] => [...registered.clashes, ...served.clashes];

  const statusOf = (it: DesiredName): NameStatus => {
    const { name, zone, environment } = it;
    const problem = problemOf(it);
    const record = store.names().get(name);
    const isRegistered = record?.state === 'registered' && record.environment === environment;
    const state = problem?.code === 'DNS_NAME_HELD' ? 'held' : isRegistered ? 'registered' : 'pending';
    return { name, zone, environment, records: it.data.map(formatData), source: 'update', state, problem };
  };

  const isLeaving = ({ name, environment }: NameRecord): boolean => registered.names.get(name)?.environment !== environment;

  /** Those that are to be taken back at servers of before, wished for elsewhere or not. */
  const leavingFormer = (): NameStatus[] =>
    former.list().map(({ record: { name, zone, environment, data }, keeper }): NameStatus => {
      const problem = keeper.trouble === undefined ? undefined : troubleOf(name, keeper.trouble, true);
      return { name, zone, environment, records: data.map(formatData), source: 'update', state: 'leaving', problem };
    });

  const leaving = (): NameStatus[] =>
    [...store.names().values()].filter(isLeaving).map(({ name, zone, environment, data }): NameStatus => {
      const keeper = keeperOf(zone);
      const unkept = keeper === undefined ? new LandlineError('DNS_UPDATE_MISSING', { name, zone }) : undefined;
      const problem = keeper?.trouble === undefined ? unkept : troubleOf(name, keeper.trouble);
      return { name, zone, environment, records: data.map(formatData), source: 'update', state: 'leaving', problem };
    });

  const forget = async (text: string): Promise<readonly string[]> => {
    const wanted = plainName(text);
    // What is wished for now, not some milliseconds ago.
    look();
    const pointsToIt = ({ data }: NameRecord): boolean => data.some((it) => it.kind === 'PTR' && sameName(it.target, wanted));
    const elsewhere = former.forget((it) => it.name === wanted || pointsToIt(it));
    if (elsewhere.length > 0) return tellForgotten(elsewhere);
    const records = [...store.names().values()];
    const found = records.find((it) => it.name === wanted);
    const holder = registered.names.get(wanted) ?? served.names.get(wanted);
    if (holder !== undefined) throw new LandlineError('NAME_WANTED', { name: wanted, environment: holder.environment });
    if (found === undefined) {
      const suggestion = nearest(
        wanted,
        records.filter(isLeaving).map((it) => it.name),
      );
      throw new LandlineError('NAME_UNKNOWN', { name: wanted, ...(suggestion === undefined ? {} : { suggestion }) });
    }
    const gone = records.filter((it) => it === found || (isLeaving(it) && pointsToIt(it)));
    await store.together(() => {
      for (const it of gone) store.deleteName(it.name);
    });
    return tellForgotten(gone);
  };

  const tellForgotten = (gone: readonly NameRecord[]): readonly string[] => {
    for (const { name, environment } of gone) events.tell('name forgotten', { environment, name });
    wake();
    return [...new Set(gone.map((it) => it.name))];
  };

  const servedStatus = (it: DesiredName): NameStatus => {
    const { name, zone, environment } = it;
    const problem = server?.it.problem;
    const state = problem === undefined ? 'registered' : 'pending';
    return { name, zone, environment, records: it.data.map(formatData), source: 'serve', state, problem };
  };

  return {
    of: (environment, address) => {
      const isIt = (it: Pick<DesiredName, 'environment' | 'data'>): boolean =>
        it.environment === environment && it.data.some((data) => data.kind === 'A' && data.address === address);
      const own = [...store.names().values()].filter(
        (it) => it.state === 'registered' && isIt(it) && keeperOf(it.zone)?.holderOf(it.name) === undefined,
      );
      const answered = server?.it.problem === undefined ? [...served.names.values()].filter(isIt) : [];
      return [...new Set([...own, ...answered].map((it) => it.name))];
    },
    problemsOf: (environment) => [
      ...[nameless.get(environment)].filter((it) => it !== undefined),
      ...clashes().flatMap((it) => (it.environment === environment ? [clashError(it)] : [])),
      ...oncePerCause(
        [...registered.names.values()].flatMap((it) => (it.environment === environment ? (problemOf(it) ?? []) : [])),
      ),
    ],
    get standing() {
      const troubles = keepers.flatMap((it) => (it.trouble === undefined ? [] : [troubleOf(it.zone, it.trouble)]));
      const unkept = leaving().flatMap((it) => (it.problem?.code === 'DNS_UPDATE_MISSING' ? [it.problem] : []));
      const elsewhere = leavingFormer().flatMap((it) => it.problem ?? []);
      const zones = oncePerCause([...troubles, ...unkept, ...elsewhere]);
      return server?.it.problem === undefined ? zones : [...zones, server.it.problem];
    },
    list: () => [
      ...[...registered.names.values()].map(statusOf),
      ...leaving(),
      ...leavingFormer(),
      ...[...served.names.values()].map(servedStatus),
    ],
    get counters() {
      return { ...counters, served: server?.it.counters ?? { udp: 0, tcp: 0, dropped: 0 } };
    },
    get client() {
      return client;
    },
    forget,
    wake,
    reconfigure,
    close: () => {
      deaf();
      clearTimeout(timer);
      clearInterval(slow);
      for (const it of keepers) it.close();
      former.close();
      server?.it.close();
    },
  };
}

/** A server that is away is one problem, however many names wait for it: the first one's. What is said of one name stays. */
function oncePerCause(problems: readonly LandlineError[]): readonly LandlineError[] {
  const seen = new Set<string>();
  return problems.filter(({ code, details }) => {
    const isOfName = code === 'DNS_NAME_HELD' || code === 'DNS_REFUSED';
    const cause = JSON.stringify([code, isOfName ? details : { ...details, name: '' }]);
    return !seen.has(cause) && seen.add(cause);
  });
}

function zoneByZone({ names }: Desired): ReadonlyMap<string, Desired['names']> {
  const groups = Map.groupBy(names.values(), (it) => it.zone);
  return new Map([...groups].map(([zone, those]) => [zone, new Map(those.map((it) => [it.name, it]))]));
}

/** What a zone holds, as text that is the same when nothing has changed. */
const textOf = ({ names }: Desired): string =>
  [...names.values()].map((it) => `${it.name} ${it.environment} ${it.data.map(formatData).join(',')}`).join('\n');
