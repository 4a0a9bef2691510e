/**
 * Keeps the host's firewall as wished: our own tables, our place in Docker's, and links that forward.
 *
 * Promises: wishes that come while one is being fulfilled are fulfilled together, in one transaction; a wish is in force
 * when `apply` returns; whatever anybody else does to our tables is undone within a moment of the kernel's word of it.
 */
import { type PrivateWish, privateGateway } from '../core/firewall/wish.ts';
import { asLandlineError, isLandlineError, type LandlineError } from '../errors.ts';
import type { Host } from '../host/index.ts';
import type { Nft } from '../host/nft.ts';
import { firewallTables } from './firewall-tables.ts';
import { foreignFirewalls } from './foreign-firewalls.ts';
import { observeHostRouting, startForwarding, stopForwarding } from './host-routing.ts';
import { refusal } from './refusals.ts';
import { staleConnections } from './stale-connections.ts';

export interface FirewallWish {
  /** Bridges of LAN networks: what they bridge is not to be dropped by other people's chains. */
  readonly bridges: readonly string[];
  /** Those of them that Docker has a network of ours on; left out: none. */
  readonly dockerBridges?: readonly string[];
  /** Left out: no environment is on the private network. */
  readonly private?: Omit<PrivateWish, 'guarded'>;
}

export interface Firewall {
  /**
   * Brings the host to the wish; it stays so. To be called before an environment's link is made.
   * @throws LandlineError FIREWALL_REFUSED, PROGRAM_MISSING, KERNEL_REFUSED
   */
  apply(wish: FirewallWish): Promise<void>;
  /** Looks whether all is as wished: to be called when links or addresses of the host have come, and now and then. */
  check(): Promise<void>;
  /** What stands in the way: chains of others that drop what is ours, and what the last try met. */
  readonly problems: readonly LandlineError[];
  /** Everything is left as it is. */
  close(): void;
}

export type Tell = (line: string, fields: Readonly<Record<string, string | number>>) => void;

/** Changes come in bursts (a reload of firewalld is a hundred): a look begins so many milliseconds after the first. */
const gatherMs = 20;

/** A look is followed by a rest of so many times its length, a second at most: Kubernetes changes its rules all the time. */
const restFactor = 5;
const longestRestMs = 1000;

/** From a look that failed to the next, in milliseconds. */
const retryMs = 5000;

export function openFirewall(host: Host, nft: Nft, tell: Tell): Firewall {
  const tables = firewallTables(nft);
  const foreign = foreignFirewalls(host, nft, tell);
  let wanted: FirewallWish | undefined;
  /** The generation of the ruleset in which all was as wished. */
  let seen: number | undefined;
  let trouble: LandlineError | undefined;
  let watch: { close(): void } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let restsUntil = 0;
  let closed = false;

  const fulfil = async (wish: FirewallWish): Promise<void> => {
    watch ??= nft.watch(soon);
    const generation = nft.generation();
    const isChanged = generation !== seen;
    seen = undefined;
    if (isChanged && (await tables.look())) tell('firewall: tables were changed by somebody else, and are made anew', {});
    const runs = (await fulfilPrivate(wish.private)) + (await foreign.fulfil(wish, isChanged));
    // More transactions than ours: what they did is looked at in the round that the kernel's word of them begins.
    if (nft.generation() === generation + runs) seen = generation + runs;
  };

  const fulfilPrivate = async (wish: FirewallWish['private']): Promise<number> => {
    if (wish === undefined) return leavePrivate();
    const { guarded, addresses } = await observeHostRouting(host, privateGateway(wish.subnet));
    const before = tables.now;
    const to = { ...wish, guarded };
    const runs = await tables.change(to);
    startForwarding(host, guarded);
    if (typeof before === 'object') await nft.forget(staleConnections(before.ports, to.ports, addresses));
    return runs;
  };

  /** Where there is no nft, there are no tables of ours either. */
  const leavePrivate = async (): Promise<number> => {
    if (tables.now === undefined) return 0;
    await stopForwarding(host);
    try {
      return await tables.change(undefined);
    } catch (error) {
      if (isLandlineError(error, 'PROGRAM_MISSING')) return 0;
      throw error;
    }
  };

  const round = async (): Promise<void> => {
    if (wanted === undefined || closed) return;
    const begin = performance.now();
    try {
      await fulfil(wanted);
      trouble = undefined;
    } catch (error) {
      trouble = asLandlineError(refusal(error));
      throw trouble;
    } finally {
      const end = performance.now();
      restsUntil = end + Math.min(longestRestMs, (end - begin) * restFactor);
    }
  };

  const fresh = freshly(round);

  const soon = (): void => lookIn(Math.max(gatherMs, restsUntil - performance.now()));

  const lookIn = (ms: number): void => {
    if (!closed) timer ??= setTimeout(() => void look(), ms);
  };

  const look = async (): Promise<void> => {
    timer = undefined;
    try {
      if (seen === undefined || nft.generation() !== seen) await fresh();
    } catch (error) {
      tell('firewall in trouble', { problem: String(error) });
      lookIn(retryMs);
    }
  };

  return {
    apply: (wish) => {
      wanted = wish;
      return fresh();
    },
    check: fresh,
    get problems() {
      const { problems } = foreign;
      return trouble === undefined || problems.some((it) => it.message === trouble?.message) ? problems : [...problems, trouble];
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
      watch?.close();
      nft.close();
    },
  };
}

/** One at a time; whoever asks gets a round that begins after the ask, and all who ask meanwhile share the next one. */
function freshly(round: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const begin = (): Promise<void> => {
    next = undefined;
    const mine = round().finally(() => {
      if (running === mine) running = undefined;
    });
    running = mine;
    return mine;
  };
  return () => {
    if (running === undefined) return begin();
    next ??= running.then(begin, begin);
    return next;
  };
}
