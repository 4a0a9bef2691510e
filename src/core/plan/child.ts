/** Endpoints that are children of a NIC: what is wrong with them. */
import type { DesiredEndpoint, ObservedEndpoint } from './model.ts';

/** Whether Landline made this link for this environment. */
export const isOurs = ({ hostEnd, child }: ObservedEndpoint): boolean => hostEnd?.ours === true || child?.ours === true;

/** What cannot be put right in place: the wrong kind of link, or the wrong NIC; undefined for none. */
export function whyAnewChild(
  { parent, network }: Pick<DesiredEndpoint, 'parent' | 'network'>,
  { child }: ObservedEndpoint,
): string | undefined {
  if (parent === undefined && child === undefined) return undefined;
  if (parent === undefined || child === undefined) return `it is to be on network '${network}'`;
  if (!child.whole) return 'its making was cut off';
  const isThere = child.kind === parent.kind && child.parent?.name === parent.link;
  if (!isThere && parent.kind === 'phys') return `it is to be ${parent.link} itself`;
  return isThere ? undefined : `it is to be a ${parent.kind} of ${parent.link}`;
}

/** What is wrong with the link itself, without regard to addresses. An ipvlan has the NIC's MAC, whatever it is. */
export function whyMendChild(wish: DesiredEndpoint, { up, mac, mtu, child }: ObservedEndpoint): string | undefined {
  if (!up) return 'down';
  if (child?.kind !== 'ipvlan' && mac !== wish.mac) return `MAC ${mac}`;
  const parent = child?.parent;
  return parent === undefined || mtu === parent.mtu ? undefined : `MTU ${mtu}, and ${parent.name}'s is ${parent.mtu}`;
}
