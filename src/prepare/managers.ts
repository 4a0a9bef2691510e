/** Who configures this machine's network at boot, with which files, as far as their files tell. */
import fs from 'node:fs';
import path from 'node:path';
import type { BootFiles, BootPlan, BootWish, ManagerName } from '../core/bridge/boot.ts';
import { planBootFiles } from '../files/boot/index.ts';
import type { Process } from './machine.ts';
import { readText } from './state.ts';

const patterns: Readonly<Record<ManagerName, readonly string[]>> = {
  netplan: ['/etc/netplan/*.yaml', '/etc/cloud/cloud.cfg.d/*.cfg', '/etc/systemd/network/10-netplan-*.network.d/*.conf'],
  NetworkManager: ['/etc', '/run', '/usr/lib'].map((it) => `${it}/NetworkManager/system-connections/*`),
  ifcfg: ['ifcfg-*', 'route-*', 'route6-*', 'rule-*', 'rule6-*'].map((it) => `/etc/sysconfig/network-scripts/${it}`),
  'systemd-networkd': ['/etc', '/run', '/usr/local/lib', '/usr/lib', '/lib'].flatMap((it) =>
    ['*.network', '*.netdev', '*.network.d/*.conf'].map((name) => `${it}/systemd/network/${name}`),
  ),
  ifupdown: [],
};

/** Texts larger than this are no configuration. */
const most = 1_000_000;

function readAll(files: readonly string[]): BootFiles {
  const found = new Map<string, string>();
  for (const file of files) {
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    const text = stat?.isFile() === true && stat.size < most ? readText(file) : undefined;
    if (text !== undefined) found.set(file, text);
  }
  return found;
}

function bootFilesOf(manager: ManagerName): BootFiles {
  return readAll(manager === 'ifupdown' ? interfacesFiles() : patterns[manager].flatMap((it) => fs.globSync(it)));
}

/** /etc/network/interfaces and what it takes in (`source`, `source-directory`), once each. */
function interfacesFiles(): readonly string[] {
  const seen = new Set<string>();
  const follow = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, word, pattern = ''] of (readText(file) ?? '').matchAll(/^\s*(source|source-directory)\s+(\S+)/gm)) {
      const absolute = path.resolve('/etc/network', pattern);
      const found = fs.globSync(word === 'source' ? absolute : `${absolute}/*`).sort();
      for (const it of found) if (word === 'source' || /^[\w-]+$/.test(path.basename(it))) follow(it);
    }
  };
  follow('/etc/network/interfaces');
  return [...seen];
}

export interface Managed {
  readonly manager?: ManagerName;
  readonly boot?: BootPlan;
}

/** In this order: netplan writes for the two after it, NetworkManager reads ifcfg files, and ifupdown leaves others alone. */
const inOrder: readonly ManagerName[] = ['netplan', 'NetworkManager', 'ifcfg', 'systemd-networkd', 'ifupdown'];

/** The first manager whose files are about the link; or the one that was asked for. */
export function findManager(wish: BootWish, asked: ManagerName | 'none' | undefined): Managed {
  if (asked === 'none') return {};
  if (asked !== undefined) return { manager: asked, boot: planBootFiles(asked, bootFilesOf(asked), wish) };
  for (const manager of inOrder) {
    const files = bootFilesOf(manager);
    if (files.size === 0 && !(manager === 'NetworkManager' && wish.automatic)) continue;
    const boot = planBootFiles(manager, files, wish);
    if (boot.kind !== 'absent') return { manager, boot };
  }
  return {};
}

/** What only the running machine knows of a link. */
export function bootWishOf(link: string, index: number, bridge: string, mac: string, processes: readonly Process[]): BootWish {
  const state = readText(`/run/systemd/netif/links/${index}`);
  const networkFile = /^NETWORK_FILE=(.+)$/m.exec(state ?? '')?.[1];
  const iaid = iaidOf(readText(`/run/systemd/netif/leases/${index}`));
  const networkManagerRuns = processes.some((it) => it.name === 'NetworkManager');
  return {
    link,
    bridge,
    mac,
    uuid: uuidOf(mac),
    bridgeHooks: fs.existsSync('/etc/network/if-pre-up.d/bridge') || fs.existsSync('/lib/bridge-utils/ifupdown.sh'),
    automatic: networkManagerRuns && networkFile === undefined,
    ...(iaid === undefined ? {} : { iaid }),
    ...(networkFile === undefined || /netplan|-landline-/.test(networkFile) ? {} : { networkFile }),
  };
}

/** CLIENTID of a lease of networkd: `ff`, the IAID in four bytes, the DUID (RFC 4361). */
function iaidOf(lease: string | undefined): number | undefined {
  const id = /^CLIENTID=ff([0-9a-f]{8})/m.exec(lease ?? '')?.[1];
  return id === undefined ? undefined : Number.parseInt(id, 16);
}

/** Of the MAC, so that a second plan is the same: version 8 is for such (RFC 9562). */
const uuidOf = (mac: string): string => `6c616e64-6c69-8e65-8000-${mac.replaceAll(':', '')}`;
