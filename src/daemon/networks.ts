/** The networks that endpoints can join: those of landline.yaml, and the private one. */
import fs from 'node:fs';
import { privateNetwork, privateNetworkName } from '../core/firewall/wish.ts';
import { parseLinkNetwork } from '../core/link-network.ts';
import type { EnvironmentSpec, LanNetwork, Network } from '../core/model.ts';
import { type Ipv4, parseIpv4 } from '../net/ipv4.ts';
import { isDomainName } from '../net/name.ts';
import type { World } from './world.ts';

/** The host's, and what says which networks it has. */
type Networks = Pick<World, 'configuration' | 'linkNetworks'>;

export function networksOf(world: Networks): readonly Network[] {
  return [...lansOf(world), privateNetwork(world.configuration.privateSubnet)];
}

/** Those on a bridge or a NIC of the host. */
export const lansOf = ({ configuration, linkNetworks }: Networks): readonly LanNetwork[] =>
  linkNetworks.size === 0 ? configuration.networks : [...configuration.networks, ...linkNetworks.values()];

/** Hears of a network by its name; of those alone whose name says what they are. */
export function learnNetwork({ linkNetworks }: Networks, name: string): void {
  const network = linkNetworks.has(name) ? undefined : parseLinkNetwork(name);
  if (network !== undefined) linkNetworks.set(name, network);
}

/** The same for what environments read of them: on the private network they ask whom the host asks. */
export function networksWithResolvers(world: Networks): readonly Network[] {
  return networksOf(world).map((it) => (it.name === privateNetworkName ? { ...it, ...hostResolvers() } : it));
}

/** Whether an environment is on the private network. */
export function isPrivate(spec: EnvironmentSpec): boolean {
  return spec.endpoints.some((it) => it.network === privateNetworkName);
}

/** resolv.conf(5) of the host; a resolver on a loopback address is this host's alone, and no use inside an environment. */
export function hostResolvers(): { readonly resolvers: readonly Ipv4[]; readonly domain?: string } {
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
