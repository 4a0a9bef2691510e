/**
 * Which links of the host pass packets on.
 *
 * `net.ipv4.ip_forward` stays as it is: it would make a router of the host, and Docker, which sets its FORWARD chain to
 * drop only where it turned that on itself, would no longer do so. Instead each link that packets to and from private
 * networks come in by is told to forward, with a value by which it is known that it was us. What comes in there and is
 * not ours, the firewall keeps from being routed. Once somebody else turns forwarding on, all links read 1: it is
 * theirs then, and nothing of it is kept any more.
 */
import type { Host } from '../host/index.ts';
import { readSysctl } from '../host/sysctl.ts';
import type { Ipv4 } from '../net/ipv4.ts';

/** 'L': the kernel takes every number but 0 for on, and tells the number back. */
const ours = '76';

const nameOf = (link: string): string => `ipv4/conf/${link}/forwarding`;

/** The links that forward because of us, or are to; and the host's addresses. */
export interface HostRouting {
  /** In order of name, those that do not forward yet among them. */
  readonly guarded: readonly string[];
  readonly addresses: readonly Ipv4[];
}

/** @param gateway the address of the host's ends of private links, which are not counted */
export async function observeHostRouting(host: Host, gateway: Ipv4): Promise<HostRouting> {
  const others = (await host.kernel.listAddresses()).filter((it) => it.address.address !== gateway && it.link !== 1);
  const links = await Promise.all([...new Set(others.map((it) => it.link))].map((index) => host.kernel.getLink(index)));
  const guarded = links.flatMap((link) => (link !== undefined && isOurs(readSysctl(nameOf(link.name))) ? [link.name] : []));
  return { guarded: guarded.sort(), addresses: [...new Set(others.map((it) => it.address.address))] };
}

const isOurs = (value: string | undefined): boolean => value === '0' || value === ours;

/** `sysctl net.ipv4.conf.LINK.forwarding=76` for those that do not forward yet. The firewall guards them already. */
export function startForwarding(host: Host, guarded: readonly string[]): void {
  for (const link of guarded) {
    if (readSysctl(nameOf(link)) === '0') host.sysctl(nameOf(link), ours, { optional: true });
  }
}

/** Turns it off again wherever it was us. */
export async function stopForwarding(host: Host): Promise<void> {
  for (const { name } of await host.kernel.listLinks()) {
    if (readSysctl(nameOf(name)) === ours) host.sysctl(nameOf(name), '0', { optional: true });
  }
}
