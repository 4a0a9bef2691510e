/**
 * The mark on everything that Landline makes on the host: whose link this is, readable in `ip link show`.
 *
 * A link carries its installation's group from the moment of its creation, and the alias a moment later; a veth of
 * that group without an alias is one whose making was cut off.
 */

/** The link group (`ip link show group N`) of an installation: 'L' and 24 bits of its id; other tools leave groups at 0. */
export function linkGroup(installation: string): number {
  const sum = [...installation].reduce((hash, letter) => (Math.imul(hash, 31) + letter.charCodeAt(0)) >>> 0, 7);
  return 0x4c000000 + (sum & 0xffffff);
}

/**
 * The link group of the private network's links on the host, which the firewall knows them by. Not that of the others:
 * a port of a LAN's bridge that somebody took out of it is not to become a link of the private network.
 */
export function privateLinkGroup(installation: string): number {
  return linkGroup(installation) + 0x0100_0000;
}

/** Which endpoint of which installation a link belongs to. */
export interface Mark {
  readonly installation: string;
  readonly environment: string;
  /** Name of the link in the sandbox. */
  readonly interface: string;
  /** Of a generation that is built beside the one that runs: on no bridge yet. */
  readonly aside?: true;
}

/** `landline:ID:ENVIRONMENT:INTERFACE`, the alias of the host's end of a veth; of one that is aside it begins with another word. */
export function formatMark(mark: Mark): string {
  const word = mark.aside === true ? asideWord : 'landline';
  return `${word}:${mark.installation}:${mark.environment}:${mark.interface}`;
}

const asideWord = 'landline-aside';

/** `landline:ID:NETWORK`, the alias of the host's own link to its endpoints on a network. */
export const formatShimMark = (installation: string, network: string): string => `landline:${installation}:${network}`;

/** The network in the alias of such a link of this installation; undefined for any other link. */
export function parseShimMark(installation: string, alias: string | undefined): string | undefined {
  const [word, id, ...names] = alias?.split(':') ?? [];
  // The name of a network that nobody configured has three parts; two are those of an endpoint's mark.
  const isName = names.length === 1 || names.length === 3;
  return word === 'landline' && id === installation && isName && names[0] ? names.join(':') : undefined;
}

/** `landline-nic:ID:ENVIRONMENT:INTERFACE`, the alias of a NIC of this host that was given away. No link of ours: it is never deleted. */
export const formatNicMark = (mark: Mark): string => `landline-nic:${mark.installation}:${mark.environment}:${mark.interface}`;

/** The mark in a link's alias; undefined for other people's aliases. */
export function parseMark(alias: string | undefined): Mark | undefined {
  const [word, installation, environment, name, ...rest] = alias?.split(':') ?? [];
  const isAside = word === asideWord;
  if ((word !== 'landline' && !isAside) || !installation || !environment || !name || rest.length > 0) return undefined;
  return { installation, environment, interface: name, ...(isAside ? { aside: true } : {}) };
}
