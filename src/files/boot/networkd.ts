/**
 * systemd-networkd (systemd.network(5), systemd.netdev(5)). Files that are there are not touched: the first that
 * matches a link wins, so ours come before them, and say where they have their lines from.
 */
import type { BootFiles, BootPlan, BootWish } from '../../core/bridge/boot.ts';
import { absent, baseName, changeOf, madeBy, matchesGlob } from './changes.ts';
import { formatIni, keyOf, parseIni, type Section, valueOf, valuesOf, withKey, withoutKeys } from './ini.ts';

const folder = '/etc/systemd/network';
/** In the order in which a file of one name hides those of the others. */
const folders = [
  folder,
  '/run/systemd/network',
  '/usr/local/lib/systemd/network',
  '/usr/lib/systemd/network',
  '/lib/systemd/network',
];

/** Of [Network]: links on top of the NIC, which stay on it. */
const staysOnPort = new Set(['VLAN', 'MACVLAN', 'MACVTAP', 'IPVLAN', 'IPVTAP', 'Xfrm', 'LLDP', 'EmitLLDP', 'BindCarrier']);
/** Of [Link]: what is the hardware's own. */
const hardware = new Set(['MACAddress', 'Promiscuous', 'AllMulticast', 'Unmanaged']);
/** Sections about the port itself, not about addresses. */
const portSection =
  /^(Bridge|BridgeFDB|BridgeMDB|BridgeVLAN|SR-IOV|CAN|IPoIB|QDisc|.*QueueingDiscipline|.*Queueing|CAKE|.*Class|PFIFO.*|.*FIFO)$/;

export function networkdFiles(files: BootFiles, wish: BootWish): BootPlan {
  const source = wish.networkFile ?? sourceOf(files, wish);
  if (source === undefined) {
    return absent(folder, `no .network file there matches ${wish.link}`);
  }
  const sections = [source, ...dropInsOf(files, source)].flatMap((path) => parseIni(files.get(path) ?? ''));
  const first = firstName(source);
  const name = (of: string, suffix: string): string => `${folder}/${first}-landline-${of}.${suffix}`;
  const note = madeBy(source);
  return {
    kind: 'files',
    changes: [
      ...changeOf(files, name(wish.bridge, 'netdev'), netdev(wish, note)),
      ...changeOf(
        files,
        name(wish.bridge, 'network'),
        formatIni([{ name: '', lines: [note] }, ...bridgeNetwork(sections, wish)]),
      ),
      ...changeOf(files, name(wish.link, 'network'), formatIni([{ name: '', lines: [note] }, ...portNetwork(sections, wish)])),
    ],
    notes: [`${source} stays as it is, and no longer counts for ${wish.link}: change ${name(wish.bridge, 'network')} instead`],
  };
}

/** Files are read in the order of their names, whatever folder they are in: ours come first. */
function firstName(source: string): string {
  const before = ['05', '00', '00-0'].find((it) => `${it}-landline` < baseName(source));
  return before ?? '!';
}

/** The file that networkd would take for the link: the first by name whose [Match] fits. */
function sourceOf(files: BootFiles, wish: BootWish): string | undefined {
  const byName = new Map<string, string>();
  for (const inFolder of folders.toReversed()) {
    for (const path of files.keys()) {
      if (path.startsWith(`${inFolder}/`) && path.endsWith('.network')) byName.set(baseName(path), path);
    }
  }
  const inOrder = [...byName.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path);
  return inOrder.find((path) => !baseName(path).includes('-landline-') && matches(parseIni(files.get(path) ?? ''), wish));
}

function matches(sections: readonly Section[], wish: BootWish): boolean {
  const lines = sections.filter((it) => it.name === 'Match').flatMap((it) => it.lines);
  const keys = new Set(lines.flatMap((it) => keyOf(it) ?? []));
  if (keys.size === 0) return false;
  const words = (key: string): readonly string[] =>
    valuesOf(lines, key)
      .flatMap((it) => it.split(/\s+/))
      .filter((it) => it !== '');
  const tests: Readonly<Record<string, (value: readonly string[]) => boolean>> = {
    Name: (value) => namesMatch(value, wish.link),
    MACAddress: (value) => value.some((it) => it.toLowerCase().replaceAll('-', ':') === wish.mac),
    PermanentMACAddress: (value) => value.some((it) => it.toLowerCase().replaceAll('-', ':') === wish.mac),
    Type: (value) => namesMatch(value, 'ether'),
    Kind: (value) => value.every((it) => it.startsWith('!')),
  };
  // Of others (Driver=, Path=, Virtualization= …) only the running networkd knows; it is asked before this.
  return [...keys].every((key) => tests[key]?.(words(key)) ?? false);
}

function namesMatch(patterns: readonly string[], name: string): boolean {
  const inverted = patterns[0]?.startsWith('!') === true;
  const some = patterns.some((it) => matchesGlob(it.replace(/^!/, ''), name));
  return inverted ? !some : some;
}

/** `20-wired.network.d/*.conf`, by name. */
function dropInsOf(files: BootFiles, source: string): readonly string[] {
  const folderName = `/${baseName(source)}.d/`;
  return [...files.keys()]
    .filter((it) => it.includes(folderName) && it.endsWith('.conf'))
    .sort((a, b) => (baseName(a) < baseName(b) ? -1 : 1));
}

function netdev(wish: BootWish, note: string): string {
  return `${note}
[NetDev]
Name=${wish.bridge}
Kind=bridge
MACAddress=${wish.mac}

[Bridge]
STP=no
ForwardDelaySec=0
`;
}

function bridgeNetwork(sections: readonly Section[], wish: BootWish): readonly Section[] {
  const moved = sections.filter((it) => it.name !== 'Match' && !portSection.test(it.name)).map((it) => onBridge(it, wish));
  return [{ name: 'Match', lines: [`Name=${wish.bridge}`, ''] }, ...withIdentity(moved.filter(isOfUse), sections, wish)];
}

/** A section that has lost all its keys says nothing. */
const isOfUse = (it: Section): boolean =>
  it.name === '' ? it.lines.some((line) => line.trim() !== '') : it.lines.some((line) => keyOf(line) !== undefined);

function onBridge(section: Section, wish: BootWish): Section {
  const { name, lines } = section;
  if (name === 'Link') return { name, lines: withoutKeys(lines, (key) => hardware.has(key)) };
  if (name === 'Network') return { name, lines: withoutKeys(lines, (key) => staysOnPort.has(key)) };
  if (name !== 'RoutingPolicyRule') return section;
  return {
    name,
    lines: lines.map((line) =>
      /^\s*(Incoming|Outgoing)Interface\s*=/.test(line) && line.trim().endsWith(`=${wish.link}`)
        ? line.replace(wish.link, wish.bridge)
        : line,
    ),
  };
}

/** The IAID that the link's client has, for the clients of the bridge. */
function withIdentity(moved: readonly Section[], all: readonly Section[], wish: BootWish): readonly Section[] {
  if (wish.iaid === undefined) return moved;
  const network = all.filter((it) => it.name === 'Network').flatMap((it) => it.lines);
  const dhcp = (valueOf(network, 'DHCP') ?? 'no').toLowerCase();
  const on = (family: string): boolean => ['yes', 'true', 'on', '1', 'both', family].includes(dhcp);
  const wanted = [...(on('ipv4') || on('v4') ? ['DHCPv4'] : []), ...(on('ipv6') || on('v6') ? ['DHCPv6'] : [])];
  return wanted.reduce((sections, name) => withIaid(sections, name, wish.iaid ?? 0), moved);
}

function withIaid(sections: readonly Section[], name: string, iaid: number): readonly Section[] {
  const lines = sections.filter((it) => it.name === name).flatMap((it) => it.lines);
  if (valueOf(lines, 'IAID') !== undefined || valueOf(lines, 'ClientIdentifier') === 'mac') return sections;
  const at = sections.findLastIndex((it) => it.name === name);
  if (at < 0)
    return [...sections, { name, lines: [`IAID=${iaid}`] }].map((it, index, { length }) =>
      index === length - 2 ? spaced(it) : it,
    );
  return sections.map((it, index) => (index === at ? { name, lines: withKey(it.lines, 'IAID', String(iaid)) } : it));
}

const spaced = (it: Section): Section => (it.lines.at(-1)?.trim() === '' ? it : { ...it, lines: [...it.lines, ''] });

function portNetwork(sections: readonly Section[], wish: BootWish): readonly Section[] {
  const linesOf = (name: string): readonly string[] => sections.filter((it) => it.name === name).flatMap((it) => it.lines);
  const keep = (lines: readonly string[], wanted: (key: string) => boolean): readonly string[] =>
    lines.filter((it) => wanted(keyOf(it) ?? ''));
  const link = keep(linesOf('Link'), (key) => hardware.has(key) || key === 'MTUBytes');
  return [
    { name: 'Match', lines: [`Name=${wish.link}`, ''] },
    ...(link.length === 0 ? [] : [{ name: 'Link', lines: [...link, ''] }]),
    { name: 'Network', lines: [`Bridge=${wish.bridge}`, ...keep(linesOf('Network'), (key) => staysOnPort.has(key)), ''] },
    ...sections.filter((it) => portSection.test(it.name)),
  ];
}
