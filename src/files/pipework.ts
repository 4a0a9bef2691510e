/**
 * pipework's command line → what it asks for. The same words in the same order, so that scripts which have it go on; what
 * this version does not do is refused with the reason.
 */
import { LandlineError } from '../errors.ts';
import { type Ipv4, parseIpv4 } from '../net/ipv4.ts';
import { isMulticast, type Mac, parseMac } from '../net/mac.ts';
import { isLinkName } from '../net/name.ts';
import { type Prefix, parsePrefix } from '../net/prefix.ts';

/** The host's side: a link by its name, or the NIC with a MAC (`mac:…`). */
export type PipeworkLink = { readonly name: string } | { readonly mac: Mac };

/** A container's id or name, a pid, or the path of a network namespace. */
export type PipeworkGuest =
  | { readonly kind: 'container'; readonly container: string }
  | { readonly kind: 'process'; readonly pid: number }
  | { readonly kind: 'file'; readonly path: string };

export interface PipeworkAttach {
  readonly do: 'attach';
  /** The NIC itself goes into the container (`--direct-phys`), in place of a macvlan of it. */
  readonly direct?: true;
  readonly link: PipeworkLink;
  /** Name of the link in the container; pipework's own default is eth1. */
  readonly interface: string;
  readonly guest: PipeworkGuest;
  /** `none`: a link whose addresses are the container's business. */
  readonly address: { readonly prefix: Prefix; readonly gateway?: Ipv4 } | 'dhcp' | 'none';
  /** Name of the host's end. */
  readonly hostInterface?: string;
  /** `seed`: of `U:SEED`, from which a MAC follows. */
  readonly mac?: Mac | { readonly seed: string };
}

export type PipeworkAsk =
  | PipeworkAttach
  /** `--wait`: until the link is there and has a carrier. */
  | { readonly do: 'wait'; readonly interface: string }
  /** `ip route …`, `ip rule …` or `tc …` in the network of a guest. */
  | { readonly do: 'run'; readonly guest: PipeworkGuest; readonly command: readonly string[] };

export const pipeworkSyntax = `landline pipework LINK [-i IF] [-l HOST-IF] GUEST ADDRESS/LEN[@GATEWAY] [MAC | U:SEED]
landline pipework LINK [-i IF] [-l HOST-IF] GUEST dhcp|0/0 [MAC | U:SEED]
landline pipework --direct-phys NIC [-i IF] GUEST ADDRESS/LEN[@GATEWAY]|dhcp|0/0 [MAC | U:SEED]
landline pipework mac:MAC-OF-NIC …
landline pipework route|rule|tc GUEST WORDS…
landline pipework --wait [-i IF]`;

const usage = (problem: string, advice: string): LandlineError => new LandlineError('USAGE', { problem, advice });

/** @throws LandlineError USAGE with what is wrong, or why this is not done */
export function parsePipework(args: readonly string[]): PipeworkAsk {
  const [first, ...rest] = args;
  if (first === undefined) throw usage('pipework is told nothing', pipeworkSyntax.split('\n')[0] ?? '');
  if (first === '--wait') return { do: 'wait', interface: waitOption(rest) };
  if (first === '--direct-phys') return parseDirect(rest);
  if (first === 'route' || first === 'rule' || first === 'tc') return parseRun(first, rest);
  return parseAttach(first, rest);
}

function waitOption(rest: readonly string[]): string {
  if (rest.length === 0) return 'eth1';
  const [option, name, ...more] = rest;
  if (option !== '-i' || name === undefined || more.length > 0) throw usage(`--wait ${rest.join(' ')}`, 'write --wait [-i IF]');
  return name;
}

function parseRun(verb: 'route' | 'rule' | 'tc', [guest, ...words]: readonly string[]): PipeworkAsk {
  if (guest === undefined || words.length === 0)
    throw usage(`pipework ${verb} needs a container and a command`, `as in: pipework ${verb} shop show`);
  const command = verb === 'tc' ? ['tc', ...words] : ['ip', verb, ...words];
  return { do: 'run', guest: parseGuest(guest), command };
}

function parseDirect([nic, ...rest]: readonly string[]): PipeworkAttach {
  if (nic === undefined) throw usage('--direct-phys names no NIC', 'as in: pipework --direct-phys ens34 shop 192.168.11.101/23');
  return { ...parseAttach(nic, rest), direct: true };
}

function parseAttach(first: string, rest: readonly string[]): PipeworkAttach {
  const link = parseLink(first);
  const { options, words } = takeOptions(rest);
  const [guest, address, ...macs] = words;
  if (guest === undefined) throw usage(`${first}: no container is named`, pipeworkSyntax.split('\n')[0] ?? '');
  if (address === undefined)
    throw usage(`${guest}: no address is named`, 'write ADDRESS/LEN, as in 192.168.11.101/23, or dhcp, or 0/0');
  if (macs.length > 1) {
    // Some write the VLAN as a word of its own.
    if (macs[1]?.startsWith('@') === true) throw vlanRefusal(macs[1]);
    throw usage(`'${macs.slice(1).join(' ')}' is one word too many`, 'put it into quotes, or remove it');
  }
  const mac = macs[0] === undefined ? undefined : parsePipeworkMac(macs[0]);
  return {
    do: 'attach',
    link,
    interface: options.get('-i') ?? 'eth1',
    ...hostEndIn(options),
    guest: parseGuest(guest),
    address: parseAddress(address),
    ...(mac === undefined ? {} : { mac }),
  };
}

/** Between the link and the guest, in any order. */
function takeOptions(rest: readonly string[]): { options: ReadonlyMap<string, string>; words: readonly string[] } {
  const options = new Map<string, string>();
  let at = 0;
  for (; rest[at]?.startsWith('-') === true; at += 2) {
    const [option = '', value] = rest.slice(at, at + 2);
    if (!['-i', '-l', '-a'].includes(option))
      throw usage(`'${option}' is no option of pipework`, 'write -i IF or -l HOST-IF, or leave it out');
    if (value === undefined) throw usage(`${option} is told nothing`, `write a word behind ${option}`);
    if (option === '-a' && !['inet', 'inet4', '4', '-4'].includes(value))
      throw usage(`-a ${value}: only IPv4 here`, 'leave it out; for IPv6 write `subnet6` for the network in landline.yaml');
    options.set(option, value);
  }
  return { options, words: rest.slice(at) };
}

function hostEndIn(options: ReadonlyMap<string, string>): Pick<PipeworkAttach, 'hostInterface'> {
  const name = options.get('-l');
  if (name === undefined) return {};
  if (name.startsWith('ll')) throw usage(`-l ${name}: names that begin with ll are Landline's own`, 'choose another');
  if (!isLinkName(name))
    throw usage(`-l ${name}: that cannot be the name of a link`, 'write at most 15 bytes, without space, / or :');
  return { hostInterface: name };
}

function parseLink(text: string): PipeworkLink {
  if (/^ovs/.test(text))
    throw usage(`${text}: Open vSwitch is not spoken here`, 'put the NIC under a bridge of Linux: `landline host bridge plan`');
  if (!text.startsWith('mac:')) {
    if (text === '' || text.length > 15 || /[\s/:]/.test(text)) throw usage(`'${text}' is no link`, 'name a bridge or a NIC');
    return { name: text };
  }
  const mac = parseMac(text.slice('mac:'.length));
  if (mac === undefined) throw usage(`'${text}' has no MAC`, 'write mac: and the MAC of the NIC, as in mac:00:0c:29:5e:10:20');
  return { mac };
}

function parseGuest(text: string): PipeworkGuest {
  if (text.startsWith('/')) return { kind: 'file', path: text };
  return /^[1-9]\d{0,6}$/.test(text) ? { kind: 'process', pid: Number(text) } : { kind: 'container', container: text };
}

/** pipework names the client that it starts; here the daemon leases the address itself, whatever the name. */
const dhcpWords = /^(dhcp|udhcpc(-f)?|dhclient(-f)?|dhcpcd(-f)?)(:.*)?$/;

function parseAddress(text: string): PipeworkAttach['address'] {
  if (dhcpWords.test(text)) return 'dhcp';
  if (text === '0/0') return 'none';
  const [written = '', router, ...more] = text.split('@');
  const prefix = parsePrefix(written);
  const example = 'write ADDRESS/LEN[@GATEWAY], as in 192.168.11.101/23@192.168.11.1';
  if (!written.includes('/') && parseIpv4(written) !== undefined)
    throw usage(`'${text}' has no prefix length`, `write ${written}/24, or whatever the LAN's is`);
  if (prefix === undefined || more.length > 0) throw usage(`'${text}' is no address with a prefix length`, example);
  if (router === undefined) return { prefix };
  const gateway = parseIpv4(router);
  if (gateway === undefined) throw usage(`'${router}' is no gateway`, example);
  return { prefix, gateway };
}

const vlanRefusal = (text: string): LandlineError =>
  usage(
    `${text}: Landline makes no VLANs`,
    'make the link of the VLAN yourself (`ip link add link ens33 name ens33.7 type vlan id 7`) and name that one',
  );

function parsePipeworkMac(text: string): Mac | { readonly seed: string } {
  if (text.startsWith('U:') && text.length > 2) return { seed: text.slice(2) };
  if (text.includes('@')) throw vlanRefusal(text.slice(text.indexOf('@')));
  const mac = parseMac(text);
  if (mac === undefined)
    throw usage(`'${text}' is no MAC`, 'write one as in 26:2e:71:98:60:8f, or U: and a word that it follows from');
  if (isMulticast(mac)) throw usage(`${mac} is the MAC of a group`, 'let the second digit be 2, 6, a or e');
  return mac;
}
