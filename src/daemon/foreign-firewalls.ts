/** Other people's chains at the forward hook: our place among Docker's rules, and problems where we have none. */
import { type ForeignWish, planForeign } from '../core/firewall/foreign.ts';
import { type Listing, readListing } from '../core/firewall/listing.ts';
import { tableName } from '../core/firewall/ruleset.ts';
import { isLandlineError, LandlineError } from '../errors.ts';
import type { Host } from '../host/index.ts';
import type { Nft } from '../host/nft.ts';
import { readSysctl } from '../host/sysctl.ts';
import type { FirewallWish, Tell } from './firewall.ts';

export interface ForeignFirewalls {
  /** @returns how many transactions it took: none or one */
  fulfil(wish: FirewallWish, isChanged: boolean): Promise<number>;
  readonly problems: readonly LandlineError[];
}

export function foreignFirewalls(host: Host, nft: Nft, tell: Tell): ForeignFirewalls {
  let problems: readonly LandlineError[] = [];
  /** The wish that was fulfilled last, as text. */
  let fulfilled = '';

  const fulfil = async (wish: FirewallWish, isChanged: boolean): Promise<number> => {
    const foreign = await foreignWishOf(host, wish);
    const text = JSON.stringify(foreign);
    if (!isChanged && text === fulfilled) return 0;
    fulfilled = '';
    const { commands, dropped } = planForeign(await listForward(nft), foreign);
    if (commands.length > 0) {
      await nft.run("put Landline's rules into the chain FORWARD of iptables", commands);
      tell('firewall: our rules in the chain FORWARD changed', {});
    }
    problems = dropped.map((it) => new LandlineError('FORWARD_DROPPED', it));
    fulfilled = text;
    return commands.length > 0 ? 1 : 0;
  };

  return {
    fulfil: async (wish, isChanged) => {
      try {
        return await fulfil(wish, isChanged);
      } catch (error) {
        // A host without nft and without private networks: nobody can tell, and mostly nothing is to be told.
        if (wish.private !== undefined || !isLandlineError(error, 'PROGRAM_MISSING')) throw error;
        problems = isFiltered('ip') && wish.bridges.length > 0 ? [error] : [];
        return 0;
      }
    },
    get problems() {
      return problems;
    },
  };
}

/** net.bridge.bridge-nf-call-iptables and -ip6tables: absent without br_netfilter. */
const isFiltered = (family: 'ip' | 'ip6'): boolean =>
  (readSysctl(`bridge/bridge-nf-call-${family === 'ip' ? 'iptables' : 'ip6tables'}`) ?? '0') !== '0';

async function foreignWishOf(host: Host, wish: FirewallWish): Promise<ForeignWish> {
  const { bridges, dockerBridges } = wish;
  const base = {
    bridges,
    ...(dockerBridges === undefined ? {} : { dockerBridges }),
    bridgedIsFiltered: { ip: isFiltered('ip'), ip6: isFiltered('ip6') },
  };
  if (wish.private === undefined) return base;
  const { subnet, group } = wish.private;
  return { ...base, private: { subnet, group, uplinks: await uplinksOf(host) } };
}

/** Names of the links of default routes. */
async function uplinksOf(host: Host): Promise<string[]> {
  const routes = (await host.kernel.listRoutes()).filter((it) => it.to.length === 0);
  const links = await Promise.all([...new Set(routes.map((it) => it.link ?? 0))].map((index) => host.kernel.getLink(index)));
  return links.flatMap((it) => (it === undefined ? [] : [it.name])).sort();
}

/** The tables that have a chain at the forward hook, each whole: such a chain may jump to any other of its table. */
async function listForward(nft: Nft): Promise<Listing> {
  const { chains } = readListing(await nft.list('chains'));
  const base = chains.filter(
    (it) => it.hook === 'forward' && it.table !== tableName && ['ip', 'ip6', 'inet'].includes(it.family),
  );
  const tables = [...new Set(base.map((it) => `${it.family} ${it.table}`))];
  const listings = await Promise.all(tables.map(async (table) => readListing(await nft.list('table', ...table.split(' ')))));
  return { chains: listings.flatMap((it) => it.chains), rules: listings.flatMap((it) => it.rules) };
}
