/** Who configures this machine's network at boot, with which files, and how it is told to leave a link alone for now. */
import fs from 'node:fs';
import path from 'node:path';
import type { BootFiles, BootPlan, BootWish, ManagerName } from '../core/bridge/boot.ts';
import { planBootFiles } from '../files/boot/index.ts';
import { findProgram, type Process } from './machine.ts';
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
    ...(networkFile === undefined || networkFile.includes('netplan') ? {} : { networkFile }),
  };
}

/** CLIENTID of a lease of networkd: `ff`, the IAID in four bytes, the DUID (RFC 4361). */
function iaidOf(lease: string | undefined): number | undefined {
  const id = /^CLIENTID=ff([0-9a-f]{8})/m.exec(lease ?? '')?.[1];
  return id === undefined ? undefined : Number.parseInt(id, 16);
}

/** Of the MAC, so that a second plan is the same: version 8 is for such (RFC 9562). */
const uuidOf = (mac: string): string => `6c616e64-6c69-8e65-8000-${mac.replaceAll(':', '')}`;

/** Commands of the shell around a conversion: before it, on the way back, and once it is confirmed. */
export interface Tells {
  readonly before: readonly string[];
  readonly back: readonly string[];
  readonly settle: readonly string[];
}

/**
 * What a manager that runs in this network is told once its files are written: without it, it would go on as before, and
 * renew a DHCP lease on the port. It takes over what is there, and nothing is lost (measured with networkd 252 and
 * NetworkManager 1.42).
 */
export function tellManager(
  manager: string | undefined,
  direction: 'apply' | 'remove',
  boot: BootWish,
  processes: readonly Process[],
): readonly string[] {
  const runs = (name: string): boolean => processes.some((it) => it.name === name);
  if (manager === 'systemd-networkd' && runs('systemd-network')) return ['networkctl reload'];
  if (manager === 'netplan') return ['netplan generate', ...(runs('systemd-network') ? ['networkctl reload'] : [])];
  if (manager !== 'NetworkManager' || !runs('NetworkManager')) return [];
  const up = direction === 'apply' ? `connection up uuid ${boot.uuid}` : `device connect ${boot.link}`;
  return ['nmcli connection reload', `nmcli --wait 20 ${up}`];
}

/** A DHCP client of its own that works on the link. */
const clients = new Set(['dhclient', 'udhcpc', 'dhcpcd', 'busybox']);
export const dhcpClientsOn = (link: string, processes: readonly Process[]): readonly Process[] =>
  processes.filter(
    (it) => (clients.has(it.name) || (it.name === 'busybox' && it.args.includes('udhcpc'))) && it.args.includes(link),
  );

/**
 * A client stands still while nobody has confirmed, so that it puts no address on a port; then it is replaced by one
 * on the bridge, of the same MAC and with the same leases.
 */
export function tellClients(link: string, bridge: string, processes: readonly Process[]): Tells {
  const found = dhcpClientsOn(link, processes);
  return {
    before: found.map((it) => `kill -STOP ${it.pid}`),
    back: found.map((it) => `kill -CONT ${it.pid}`),
    settle: found.flatMap((it) => [...takeOver(it, link, bridge)]),
  };
}

function takeOver(it: Process, link: string, bridge: string): readonly string[] {
  const rename = (text: string): string => text.replaceAll(new RegExp(`(?<![\\w])${link}(?![\\w])`, 'g'), bridge);
  const leases = it.args.filter((arg) => arg.startsWith('/') && arg.endsWith('.leases') && rename(arg) !== arg);
  const program = it.args[0]?.startsWith('/') === true ? it.args[0] : (findProgram(it.args[0] ?? '') ?? it.args[0] ?? '');
  const command = [program, ...it.args.slice(1).map(rename)].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  return [
    ...leases.map((file) => `sed 's/"${link}"/"${bridge}"/' '${file}' >'${rename(file)}'`),
    // Killed, since on any other signal some clients give the address back.
    `kill -KILL ${it.pid}`,
    `setsid ${command} </dev/null >/dev/null 2>&1 &`,
  ];
}
