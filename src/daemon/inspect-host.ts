/** What this host has that a configuration needs to know: bridges, addresses, routers, resolvers. */
import type { HostFacts } from '../files/index.ts';
import { openHost } from '../host/index.ts';
import { hostResolvers } from './networks.ts';

export async function inspectHost(): Promise<HostFacts> {
  const host = openHost();
  try {
    const [links, addresses, routes] = await Promise.all([
      host.kernel.listLinks(),
      host.kernel.listAddresses(),
      host.kernel.listRoutes(),
    ]);
    const found = links.flatMap((link) => {
      const own = addresses.filter((it) => it.link === link.index).map((it) => it.address);
      const gateway = routes.find((it) => it.to.length === 0 && it.link === link.index)?.via;
      if (link.name === 'lo' || own.length === 0) return [];
      return [
        { name: link.name, isBridge: link.kind === 'bridge', addresses: own, ...(gateway === undefined ? {} : { gateway }) },
      ];
    });
    return { links: found, ...hostResolvers() };
  } finally {
    host.close();
  }
}
