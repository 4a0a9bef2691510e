/**
 * NetworkManager's keyfiles (nm-settings-keyfile(5)): the profile of the link keeps its name and UUID and becomes a
 * port; a new one, of the bridge, has its addresses.
 */
import type { BootFiles, BootPlan, BootWish } from '../../core/bridge/boot.ts';
import { absent, changeOf, matchesGlob, refused } from './changes.ts';
import { formatIni, keyOf, parseIni, type Section, valueOf, withKey, withoutKeys } from './ini.ts';

const folder = '/etc/NetworkManager/system-connections';
/** Where a profile lies that is in memory only, and where packages put theirs. */
const folders = [folder, '/run/NetworkManager/system-connections', '/usr/lib/NetworkManager/system-connections'];
/** Sections that go with the addresses. */
const layerThree = new Set(['ipv4', 'ipv6', 'proxy']);
/** Of [connection]: what goes with the addresses as well. */
const movesAlong = ['zone', 'dns-over-tls', 'mdns', 'llmnr', 'metered', 'permissions', 'secondaries', 'stable-id', 'timestamp'];

export function keyfileFiles(files: BootFiles, wish: BootWish): BootPlan {
  const found = profilesOf(files, wish);
  const [source] = found;
  if (source === undefined && !wish.automatic) return absent(folder, `no profile there is for ${wish.link}`);
  if (source !== undefined && isPort(source.sections)) {
    return refused(source.path, `its profile is already a port of another link`, 'take that link instead');
  }
  const secured = source?.sections.find((it) => it.name === '802-1x');
  if (source !== undefined && secured !== undefined) {
    return refused(source.path, 'it signs on to the switch with 802.1X, which bridged environments cannot', 'take another NIC');
  }
  const sections = source?.sections ?? automatic(wish);
  // A profile that is in memory or in a package is written anew where an administrator has theirs.
  const port = source?.path.startsWith(`${folder}/`) === true ? source.path : `${folder}/${wish.link}.nmconnection`;
  return {
    kind: 'files',
    changes: [
      ...changeOf(files, port, formatIni(portProfile(sections, wish)), 0o600),
      ...changeOf(files, `${folder}/${wish.bridge}.nmconnection`, formatIni(bridgeProfile(sections, wish)), 0o600),
    ],
    notes: found
      .slice(1)
      .map((it) => `${it.path} is for ${wish.link} too, and stays as it is: see that it is not activated instead`),
  };
}

interface Profile {
  readonly path: string;
  readonly sections: readonly Section[];
  /** How well it fits; NetworkManager prefers the higher autoconnect-priority, and then what was used last. */
  readonly rank: number;
}

function profilesOf(files: BootFiles, wish: BootWish): readonly Profile[] {
  const inOrder = [...files].filter(([path]) => folders.some((it) => path.startsWith(`${it}/`)));
  const profiles = inOrder.flatMap(([path, text]) => {
    const sections = parseIni(text);
    const rank = fits(sections, wish);
    return rank === undefined ? [] : [{ path, sections, rank }];
  });
  return profiles.sort((a, b) => b.rank - a.rank);
}

const linesOf = (sections: readonly Section[], name: string): readonly string[] =>
  sections.filter((it) => it.name === name).flatMap((it) => it.lines);

/** Undefined where the profile is for another link; otherwise its priority, the more exact one first. */
function fits(sections: readonly Section[], wish: BootWish): number | undefined {
  const connection = linesOf(sections, 'connection');
  const type = valueOf(connection, 'type');
  if (type !== 'ethernet' && type !== '802-3-ethernet') return undefined;
  const name = valueOf(connection, 'interface-name');
  const hardware = ['ethernet', '802-3-ethernet'].flatMap((it) => linesOf(sections, it));
  const mac = valueOf(hardware, 'mac-address')?.toLowerCase();
  const patterns = valueOf(linesOf(sections, 'match'), 'interface-name')
    ?.split(/[;,\s]+/)
    .filter((it) => it !== '');
  if (name !== undefined && name !== wish.link) return undefined;
  if (mac !== undefined && mac !== wish.mac) return undefined;
  if (patterns !== undefined && !patterns.some((it) => matchesGlob(it, wish.link))) return undefined;
  if (valueOf(connection, 'autoconnect') === 'false') return undefined;
  const exact = isBound(sections) ? 0.5 : 0;
  return Number(valueOf(connection, 'autoconnect-priority') ?? 0) + exact;
}

const isPort = (sections: readonly Section[]): boolean =>
  ['master', 'controller'].some((key) => valueOf(linesOf(sections, 'connection'), key) !== undefined);

/** What NetworkManager does with an Ethernet link that has no profile: its `Wired connection 1`, in memory. */
const automatic = (wish: BootWish): readonly Section[] => [
  {
    name: 'connection',
    lines: [`id=${wish.link}`, `uuid=${otherUuid(wish.uuid)}`, 'type=ethernet', `interface-name=${wish.link}`, ''],
  },
  { name: 'ethernet', lines: [''] },
  { name: 'ipv4', lines: ['method=auto', ''] },
  { name: 'ipv6', lines: ['addr-gen-mode=default', 'method=auto', ''] },
];

/** A second UUID out of one: the last digit changed. */
const otherUuid = (uuid: string): string => `${uuid.slice(0, -1)}${(Number.parseInt(uuid.slice(-1), 16) ^ 1).toString(16)}`;

function portProfile(sections: readonly Section[], wish: BootWish): readonly Section[] {
  // `master` and `slave-type` are read by every version; newer ones know them as `controller` and `port-type`.
  const asPort: readonly (readonly [string, string])[] = [
    ['master', wish.bridge],
    ['slave-type', 'bridge'],
  ];
  return sections
    .filter((it) => !layerThree.has(it.name) && it.name !== '.nmmeta')
    .map((it) => {
      if (it.name !== 'connection') return it;
      const kept = withoutKeys(it.lines, (key) => key === 'zone' || key === 'secondaries');
      const bound = isBound(sections) ? kept : withKey(kept, 'interface-name', wish.link);
      return { ...it, lines: asPort.reduce((lines, [key, value]) => withKey(lines, key, value), bound) };
    });
}

/** Whether a profile is for one link; one that fits any is bound to this one when it becomes its port's. */
const isBound = (sections: readonly Section[]): boolean =>
  valueOf(linesOf(sections, 'connection'), 'interface-name') !== undefined ||
  ['ethernet', '802-3-ethernet'].some((it) => valueOf(linesOf(sections, it), 'mac-address') !== undefined);

function bridgeProfile(sections: readonly Section[], wish: BootWish): readonly Section[] {
  const connection = linesOf(sections, 'connection');
  const along = connection.filter((it) => movesAlong.includes(keyOf(it) ?? '') && keyOf(it) !== 'timestamp');
  const mtu = valueOf(
    ['ethernet', '802-3-ethernet'].flatMap((it) => linesOf(sections, it)),
    'mtu',
  );
  const own = [
    `id=${wish.bridge}`,
    `uuid=${wish.uuid}`,
    'type=bridge',
    `interface-name=${wish.bridge}`,
    'autoconnect-slaves=1',
    ...along,
    '',
  ];
  return [
    { name: 'connection', lines: own },
    ...(mtu === undefined ? [] : [{ name: 'ethernet', lines: [`mtu=${mtu}`, ''] }]),
    { name: 'bridge', lines: [`mac-address=${wish.mac.toUpperCase()}`, 'stp=false', ''] },
    ...layers(sections).map((it) => onBridge(it, wish)),
  ];
}

const layers = (sections: readonly Section[]): readonly Section[] => sections.filter((it) => layerThree.has(it.name));

/** NetworkManager gives routes over Ethernet a metric of 100, and those over bridges 425: they keep theirs. */
function onBridge(it: Section, wish: BootWish): Section {
  const lines = it.lines.map((line) => onBridgeLine(line, wish));
  const hasRoutes = ['auto', 'manual'].includes(valueOf(lines, 'method') ?? '');
  const keepsMetric = it.name === 'proxy' || !hasRoutes || valueOf(lines, 'route-metric') !== undefined;
  return { ...it, lines: keepsMetric ? lines : withKey(lines, 'route-metric', '100') };
}

/** Policy rules (`routing-rule1=priority 5 iif ens33 …`) name the link. */
const onBridgeLine = (line: string, wish: BootWish): string =>
  /^routing-rule/.test(line.trim()) ? line.replaceAll(new RegExp(`\\b([io]if) ${wish.link}\\b`, 'g'), `$1 ${wish.bridge}`) : line;
