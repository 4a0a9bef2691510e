/**
 * RHEL's network-scripts (sysconfig.txt of initscripts; NetworkManager's ifcfg-rh reads the same files): what is about
 * addresses moves from ifcfg-LINK to ifcfg-BRIDGE, what is the hardware's own stays.
 */
import type { BootChange, BootFiles, BootPlan, BootWish } from '../../core/bridge/boot.ts';
import { absent, baseName, changeOf, joinedLines, madeBy, refused, wordOf } from './changes.ts';

const folder = '/etc/sysconfig/network-scripts';
/** Keys that stay with the link. */
const staysOnPort =
  /^(DEVICE|NAME|UUID|HWADDR|MACADDR|TYPE|ONBOOT|MTU|ETHTOOL_OPTS|ETHTOOL_DELAY|NM_CONTROLLED|USERCTL|LINKDELAY|HOTPLUG|OPTIONS|ETHTOOL_\S+|DCB_?\S*|SUBCHANNELS|NETTYPE|PORTNAME|VLAN|PHYSDEV|LLDP)$/;
/** Keys of the link that the bridge has too. */
const isShared = /^(ONBOOT|NM_CONTROLLED|USERCTL|MTU|HOTPLUG)$/;

export function ifcfgFiles(files: BootFiles, wish: BootWish): BootPlan {
  const path = pathOf(files, wish);
  const text = path === undefined ? undefined : files.get(path);
  if (path === undefined || text === undefined) {
    return absent(`${folder}/ifcfg-${wish.link}`, 'there is no such file');
  }
  const valueIn = (key: string): string | undefined => valueOf(text.split('\n'), key);
  for (const [key, what] of [
    ['BRIDGE', 'a port of a bridge'],
    ['MASTER', 'a port of a bond'],
    ['TEAM_MASTER', 'a port of a team'],
  ] as const) {
    if (valueIn(key) !== undefined) return refused(path, `${wish.link} is already ${what} there`, 'take that link instead');
  }
  if (valueIn('KEY_MGMT') !== undefined || valueIn('IEEE_8021X_EAP_METHODS') !== undefined) {
    return refused(path, 'it signs on to the switch with 802.1X, which bridged environments cannot', 'take another NIC');
  }
  const { port, bridge } = split(text, wish, madeBy(path));
  return {
    kind: 'files',
    changes: [
      ...changeOf(files, path, port),
      ...changeOf(files, `${folder}/ifcfg-${wish.bridge}`, bridge),
      ...companions(files, wish),
    ],
    notes: [],
  };
}

/** `ifcfg-ens33`, or one of another name whose DEVICE or HWADDR is this link's. */
function pathOf(files: BootFiles, wish: BootWish): string | undefined {
  const usual = `${folder}/ifcfg-${wish.link}`;
  if (files.has(usual)) return usual;
  return [...files]
    .filter(([path]) => baseName(path).startsWith('ifcfg-') && !baseName(path).includes(':'))
    .find(([, text]) => {
      const lines = text.split('\n');
      const device = valueOf(lines, 'DEVICE');
      return device === wish.link || (device === undefined && valueOf(lines, 'HWADDR')?.toLowerCase() === wish.mac);
    })?.[0];
}

const keyOf = (line: string): string | undefined => /^\s*(?:export\s+)?([A-Z0-9_a-z]+)=/.exec(line)?.[1];

/** The value as a shell reads it, quotes gone. */
function valueOf(lines: readonly string[], key: string): string | undefined {
  const line = lines.findLast((it) => keyOf(it) === key);
  const value = line?.slice(line.indexOf('=') + 1).trim();
  return value?.replace(/^(["'])(.*)\1.*$/, '$2').replace(/\s+#.*$/, '');
}

/** A comment right above a line that moves, moves with it. */
function split(text: string, wish: BootWish, note: string): { readonly port: string; readonly bridge: string } {
  const stay: string[] = [];
  const move: string[] = [];
  const shared: string[] = [];
  let comments: string[] = [];
  let started = false;
  for (const line of joinedLines(text.replace(/\n$/, ''))) {
    const key = keyOf(line);
    if (key === undefined) {
      comments.push(line);
      continue;
    }
    const stays = staysOnPort.test(key);
    // What stands at the top of the file is about all of it.
    (stays || !started ? stay : move).push(...comments);
    (stays ? stay : move).push(line);
    comments = [];
    started = true;
    if (isShared.test(key)) shared.push(line);
  }
  stay.push(...comments);
  const type = valueOf(stay, 'TYPE') === undefined ? ['TYPE=Ethernet'] : [];
  const device = valueOf(stay, 'DEVICE') === undefined ? [`DEVICE=${wish.link}`] : [];
  const port = [...stay, ...type, ...device, 'BOOTPROTO=none', `BRIDGE=${wish.bridge}`];
  const own = [`DEVICE=${wish.bridge}`, 'TYPE=Bridge', `MACADDR=${wish.mac.toUpperCase()}`, 'STP=no', 'DELAY=0'];
  const bridge = [note, ...own, ...shared, ...move];
  return { port: `${port.join('\n')}\n`, bridge: `${bridge.join('\n')}\n` };
}

/** Aliases, routes and rules go with the addresses: `ifcfg-ens33:1`, `ifcfg-ens33-range0`, `route-ens33`, `rule6-ens33`. */
function companions(files: BootFiles, wish: BootWish): readonly BootChange[] {
  const ofLink = new RegExp(`^(ifcfg-(?=${wish.link}[:-])|route6?-|rule6?-)${wish.link}(?=$|:|-range)`);
  return [...files].flatMap(([path, text]) => {
    const name = baseName(path);
    if (!path.startsWith(`${folder}/`) || !ofLink.test(name)) return [];
    const other = `${folder}/${name.replace(wish.link, wish.bridge)}`;
    return [...changeOf(files, path, undefined), ...changeOf(files, other, renamed(text, wish))];
  });
}

const renamed = (text: string, { link, bridge }: BootWish): string =>
  text.replaceAll(wordOf(link), bridge).replaceAll(new RegExp(`(?<![\\w.])${link}:(?=\\d)`, 'g'), `${bridge}:`);
