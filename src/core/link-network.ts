/**
 * Networks that nobody configured: the segment behind a link of this host, with the subnet of whoever joined it first by
 * `landline pipework`. Its name says all of it, so that nothing else has to be kept: `bridge:br1:192.168.1.0/24`.
 */
import { formatPrefix, type Prefix, parsePrefix, subnetOf } from '../net/prefix.ts';
import type { LanNetwork, ParentLink } from './model.ts';

export function linkNetworkName(kind: 'bridge' | ParentLink['kind'], link: string, address: Prefix): string {
  return `${kind}:${link}:${formatPrefix(subnetOf(address))}`;
}

/** Undefined for the name of any other network. */
export function parseLinkNetwork(name: string): LanNetwork | undefined {
  const [kind, link, text = '', ...rest] = name.split(':');
  const subnet = parsePrefix(text);
  const isWhole = subnet !== undefined && subnetOf(subnet).address === subnet.address && rest.length === 0;
  if (!link || link.length > 15 || /[\s/]/.test(link) || !isWhole) return undefined;
  const network = { name, subnet, pool: [], exclude: [], resolvers: [], probe: 'fast' } as const;
  if (kind === 'bridge') return { ...network, bridge: link };
  return kind === 'macvlan' || kind === 'ipvlan' || kind === 'phys' ? { ...network, parent: { kind, link } } : undefined;
}

/** Whether Landline makes the bridge of this network, where there is none. */
export const hasOwnBridge = (name: string): boolean => parseLinkNetwork(name)?.bridge !== undefined;
