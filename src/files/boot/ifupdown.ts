/**
 * ifupdown (interfaces(5)): the stanzas of the link become the bridge's, and the link is left a manual one with what is
 * the hardware's own. With the hooks of bridge-utils (bridge-utils-interfaces(5)), or with `ip` commands where it is
 * not installed.
 */
import type { BootChange, BootFiles, BootPlan, BootWish } from '../../core/bridge/boot.ts';
import { absent, changeOf, joinedLines, matchesGlob, refused, wordOf } from './changes.ts';

const main = '/etc/network/interfaces';
const starters = /^(iface|auto|allow-\S+|mapping|source|source-directory|no-auto-down|no-scripts|rename|template)$/;
const hook = /^(pre-up|up|post-up|down|pre-down|post-down)$/;
/** Options and commands that are about the hardware, whatever addresses it has. */
const hardwareOption = /^(hwaddress|ethernet-\S+|link-(speed|duplex|autoneg)|driver-\S+)$/;
const hardwareCommand = /\b(ethtool|mii-tool|iw|tc)\b|\/sys\/class\/net\//;
const wireless = /^(wpa-|wireless-)/;

/** A stanza: its first line, and those that belong to it, with the comments and blank lines in between. */
interface Stanza {
  readonly words: readonly string[];
  readonly head: string;
  readonly body: readonly string[];
}

export function ifupdownFiles(files: BootFiles, wish: BootWish): BootPlan {
  const parsed = [...files].map(([path, text]) => ({ path, stanzas: parse(text) }));
  const wrong = parsed.map((it) => refusalOf(it.path, it.stanzas, wish)).find((it) => it !== undefined);
  if (wrong !== undefined) return wrong;
  const first = parsed.flatMap((it) => it.stanzas).find((it) => isOf(it, wish.link));
  if (first === undefined) {
    return absent(main, `it has no 'iface ${wish.link}'`);
  }
  const hardware = parsed
    .flatMap((it) => it.stanzas)
    .filter((it) => isOf(it, wish.link))
    .flatMap((it) => hardwareLines(it.body));
  const seen = { auto: false };
  const changes: BootChange[] = [];
  for (const { path, stanzas } of parsed) {
    const after = stanzas.flatMap((it) => rewrite(it, wish, it === first ? hardware : undefined, seen)).join('\n');
    changes.push(...changeOf(files, path, after));
  }
  return { kind: 'files', changes, notes: cloudNotes(changes) };
}

const cloudNotes = (changes: readonly BootChange[]): readonly string[] =>
  changes
    .filter((it) => it.path.includes('cloud-init'))
    .map((it) => `cloud-init writes ${it.path} anew when it takes the machine for a new one`);

function parse(text: string): readonly Stanza[] {
  const stanzas: { words: readonly string[]; head: string; body: string[] }[] = [{ words: [], head: '', body: [] }];
  for (const line of joinedLines(text)) {
    const words = line.trim().split(/\s+/);
    if (starters.test(words[0] ?? '')) stanzas.push({ words, head: line, body: [] });
    else stanzas.at(-1)?.body.push(line);
  }
  return stanzas;
}

const format = (it: Stanza): readonly string[] => (it.words.length === 0 ? it.body : [it.head, ...it.body]);

const isOf = (it: Stanza, link: string): boolean => it.words[0] === 'iface' && it.words[1] === link;

/** `ens33:1`: a second address, as people wrote it before links had several. */
const isAliasOf = (name: string | undefined, link: string): boolean => name?.startsWith(`${link}:`) === true;

function refusalOf(path: string, stanzas: readonly Stanza[], { link }: BootWish): BootPlan | undefined {
  for (const it of stanzas) {
    const [word, ...names] = it.words;
    const pattern = names.find((name) => name.startsWith('/') && matchesGlob(name.slice(1), link));
    if (word !== 'source' && word !== 'source-directory' && pattern !== undefined) {
      return refused(path, `'${it.head.trim()}' means ${link} by a pattern`, `name ${link} itself there`);
    }
    if (word === 'mapping' && names.includes(link)) {
      return refused(path, `a mapping chooses the configuration of ${link}`, 'write the configuration out as one `iface`');
    }
    if (it.words.indexOf('inherits') > 0 && it.words.includes(link, it.words.indexOf('inherits'))) {
      return refused(path, `'${it.head.trim()}' inherits from ${link}`, 'write its options out');
    }
    if (isOf(it, link) && it.body.some((line) => wireless.test(line.trim()))) {
      return refused(path, `${link} is wireless there, and an access point takes no frames from others`, 'take a wired NIC');
    }
  }
  return undefined;
}

const optionOf = (line: string): string => line.trim().split(/\s+/)[0] ?? '';

/** What stays with the link; an MTU is for both. */
const isHardware = (line: string): boolean =>
  hardwareOption.test(optionOf(line)) || (hook.test(optionOf(line)) && hardwareCommand.test(line));
const hardwareLines = (body: readonly string[]): readonly string[] =>
  body.filter((it) => isHardware(it) || optionOf(it) === 'mtu');

function rewrite(
  it: Stanza,
  wish: BootWish,
  hardware: readonly string[] | undefined,
  seen: { auto: boolean },
): readonly string[] {
  const { link, bridge } = wish;
  const [word = '', name = ''] = it.words;
  if (word === 'auto' || word.startsWith('allow-')) return rewriteStarts(it, wish, seen);
  if (word === 'no-auto-down' || word === 'no-scripts') return [renamed(it.head, wish), ...it.body];
  if (word !== 'iface' || (name !== link && !isAliasOf(name, link))) return format(it);
  const head = it.head.replace(link, bridge);
  const body = it.body.filter((line) => !isHardware(line)).map((line) => renamed(line, wish));
  if (hardware === undefined) return [head, ...body];
  const indent = it.body.map((line) => /^\s+/.exec(line)?.[0]).find((space) => space !== undefined) ?? '    ';
  const own = hardware.map((line) => `${indent}${line.trim()}`);
  return [`iface ${link} inet manual`, ...own, '', head, ...bridgeLines(wish).map((line) => `${indent}${line}`), ...body];
}

/** The bridge is there at boot, not when a NIC appears: what was hotplugged starts with the machine. */
function rewriteStarts(it: Stanza, { link, bridge }: BootWish, seen: { auto: boolean }): readonly string[] {
  const [word = '', ...names] = it.words;
  const isOurs = (name: string): boolean => name === link || isAliasOf(name, link);
  if (!names.some(isOurs)) return format(it);
  // One line for the bridge is enough, where the link was both automatic and hotplugged.
  const left = names.filter((name) => name !== link || !seen.auto);
  if (names.includes(link)) seen.auto = true;
  const inPlace = (name: string): string => (isOurs(name) ? name.replace(link, bridge) : name);
  if (word === 'auto') return listed('auto', left.map(inPlace), it.body);
  return [
    ...listed('auto', left.filter(isOurs).map(inPlace), []),
    ...listed(
      word,
      left.filter((name) => !isOurs(name)),
      it.body,
    ),
  ];
}

const listed = (word: string, names: readonly string[], body: readonly string[]): readonly string[] =>
  names.length === 0 ? body : [`${word} ${names.join(' ')}`, ...body];

const renamed = (line: string, { link, bridge }: BootWish): string =>
  line.trim().startsWith('#')
    ? line
    : line.replaceAll(wordOf(link), bridge).replaceAll(new RegExp(`(?<![\\w.])${link}:(?=\\d)`, 'g'), `${bridge}:`);

const bridgeLines = ({ link, bridge, mac, bridgeHooks }: BootWish): readonly string[] =>
  bridgeHooks
    ? [`bridge_ports ${link}`, `bridge_hw ${mac}`, 'bridge_stp off', 'bridge_fd 0', 'bridge_maxwait 0']
    : [
        `pre-up ip link show dev ${bridge} >/dev/null 2>&1 || ip link add ${bridge} address ${mac} type bridge stp_state 0 forward_delay 0`,
        `pre-up sysctl -q net.ipv6.conf.${link}.disable_ipv6=1 || true`,
        `pre-up ip link set dev ${link} up master ${bridge}`,
        `post-down ip link delete dev ${bridge}`,
      ];
