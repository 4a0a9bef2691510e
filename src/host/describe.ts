/** What is asked of the kernel, as the `ip` command that would do the same: for errors and the debug log. */
import { formatIpv4 } from '../net/ipv4.ts';
import { formatPrefix } from '../net/prefix.ts';
import { formatPrefix6 } from '../net/prefix6.ts';
import type { LinkAddress, LinkChange, LinkSpec, Neighbour, Route, Rule, Rule6 } from './index.ts';

const words = (...parts: readonly (string | undefined)[]): string => parts.filter((part) => part !== undefined).join(' ');

/** `group 76`, or nothing. */
const option = (name: string, value: string | number | undefined): string | undefined =>
  value === undefined ? undefined : `${name} ${value}`;

const settings = (it: { readonly mac?: string; readonly mtu?: number; readonly group?: number }): string | undefined =>
  words(option('address', it.mac), option('mtu', it.mtu), option('group', it.group)) || undefined;

const state = (up: boolean | undefined): string | undefined => (up === undefined ? undefined : up ? 'up' : 'down');

export function describeAddLink(spec: LinkSpec): string {
  const head = words('ip link add', spec.name, settings(spec), spec.up === true ? 'up' : undefined);
  if (spec.kind === 'bridge') return words(head, 'type bridge');
  if (spec.kind !== 'veth') {
    const mode = spec.kind === 'macvlan' ? 'bridge' : 'l2';
    return words(head, option('link', spec.parent), option('netns', spec.netns), 'type', spec.kind, 'mode', mode);
  }
  const { peer, controller } = spec;
  const other = words('peer name', peer.name, settings(peer), option('netns', peer.netns));
  return words(head, option('master', controller), 'type veth', other);
}

export function describeSetLink(index: number, change: LinkChange): string {
  return words(
    `ip link set dev ${index}`,
    state(change.up),
    option('name', change.name),
    settings(change),
    change.controller === 0 ? 'nomaster' : option('master', change.controller),
    option('netns', change.netns),
    option('alias', change.alias === '' ? "''" : change.alias),
  );
}

export const describeDeleteLink = (index: number): string => `ip link delete dev ${index}`;

export const describeDeleteLinkGroup = (group: number): string => `ip link delete group ${group}`;

export const describeAddress = (verb: 'add' | 'delete', it: LinkAddress): string =>
  `ip address ${verb} ${formatPrefix(it.address)} dev ${it.link}`;

export function describeRoute(verb: 'replace' | 'delete', route: Route): string {
  return words(
    `ip route ${verb}`,
    route.to.length === 0 ? 'default' : formatPrefix(route.to),
    route.via === undefined ? undefined : `via ${formatIpv4(route.via)}`,
    option('dev', route.link),
    option('table', route.table),
    route.metric ? `metric ${route.metric}` : undefined,
  );
}

export const describeRule = (verb: 'add' | 'delete', { from, ...rest }: Rule): string =>
  `ip rule ${verb} ${ruleWords({ ...rest, from: from && formatPrefix(from) })}`;

export const describeRule6 = (verb: 'add' | 'delete', { from, ...rest }: Rule6): string =>
  `ip -6 rule ${verb} ${ruleWords({ ...rest, from: from && formatPrefix6(from) })}`;

const ruleWords = ({ from = 'all', table, priority }: Omit<Rule, 'from'> & { readonly from: string | undefined }): string =>
  `from ${from} lookup ${table} priority ${priority}`;

export const describeAddNeighbour = ({ link, address, mac }: Pick<Neighbour, 'link' | 'address' | 'mac'>): string =>
  `ip neighbour replace ${formatIpv4(address)} lladdr ${mac} dev ${link} nud permanent`;

export const describeDeleteNeighbour = (it: Pick<Neighbour, 'link' | 'address'>): string =>
  `ip neighbour delete ${formatIpv4(it.address)} dev ${it.link}`;
