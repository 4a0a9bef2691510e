/** What this host has that a configuration needs to know: bridges, addresses, routers, resolvers. */
import fs from 'node:fs';
import type { HostFacts } from '../files/index.ts';
import { openHost } from '../host/index.ts';
import { parseIpv4 } from '../net/ipv4.ts';
import { isDomainName } from '../net/name.ts';

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
    return { links: found, ...readResolvConf() };
  } finally {
    host.close();
  }
}

/** resolv.conf(5); a resolver on a loopback address is this host's alone, and no use inside an environment. */
function readResolvConf(): Pick<HostFacts, 'resolvers' | 'domain'> {
  const lines = fs.existsSync('/etc/resolv.conf') ? fs.readFileSync('/etc/resolv.conf', 'utf8').split('\n') : [];
  const values = (key: string): string[] =>
    lines.flatMap((line) => {
      const [word, ...rest] = line.trim().split(/\s+/);
      return word === key ? rest : [];
    });
  const resolvers = values('nameserver').flatMap((text) => {
    const address = parseIpv4(text);
    return address === undefined || text.startsWith('127.') ? [] : [address];
  });
  const domain = [...values('search'), ...values('domain')].find(isDomainName);
  return { resolvers, ...(domain === undefined ? {} : { domain }) };
}
