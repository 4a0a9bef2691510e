/**
 * What the programs that configure the machine's network are told around a conversion, as commands of the shell: by
 * means that a reboot forgets (/run, memory) while nobody has confirmed, so that they go on with what the bridge has,
 * and put nothing on its port. The commands run in the folder of the conversion, where `after/N` is the N-th file.
 */
import path from 'node:path';
import type { BootChange, BootWish } from '../core/bridge/boot.ts';
import { shellWord } from '../core/bridge/way-back.ts';
import { findProgram, type Process } from './machine.ts';

export interface Tells {
  /** Before the first change. */
  readonly before: readonly string[];
  /** Once everything has moved. */
  readonly during: readonly string[];
  /** On the way back, before any link is touched, and after all. */
  readonly backFirst: readonly string[];
  readonly back: readonly string[];
  /** Once it is confirmed, and the files are written. */
  readonly settle: readonly string[];
}

const nothing: Tells = { before: [], during: [], backFirst: [], back: [], settle: [] };

const together = (...all: readonly Tells[]): Tells => ({
  before: all.flatMap((it) => it.before),
  during: all.flatMap((it) => it.during),
  backFirst: all.flatMap((it) => it.backFirst),
  back: all.flatMap((it) => it.back),
  settle: all.flatMap((it) => it.settle),
});

export interface Telling {
  readonly direction: 'apply' | 'remove';
  readonly manager: string | undefined;
  readonly boot: BootWish;
  readonly changes: readonly BootChange[];
  readonly processes: readonly Process[];
}

export function tellsOf(it: Telling): Tells {
  const runs = (name: string): boolean => it.processes.some((process) => process.name === name);
  const [from, to] = it.direction === 'apply' ? [it.boot.link, it.boot.bridge] : [it.boot.bridge, it.boot.link];
  const clients = tellClients(from, to, it.processes);
  const networkd = runs('systemd-network');
  const networkManager = runs('NetworkManager');
  if (it.manager === 'systemd-networkd' && networkd) return together(tellNetworkd(it), clients);
  if (it.manager === 'NetworkManager' && networkManager) return together(tellNetworkManager(it), clients);
  if (it.manager === 'netplan' && (networkd || networkManager)) return together(tellNetplan(it, to, networkd), clients);
  return together(nothing, clients);
}

/** A copy of a file of the next boot where a reboot forgets it. */
interface Volatile {
  readonly index: number;
  readonly file: string;
}

/** The files that are to be, below `etc`, each where it lies below `run` for now. */
const volatileOf = (changes: readonly BootChange[], etc: string, run: string): readonly Volatile[] =>
  changes.flatMap((it, index) =>
    it.after !== undefined && it.path.startsWith(`${etc}/`) ? [{ index, file: `${run}${it.path.slice(etc.length)}` }] : [],
  );

const put = (it: Volatile): string =>
  `mkdir -p ${shellWord(path.dirname(it.file))} && cp -p after/${it.index} ${shellWord(it.file)}`;
const remove = (files: readonly string[]): readonly string[] =>
  files.length === 0 ? [] : [`rm -f ${files.map(shellWord).join(' ')}`];

const stateOf = (link: string): string => `/run/systemd/netif/links/$(cat /sys/class/net/${link}/ifindex)`;

const untilConfigured = (link: string): string =>
  `n=0; until grep -q ADMIN_STATE=configured ${stateOf(link)} || [ $n -ge 100 ]; do sleep 0.1; n=$((n + 1)); done`;

/**
 * After `networkctl reload` networkd takes over what a link has. A bridge that is there already is ready for it with the
 * next message about it (networkd 252), so the kernel is made to send one; until then its port waits.
 */
const reloadNetworkd = (bridge: string): readonly string[] => [
  'networkctl reload',
  `sleep 0.2; ip link set dev ${bridge} group default`,
  untilConfigured(bridge),
];

/** A link whose bridge has gone while networkd was at it has failed for good, and no reload changes that. */
const reloadNetworkdBack = (link: string): readonly string[] => [
  'networkctl reload',
  `sleep 0.3; if grep -q ADMIN_STATE=failed ${stateOf(link)}; then networkctl reconfigure ${link}; fi`,
];

const networkdFolders = ['/etc/systemd/network', '/run/systemd/network'] as const;

/** Sorts before every name of ours. */
const leaveAlone = '/run/systemd/network/!!-landline.network';

/**
 * While a bridge is removed nothing can hide its files below /etc. networkd takes a port that leaves its bridge for a new
 * link (252), and would make it a port again at once: for that time it lets the link alone.
 */
function tellNetworkdOfRemoval({ boot }: Telling): Tells {
  const gone = remove([leaveAlone]);
  return {
    ...nothing,
    before: letAlone(boot),
    back: [...gone, ...reloadNetworkd(boot.bridge)],
    settle: [...gone, ...reloadNetworkdBack(boot.link)],
  };
}

const letAlone = ({ link, bridge }: BootWish): readonly string[] => [
  `mkdir -p ${path.dirname(leaveAlone)} && printf '[Match]\\nName=${link}\\n\\n[Link]\\nUnmanaged=yes\\n' >${shellWord(leaveAlone)}`,
  'networkctl reload',
  // What it has read from other files since, it has anew before it is looked at.
  'sleep 0.3',
  untilConfigured(bridge),
];

/** The same names below /run: once they are below /etc, those count. */
function tellNetworkd(it: Telling): Tells {
  if (it.direction === 'remove') return tellNetworkdOfRemoval(it);
  const { boot, changes } = it;
  const copies = volatileOf(changes, ...networkdFolders);
  const gone = remove(copies.map((it) => it.file));
  return {
    ...nothing,
    during: [...copies.map(put), ...reloadNetworkd(boot.bridge)],
    back: [...gone, ...reloadNetworkdBack(boot.link)],
    // It has what they say, and reads the others when it is next asked to.
    settle: gone,
  };
}

const keyfileFolders = ['/etc/NetworkManager/system-connections', '/run/NetworkManager/system-connections'] as const;

/** Below /run by other names: NetworkManager itself keeps one there for each link that somebody else has made. */
const profileCopies = (changes: readonly BootChange[]): readonly Volatile[] =>
  volatileOf(changes, ...keyfileFolders).map((it) => ({ ...it, file: volatileProfile(it.index) }));

const volatileProfile = (index: number): string => `${keyfileFolders[1]}/landline-${index}.nmconnection`;

const reloadProfiles = 'nmcli connection reload';
const uuidIn = (text: string | undefined): string | undefined => /^uuid=([\w-]+)$/m.exec(text ?? '')?.[1];

/**
 * The bridge, and its port with it. NetworkManager 1.42 may try the port while the bridge is not ready, and then leaves
 * it (state 30): it is tried again.
 */
function bringUpBridge({ link, bridge, uuid }: BootWish, profiles: readonly (string | undefined)[]): readonly string[] {
  const port = uuidIn(profiles.find((it) => /^slave-type=bridge$/m.test(it ?? ''))) ?? uuid;
  const is = (device: string, state: string): string =>
    `nmcli -t -f GENERAL.STATE,GENERAL.CON-UUID device show ${device} | tr '\\n' ' ' | grep -q '${state}'`;
  return [
    `nmcli --wait 0 connection up uuid ${uuid}`,
    `n=0; until ${is(bridge, `:100 .*${uuid}`)} && ${is(link, `:100 .*${port}`)} || [ $n -ge 50 ]; do
    if ${is(link, ':30 ')}; then nmcli --wait 5 connection up uuid ${port} ifname ${link}; fi
    sleep 0.2; n=$((n + 1))
  done`,
  ];
}

/** By its own profile, or, where NetworkManager had made one up, by whichever fits. */
function bringUpLink({ link, uuid }: BootWish, profiles: readonly (string | undefined)[]): string {
  const own = profiles.flatMap((it) => uuidIn(it) ?? []).find((it) => it !== uuid);
  return `nmcli --wait 20 ${own === undefined ? `device connect ${link}` : `connection up uuid ${own} ifname ${link}`}`;
}

/**
 * Profiles below /run hide those of the same UUID below /etc (nm-settings-keyfile(5)). NetworkManager makes a bridge at
 * once where there is a profile of one and no bridge: it is told of it once it is there, and on the way back it is told
 * before it goes.
 */
function tellNetworkManager(it: Telling): Tells {
  if (it.direction === 'remove') return tellNetworkManagerOfRemoval(it);
  const { boot, changes } = it;
  const copies = profileCopies(changes);
  const gone = [...remove(copies.map((copy) => copy.file)), reloadProfiles];
  return {
    ...nothing,
    during: [
      ...copies.map(put),
      reloadProfiles,
      ...bringUpBridge(
        boot,
        changes.map((change) => change.after),
      ),
    ],
    backFirst: gone,
    back: [
      bringUpLink(
        boot,
        changes.map((change) => change.before),
      ),
    ],
    settle: gone,
  };
}

/** The profile of the bridge stays until it has gone, and is not to make it again. */
function tellNetworkManagerOfRemoval({ boot, changes }: Telling): Tells {
  const copies = profileCopies(changes);
  const passive = changes.flatMap((it, index) =>
    it.after === undefined ? [{ index, ...it, file: volatileProfile(index) }] : [],
  );
  const gone = [...remove([...copies, ...passive].map((it) => it.file)), reloadProfiles];
  return {
    ...nothing,
    before: [
      ...copies.map(put),
      ...passive.map(
        (it) =>
          `(umask 077; sed '/^autoconnect=/d; s/^\\[connection\\]$/&\\nautoconnect=false/' ${shellWord(it.path)} >${it.file})`,
      ),
      reloadProfiles,
    ],
    during: [
      bringUpLink(
        boot,
        changes.map((it) => it.after),
      ),
    ],
    back: [
      ...gone,
      ...bringUpBridge(
        boot,
        changes.map((it) => it.before),
      ),
    ],
    settle: gone,
  };
}

/** Files of the same names below /run hide those below /etc (netplan(5)); who is to have them, netplan knows. */
function tellNetplan({ direction, boot, changes }: Telling, to: string, networkd: boolean): Tells {
  const copies = volatileOf(changes, '/etc/netplan', '/run/netplan');
  const drops = volatileOf(changes, ...networkdFolders);
  const profile = `/run/NetworkManager/system-connections/netplan-${to}.nmconnection`;
  const tell = (link: string, commands: readonly string[]): readonly string[] => [
    `if [ -e ${profile.replace(to, link)} ]; then nmcli connection reload; nmcli --wait 20 connection up netplan-${link}; fi`,
    ...commands.map((it) => `if [ ! -e ${profile.replace(to, link)} ]; then ${it}; fi`),
  ];
  const isApply = direction === 'apply';
  const [other, reload, reloadOther] = isApply
    ? [boot.link, reloadNetworkd(boot.bridge), reloadNetworkdBack(boot.link)]
    : [boot.bridge, [...reloadNetworkdBack(boot.link), untilConfigured(boot.link)], reloadNetworkd(boot.bridge)];
  const unlet = isApply ? [] : remove([leaveAlone]);
  return {
    ...nothing,
    before: isApply || !networkd ? [] : letAlone(boot),
    during: [...copies.map(put), 'netplan generate', ...drops.map(put), ...unlet, ...tell(to, reload)],
    back: [...remove([...copies, ...drops].map((it) => it.file)), ...unlet, 'netplan generate', ...tell(other, reloadOther)],
    settle: remove([...copies, ...drops].map((it) => it.file)),
  };
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
function tellClients(link: string, bridge: string, processes: readonly Process[]): Tells {
  const found = dhcpClientsOn(link, processes);
  return {
    ...nothing,
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
