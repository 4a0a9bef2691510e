/**
 * The way back as a shell script: plain `ip` commands and copies of files, for the watchdog and for whoever sits before
 * the machine with nothing else left. It may be run more than once, and from any half-way.
 */

import type { RouteMessage } from '../../wire/netlink/route.ts';
import type { Belongings } from './belongings.ts';
import type { BootChange } from './boot.ts';
import { type NameOf, type SpellTime, spellAddress, spellNeighbour, spellRoute, spellRule } from './spell.ts';

/** A bridge that is to be there again, with all that `ip link add type bridge` can say of it. */
export interface BridgeBefore {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly alias?: string;
  /** `stp_state 0 forward_delay 0 …` */
  readonly options: readonly string[];
  readonly ports: readonly string[];
}

/** The network before the change. */
export interface Before {
  /** The link that had the addresses: the NIC, or, before a bridge is removed, the bridge. */
  readonly owner: string;
  readonly port: string;
  readonly bridge: string;
  /** Left out: there was no bridge. */
  readonly bridgeBefore?: BridgeBefore;
  readonly owned: Belongings;
  readonly nameOf: NameOf;
  /** sysctls of net/ipv6/conf/OWNER; undefined where the kernel has no IPv6. */
  readonly ipv6?: { readonly disabled: string; readonly acceptDad: string };
  /** Whether the owner was up. */
  readonly up: boolean;
  /** Commands for the manager, before any link is touched, and after all. */
  readonly tellsFirst: readonly string[];
  readonly tells: readonly string[];
}

export interface WayBackOptions {
  /** When, as ISO 8601, and by which command. */
  readonly at: string;
  readonly command: string;
  readonly bootId: string;
  /** `net:[4026531840]`, as `readlink /proc/self/ns/net` says. */
  readonly namespace: string;
  /** /proc/uptime at that time, in seconds: lifetimes have gone on since. */
  readonly uptime: number;
  /** Where this script and its copies lie. */
  readonly folder: string;
}

const renamedBack = (label: string): string => label;
const left: SpellTime = (seconds) => `"$(left ${seconds})"`;

/** For `sh`: within single quotes only where it is needed. */
export const shellWord = (text: string): string => (/^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/**
 * Where a file is written before it is moved to its place. Its name begins with a dot: `source interfaces.d/*`, `ifcfg-*` and
 * their like do not take one in that was left half-written.
 */
export function freshName(path: string): string {
  const slash = path.lastIndexOf('/') + 1;
  return `${path.slice(0, slash)}.${path.slice(slash)}.landline`;
}

export function formatWayBack(before: Before, files: readonly BootChange[], it: WayBackOptions): string {
  return `${[...head(it), ...fileLines(files), ...linkLines(before, it.bootId), ...tail].join('\n')}\n`;
}

const head = (it: WayBackOptions): readonly string[] => [
  '#!/bin/sh',
  `# The way back: the network as it was on ${it.at}, before`,
  `#   ${it.command}`,
  '# The watchdog runs this unless `landline host bridge confirm` comes in time. It can be run by hand at any time, and',
  `# more than once:  sh ${it.folder}/way-back.sh`,
  'PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin',
  'export PATH LC_ALL=C',
  `cd ${shellWord(it.folder)} || exit 1`,
  'failed=',
  '',
  `say() { echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $*" >>log; }`,
  '# What is there already, or gone already, is no failure.',
  'try() {',
  '  said=$("$@" 2>&1) && return 0',
  '  case $said in',
  `    *'File exists'* | *'already assigned'* | *'Cannot find device'* | *'does not exist'* | *'No such'* | *'not found'* | *'Cannot assign'*) return 0 ;;`,
  '  esac',
  '  failed=yes',
  '  say "failed: $*: $said"',
  '  return 1',
  '}',
  `# left SECONDS: what is left now of a lifetime as it was then.`,
  `left() { left=$(($1 + ${it.uptime} - $(cut -d. -f1 /proc/uptime))) && if [ $left -gt 0 ]; then echo $left; else echo 1; fi; }`,
  '# settle LINK: waits until no IPv6 address is tentative; the kernel decides on that a moment after it is added.',
  'settle() { n=0; while [ $n -lt 20 ] && [ -n "$(ip -6 address show dev "$1" tentative 2>/dev/null)" ]; do sleep 0.1; n=$((n + 1)); done; }',
  '# set_to VALUE FILE: a sysctl.',
  'set_to() { if [ -e "$2" ]; then try sh -c \'echo "$1" >"$2"\' sh "$1" "$2"; fi; }',
  '',
  `if [ "$(readlink /proc/self/ns/net)" != '${it.namespace}' ]; then`,
  `  if [ "$(cat /proc/sys/kernel/random/boot_id)" = '${it.bootId}' ]; then`,
  `    echo 'this is not the network that was changed: go to its namespace first' >&2`,
  '    exit 1',
  '  fi',
  'fi',
  '',
  '# The watchdog has no more to do; what is not written here is not undone.',
  'mv pending taken 2>/dev/null || mv confirming taken 2>/dev/null',
  `say "the way back: \${1:-run by hand}"`,
  'echo "going back" >phase',
];

function fileLines(files: readonly BootChange[]): readonly string[] {
  if (files.length === 0) return [];
  const lines = files.map((it, index) => {
    const path = shellWord(it.path);
    return `${it.before === undefined ? 'gone' : 'put'} ${index} ${path} ${shellWord(freshName(it.path))}`;
  });
  return [
    '',
    '# The files of the next boot. One that is neither as it was nor as it was made since is kept beside its copy.',
    'keep() { if [ -e "$2" ] && ! cmp -s "$2" "before/$1" && ! cmp -s "$2" "after/$1"; then cp -p "$2" "found-$1"; fi; }',
    'put() { keep "$1" "$2"; if ! cmp -s "before/$1" "$2"; then try cp -p "before/$1" "$3" && try mv -f "$3" "$2"; fi; rm -f "$3"; }',
    'gone() { keep "$1" "$2"; try rm -f "$2" "$3"; }',
    ...lines,
    'sync',
  ];
}

function linkLines(before: Before, bootId: string): readonly string[] {
  const { port, bridge, owner, owned } = before;
  const conf = `/proc/sys/net/ipv6/conf/${owner}`;
  const setUp = before.bridgeBefore === undefined ? removeBridge(before) : addBridge(before.bridgeBefore, port);
  // Without accept_dad an address is there at once: it was this machine's all the time.
  const quickly =
    before.ipv6 === undefined ? [] : [`set_to 0 ${conf}/accept_dad`, `set_to ${before.ipv6.disabled} ${conf}/disable_ipv6`];
  const asBefore = before.ipv6 === undefined ? [] : [`settle ${owner}`, `set_to ${before.ipv6.acceptDad} ${conf}/accept_dad`];
  const inOrder = [
    ...owned.addresses.filter((it) => it.family === 2),
    ...owned.addresses.filter((it) => it.family !== 2).toReversed(),
  ];
  const other = before.bridgeBefore === undefined ? bridge : port;
  const otherName = (link: string): string => (link === owner ? other : link);
  const commands = [
    ...before.tellsFirst,
    ...setUp,
    ...quickly,
    `try ip link set dev ${owner} ${before.up ? 'up' : 'down'}`,
    ...inOrder.map((it) => `try ${spellAddress(it, owner, renamedBack, left)}`),
    ...owned.routes.flatMap((it) => spellBack(it, owned.first.has(it), before.nameOf)),
    ...owned.rules.flatMap((it) => [
      `try ${spellRule(it, otherName, 'delete') ?? ''}`,
      `try ${spellRule(it, renamedBack) ?? ''}`,
    ]),
    ...owned.neighbours.flatMap((it) => {
      const line = spellNeighbour(it, owner);
      // Whom the kernel has learned itself it can learn again.
      return line === undefined ? [] : [line.includes(' nud stale') ? `${line} 2>/dev/null` : `try ${line}`];
    }),
    ...asBefore,
    ...before.tells,
  ];
  return [
    '',
    '# After a reboot the network is as the files say.',
    `if [ "$(cat /proc/sys/kernel/random/boot_id)" = '${bootId}' ]; then`,
    ...commands.map((it) => `  ${it}`),
    'fi',
  ];
}

/** One that came with its address, and is to be the first of its like, is put before the others. */
function spellBack(it: RouteMessage, isFirst: boolean, nameOf: NameOf): readonly string[] {
  const verbs = isFirst ? (['delete', 'prepend'] as const) : (['append'] as const);
  return verbs.map((verb) => `try ${spellRoute(it, nameOf, verb, left) ?? ''}`);
}

const removeBridge = ({ bridge, port }: Before): readonly string[] => [
  `try ip link set dev ${port} nomaster`,
  `try ip link delete dev ${bridge}`,
];

function addBridge(it: BridgeBefore, port: string): readonly string[] {
  return [
    `try ip link add ${it.name} address ${it.mac} mtu ${it.mtu} type bridge ${it.options.join(' ')}`,
    ...(it.alias === undefined ? [] : [`try ip link set dev ${it.name} alias ${shellWord(it.alias)}`]),
    `try ip address flush dev ${port}`,
    `set_to 1 /proc/sys/net/ipv6/conf/${port}/disable_ipv6`,
    ...it.ports.map((name) => `try ip link set dev ${name} master ${it.name}`),
  ];
}

const tail: readonly string[] = [
  '',
  `if [ -n "$failed" ]; then echo 'not all of it is back: see log' >phase; exit 1; fi`,
  `echo 'rolled back' >phase`,
  `say 'the network is as it was'`,
];
