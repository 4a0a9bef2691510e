/**
 * One zone of the company's DNS: what stands there of ours is made to be what is wished for, name by name, and kept so.
 *
 * Promises: the ledger knows of a name before the server does, and until the server has said that it is gone; a name that
 * cannot be had is told with its holder, and tried for again; a server that is away is asked again, at most 15 seconds
 * later; in a zone that has changed every name is verified, and those are written again that are not as they should be.
 */
import { afterLook, afterUpdate, type Claim, type ClaimStep, firstStep, whileHeld, whileOurs } from '../../core/dns/claim.ts';
import type { DesiredName } from '../../core/dns/desired.ts';
import { formatData } from '../../core/dns/format.ts';
import { limited } from '../../core/limited.ts';
import { LandlineError } from '../../errors.ts';
import type { NameRecord, Store } from '../../store/index.ts';
import type { World } from '../world.ts';
import type { DnsClient } from './client.ts';
import { type Expected, findDifferent } from './sweep.ts';
import { DnsError, type Trouble, troubleOf } from './trouble.ts';

/** From one try to the next after a failure, in milliseconds: doubled each time, at most 15 s. */
const firstRetryMs = 500;
const lastRetryMs = 15_000;

/** The zone's serial number is asked for this often, in milliseconds: it tells whether the zone has changed. */
const pollMs = 5_000;

/** Every name is written again this often, in milliseconds: servers that scavenge want it. */
const refreshMs = 3_600_000;

/** Names are verified this often, in milliseconds, where the server does not tell the serial number. */
const blindMs = 60_000;

/** Updates that are under way at once. */
const atOnce = 8;

/** A claim takes at most four steps, unless somebody changes the name meanwhile. */
const mostSteps = 10;

export interface Counters {
  registered: number;
  removed: number;
  refreshed: number;
  held: number;
  failures: number;
}

export interface ZoneKeeper {
  readonly zone: string;
  /** What is wished for, or the ledger, may have changed. */
  wake(): void;
  /** Everything is to be written again. */
  renew(): void;
  /** What stands in the way of the whole zone. */
  readonly trouble: Trouble | undefined;
  /** Who else has a name. */
  holderOf(name: string): string | undefined;
  /** Whether something is still to be done for a name. */
  isPending(name: string): boolean;
  close(): void;
}

/** The part of the ledger that a zone is kept by. */
export type ZoneLedger = Pick<Store, 'installation' | 'names' | 'putName' | 'deleteName' | 'together'>;

export interface ZoneContext {
  readonly world: Pick<World, 'events'> & { readonly store: ZoneLedger };
  /** Done before anything is written. @throws DnsError */
  readonly before?: () => Promise<void>;
  readonly client: DnsClient;
  readonly ttl: number;
  readonly counters: Counters;
  /** What is to stand in this zone, by name. */
  readonly desired: () => ReadonlyMap<string, DesiredName>;
}

export function keepZone(zone: string, context: ZoneContext): ZoneKeeper {
  const { world, client, counters } = context;
  const { store, events } = world;
  /** Names that have to be looked at although the ledger says that they are right. */
  const doubtful = new Set<string>();
  /** Names that somebody else has; undefined: what was seen of them says nothing of when they are free. */
  const held = new Map<string, { readonly holder: string; readonly seen: Claim['wanted'] | undefined }>();
  /** Names that the last look found different: they are verified apart, so that the others need few messages. */
  let odd: ReadonlySet<string> = new Set();
  /** The last that was told of a name. */
  const toldHolder = new Map<string, string>();
  /** Names that the server did not take at the last try: they come after the others, and keep nobody from its turn. */
  const refused = new Set<string>();
  let lastSerial: number | undefined;
  let refreshAt = 0;
  let verifyAt = 0;
  let trouble: Trouble | undefined;
  let retryMs = firstRetryMs;
  let timer: NodeJS.Timeout | undefined;
  let isRunning = false;
  let woken = false;
  let closed = false;

  const records = (): readonly NameRecord[] => [...store.names().values()].filter((it) => it.zone === zone);

  const isPending = (name: string): boolean => {
    const [wanted, record] = [context.desired().get(name), store.names().get(name)];
    if (wanted === undefined) return record !== undefined;
    const isRight =
      record?.state === 'registered' && record.environment === wanted.environment && sameData(record.data, wanted.data);
    return !isRight || doubtful.has(name);
  };

  /** Everything is to be written again, now and then; in between what has changed since the last look is found. */
  const lookAtZone = async (): Promise<void> => {
    const serial = await client.serial(zone);
    const now = performance.now();
    if (now >= refreshAt) {
      for (const { name } of records()) doubtful.add(name);
      held.clear();
      refreshAt = now + refreshMs;
      verifyAt = now + blindMs;
    } else if (serial === undefined ? now >= verifyAt : serial !== lastSerial) {
      await verify();
      verifyAt = now + blindMs;
    }
    lastSerial = serial;
  };

  const verify = async (): Promise<void> => {
    const ours = records().flatMap(({ name, environment, data, state }): Expected[] => {
      const owner = { installation: store.installation, environment };
      const isVerified = state === 'registered' && !held.has(name);
      return isVerified ? [{ name, prerequisites: whileOurs(name, owner, data) }] : [];
    });
    const theirs = [...held].flatMap(([name, { seen }]): Expected[] =>
      seen === undefined ? [] : [{ name, prerequisites: whileHeld(name, seen) }],
    );
    const groups = Object.groupBy([...ours, ...theirs], ({ name }) => (odd.has(name) ? 'odd' : 'usual'));
    const ask = async (prerequisites: Expected['prerequisites']): Promise<number> =>
      (await client.update({ zone, prerequisites, changes: [] })).rcode;
    const different = [...(await findDifferent(groups.usual ?? [], ask)), ...(await findDifferent(groups.odd ?? [], ask))];
    odd = new Set(different);
    for (const name of different) if (!held.delete(name)) doubtful.add(name);
    for (const [name, { seen }] of held) if (seen === undefined) held.delete(name);
  };

  const round = async (): Promise<void> => {
    await context.before?.();
    await lookAtZone();
    const pending = (): string[] => {
      const names = new Set([...context.desired().keys(), ...records().map((it) => it.name)]);
      const some = [...names].filter((name) => isPending(name) && !held.has(name));
      return some.sort((a, b) => Number(refused.has(a)) - Number(refused.has(b)));
    };
    for (let todo = pending(); todo.length > 0 && !closed; todo = pending()) await workOn(todo);
  };

  /** The first trouble that concerns the zone ends it, and the rest waits. */
  const workOn = async (names: readonly string[]): Promise<void> => {
    const inTurn = limited(atOnce);
    let failure: Error | undefined;
    await Promise.all(
      names.map((name) =>
        inTurn(async () => {
          if (failure !== undefined || closed) return;
          await settle(name).then(
            () => refused.delete(name),
            (error: Error) => {
              refused.add(name);
              failure ??= error;
            },
          );
        }),
      ),
    );
    if (failure !== undefined) throw failure;
  };

  const settle = async (name: string): Promise<void> => {
    const [wanted, record] = [context.desired().get(name), store.names().get(name)];
    if (record !== undefined && record.environment !== wanted?.environment) await release(record);
    else if (wanted !== undefined) await register(wanted, record);
  };

  const register = async (wanted: DesiredName, before: NameRecord | undefined): Promise<void> => {
    const { name, environment, data } = wanted;
    const isKnown = before?.state === 'registered' && sameData(before.data, data);
    const rest = (before?.data ?? []).filter((it) => !data.some((other) => formatData(it) === formatData(other)));
    if (!isKnown) await write({ name, zone, environment, data: [...data, ...rest], state: 'claiming', since: Date.now() });
    const other = await pursue(claimOf(name, environment, data, before?.data));
    doubtful.delete(name);
    if (other !== undefined) {
      const { holder } = other;
      held.set(name, other);
      counters.held += 1;
      // Nothing of ours was put there.
      if (before === undefined) await store.together(() => store.deleteName(name));
      if (toldHolder.get(name) !== holder) events.tell('name held', { environment, name, holder });
      toldHolder.set(name, holder);
      return;
    }
    toldHolder.delete(name);
    if (isKnown) {
      counters.refreshed += 1;
      return;
    }
    await write({ name, zone, environment, data, state: 'registered', since: Date.now() });
    counters.registered += 1;
    events.tell('name registered', { environment, name, records: data.map(formatData).join(', ') });
  };

  const release = async ({ name, environment, data }: NameRecord): Promise<void> => {
    await pursue(claimOf(name, environment, [], data));
    doubtful.delete(name);
    await store.together(() => store.deleteName(name));
    counters.removed += 1;
    events.tell('name removed', { environment, name });
  };

  const claimOf = (name: string, environment: string, wanted: Claim['wanted'], former: Claim['former']): Claim => ({
    zone,
    name,
    owner: { installation: store.installation, environment },
    ttl: context.ttl,
    wanted,
    former,
  });

  const write = (record: NameRecord): Promise<void> => store.together(() => store.putName(record));

  /** Step after step. @returns who holds the name, where it is not to be had. @throws DnsError */
  const pursue = async (claim: Claim): Promise<ReturnType<typeof held.get>> => {
    let step: ClaimStep = firstStep(claim);
    for (let count = 0; count < mostSteps; count += 1) {
      if (step.do === 'done') return undefined;
      if (step.do === 'yield') return step;
      if (step.do === 'look') step = afterLook(claim, await client.look(zone, claim.name, step.types));
      else if (step.do === 'update') step = await send(step.update);
      else throw new Error(`an update of ${zone} failed with ${step.rcode}, and nobody was told`);
    }
    return { holder: 'somebody who changes it all the time', seen: undefined };
  };

  const send = async (update: Parameters<DnsClient['update']>[0]): Promise<ClaimStep> => {
    const { rcode, server } = await client.update(update);
    const step = afterUpdate(rcode);
    if (step.do === 'fail') throw new DnsError({ kind: 'refused', server, zone, rcode: step.rcode });
    return step;
  };

  const succeed = (): void => {
    if (trouble !== undefined) events.tell('dns answers again', { zone });
    trouble = undefined;
    retryMs = firstRetryMs;
    sleep(pollMs);
  };

  const fail = (error: unknown): void => {
    if (closed) return;
    if (!(error instanceof DnsError)) process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    else {
      const now = troubleOf(zone, error.trouble);
      const before = trouble === undefined ? undefined : troubleOf(zone, trouble);
      if (before?.message !== now.message) events.tell('dns in trouble', { zone, code: now.code, problem: now.message });
      trouble = error.trouble;
    }
    counters.failures += 1;
    sleep(retryMs);
    retryMs = Math.min(lastRetryMs, retryMs * 2);
  };

  const sleep = (ms: number): void => {
    clearTimeout(timer);
    if (!closed) timer = setTimeout(run, ms);
  };

  const run = (): void => {
    clearTimeout(timer);
    if (closed) return;
    if (isRunning) {
      woken = true;
      return;
    }
    isRunning = true;
    woken = false;
    void round()
      .then(succeed, fail)
      .finally(() => {
        isRunning = false;
        if (woken && trouble === undefined) run();
      });
  };

  return {
    zone,
    wake: () => {
      // What was held may be another's by now, and what is in trouble has its own time.
      if (trouble === undefined) run();
    },
    renew: () => {
      refreshAt = 0;
      trouble = undefined;
      retryMs = firstRetryMs;
      run();
    },
    get trouble() {
      return trouble;
    },
    holderOf: (name) => held.get(name)?.holder,
    isPending,
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}

const sameData = (a: NameRecord['data'], b: NameRecord['data']): boolean =>
  a.map(formatData).sort().join('\n') === b.map(formatData).sort().join('\n');

/** As problems show it. */
export const heldError = (name: string, holder: string): LandlineError => new LandlineError('DNS_NAME_HELD', { name, holder });
