/** What this host is like before a conversion: everything that the plan and the preflight ask for. */
import fs from 'node:fs';
import path from 'node:path';
import { type Belongings, belongingsOf, type LinkRef, nameOfLink } from '../core/bridge/belongings.ts';
import type { Sight } from '../core/bridge/preflight.ts';
import { addressText, rawOf } from '../core/bridge/raw.ts';
import { type NameOf, spellRoute, spellRule } from '../core/bridge/spell.ts';
import { openNft } from '../host/index.ts';
import type { AddressMessage } from '../wire/netlink/address.ts';
import type { LinkMessage } from '../wire/netlink/link.ts';
import { IFF_LOWER_UP, IFF_UP } from '../wire/netlink/link.ts';
import type { Tables } from '../wire/netlink/tables.ts';
import type { Process } from './machine.ts';
import type { Managed } from './managers.ts';
import { readText } from './state.ts';
import { dhcpClientsOn } from './tell.ts';

export const kindOf = (it: LinkMessage): string | undefined => it.attributes.nested('IFLA_LINKINFO')?.text('IFLA_INFO_KIND');
export const macOf = (it: LinkMessage): string => it.attributes.text('IFLA_ADDRESS') ?? '';
export const mtuOf = (it: LinkMessage): number => it.attributes.number('IFLA_MTU') ?? 1500;
export const refOf = (it: LinkMessage): LinkRef => ({ index: it.index, name: nameOfLink(it) });
export const findLink = (tables: Tables, name: string): LinkMessage | undefined =>
  tables.links.find((it) => nameOfLink(it) === name);

export const namesIn =
  (tables: Tables): NameOf =>
  (index) => {
    const link = tables.links.find((it) => it.index === index);
    return link === undefined ? `if${index}` : nameOfLink(link);
  };

const IFA_F_TEMPORARY = 0x01;
const IFA_F_PERMANENT = 0x80;

/** What is not in the kernel's tables: said by files of the machine and by its firewall. */
export interface Surroundings {
  readonly wireless: boolean;
  /** Vendor, product, firmware and asset tag, from DMI. */
  readonly machine: string;
  readonly zone?: string;
  /** net.bridge.bridge-nf-call-iptables */
  readonly filtersBridged: boolean;
  /** The document of `nft -j list ruleset`; undefined where there is no nft. */
  readonly ruleset?: unknown;
}

export async function lookAtLink(
  tables: Tables,
  link: LinkMessage,
  bridge: string,
  managed: Managed,
  processes: readonly Process[],
): Promise<Sight> {
  const ruleset = await readRuleset();
  return describeLink(tables, link, bridge, managed, processes, { ...filesAbout(nameOfLink(link), '/'), ruleset });
}

export function describeLink(
  tables: Tables,
  link: LinkMessage,
  bridge: string,
  managed: Managed,
  processes: readonly Process[],
  around: Surroundings,
): Sight {
  const ref = refOf(link);
  const owned = belongingsOf(tables, ref);
  const controller = tables.links.find((it) => it.index === link.attributes.number('IFLA_MASTER'));
  const kind = kindOf(link);
  const dhcp = dhcpOf(ref, owned, managed, processes);
  return {
    link: ref.name,
    bridge,
    ...(kind === undefined ? {} : { kind }),
    hardwareType: link.hardwareType,
    wireless: around.wireless,
    up: (link.flags & IFF_UP) !== 0,
    carrier: (link.flags & IFF_LOWER_UP) !== 0,
    mtu: mtuOf(link),
    ...(controller === undefined ? {} : { controller: { name: nameOfLink(controller), kind: kindOf(controller) ?? 'link' } }),
    uppers: uppersOf(tables, ref.index),
    bridgeExists: findLink(tables, bridge) !== undefined,
    supplicant: processes.some(
      (it) => it.name === 'wpa_supplicant' && it.args.some((arg) => arg === `-i${ref.name}` || arg === ref.name),
    ),
    machine: around.machine,
    unsayable: unsayableOf(owned, namesIn(tables)),
    addresses: owned.addresses.length,
    temporaryAddresses: owned.addresses.filter((it) => it.family === 10 && (it.flags & IFA_F_TEMPORARY) !== 0).length,
    hiddenAddresses: owned.addresses
      .filter((it) => isHidden(it, macOf(link)))
      .map((it) => addressText(rawOf(it.attributes, 1) ?? noAddress)),
    ...(dhcp === undefined ? {} : { dhcp }),
    ...(around.zone === undefined ? {} : { zone: around.zone }),
    ...firewallAbout(ref.name, around),
    ...(managed.manager === undefined ? {} : { manager: managed.manager }),
  };
}

const noAddress = new Uint8Array(16);

/**
 * An IPv6 address that a router's prefix made, and whose second half is not the MAC's (RFC 7217): it is derived from the
 * link's name or profile, which are others on the bridge.
 */
function isHidden(it: AddressMessage, mac: string): boolean {
  const bytes = rawOf(it.attributes, 1);
  if (it.family !== 10 || bytes === undefined || it.prefixLength !== 64) return false;
  if ((it.flags & (IFA_F_PERMANENT | IFA_F_TEMPORARY)) !== 0) return false;
  return Buffer.from(bytes.subarray(8)).toString('hex') !== fromMac(mac);
}

/** The second half of an address after the MAC (RFC 4291, appendix A), as hexadecimal digits. */
function fromMac(mac: string): string {
  const digits = mac.replaceAll(':', '');
  const first = (Number.parseInt(digits.slice(0, 2), 16) ^ 2).toString(16).padStart(2, '0');
  return `${first}${digits.slice(2, 6)}fffe${digits.slice(6)}`;
}

/** Links that were made on this one: not the other end of its own cable, which is in another namespace or a veth too. */
function uppersOf(tables: Tables, index: number): Sight['uppers'] {
  return tables.links.flatMap((it) => {
    const kind = kindOf(it);
    const isOnTop = it.attributes.number('IFLA_LINK') === index && it.attributes.number('IFLA_LINK_NETNSID') === undefined;
    return kind === undefined || kind === 'veth' || !isOnTop ? [] : [{ name: nameOfLink(it), kind }];
  });
}

function unsayableOf(owned: Belongings, nameOf: NameOf): readonly string[] {
  const routes = owned.routes.filter((it) => spellRoute(it, nameOf) === undefined);
  const rules = owned.rules.filter((it) => spellRule(it, (link) => link) === undefined);
  return [
    ...(routes.length === 0
      ? []
      : [`${routes.length} routes with attributes that \`ip route\` cannot be told here (nexthop objects, encapsulation)`]),
    ...(rules.length === 0 ? [] : [`${rules.length} policy rules with attributes that are not known here`]),
  ];
}

/** Who has the address by DHCP, and what the server knows it by. A lifetime alone may be a router's advertisement. */
function dhcpOf(link: LinkRef, owned: Belongings, { manager, boot }: Managed, processes: readonly Process[]): Sight['dhcp'] {
  const isLeased = owned.addresses.some((it) => it.family === 2 && (it.flags & IFA_F_PERMANENT) === 0);
  const [client] = dhcpClientsOn(link.name, processes);
  if (client !== undefined) return { client: client.name, identity: 'mac' };
  if (!isLeased) return undefined;
  if (manager === 'NetworkManager') return { client: manager, identity: 'mac' };
  const pinned =
    boot?.kind === 'files' && boot.changes.some((it) => /^IAID=|dhcp-identifier: mac|ClientIdentifier=mac/m.test(it.after ?? ''));
  return { client: manager ?? 'a program that is not known here', identity: pinned ? 'pinned' : 'unknown' };
}

const dmi = ['sys_vendor', 'product_name', 'bios_vendor', 'bios_version', 'chassis_asset_tag'];

/** What the files below `root` tell of a link and its machine. */
export function filesAbout(link: string, root: string): Surroundings {
  const at = (file: string): string => path.join(root, file);
  const zone = zoneOf(link, at('etc/firewalld/zones'));
  return {
    wireless: ['wireless', 'phy80211'].some((it) => fs.existsSync(at(`sys/class/net/${link}/${it}`))),
    machine: dmi
      .map((it) => readText(at(`sys/class/dmi/id/${it}`))?.trim() ?? '')
      .filter((it) => it !== '')
      .join(' '),
    ...(zone === undefined ? {} : { zone }),
    filtersBridged: readText(at('proc/sys/net/bridge/bridge-nf-call-iptables'))?.trim() === '1',
  };
}

function zoneOf(link: string, folder: string): string | undefined {
  const file = fs.globSync(`${folder}/*.xml`).find((it) => (readText(it) ?? '').includes(`<interface name="${link}"`));
  return file === undefined ? undefined : path.basename(file, '.xml');
}

/** Where there is no nft, nothing is known of the firewall, and nothing said. */
async function readRuleset(): Promise<unknown> {
  const nft = openNft();
  try {
    return await nft.list('ruleset');
  } catch {
    return undefined;
  } finally {
    nft.close();
  }
}

function firewallAbout(link: string, around: Surroundings): Pick<Sight, 'rulesNamingLink' | 'dropsBridged'> {
  // The document's own form (libnftables-json(5)); what is not of it counts for nothing.
  const document = around.ruleset as { readonly nftables?: readonly Record<string, unknown>[] } | undefined;
  const items = document?.nftables ?? [];
  const rulesNamingLink = items.filter((it) => 'rule' in it && JSON.stringify(it['rule']).includes(`"${link}"`)).length;
  return { rulesNamingLink, dropsBridged: around.filtersBridged ? items.flatMap(droppingChain) : [] };
}

function droppingChain(item: Record<string, unknown>): readonly string[] {
  const chain = item['chain'] as
    | { readonly hook?: string; readonly policy?: string; readonly name?: string; readonly table?: string }
    | undefined;
  return chain?.hook === 'forward' && chain.policy === 'drop' ? [`the chain '${chain.name}' of table '${chain.table}'`] : [];
}
