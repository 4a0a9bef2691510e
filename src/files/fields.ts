/** Texts that mean something to a network: addresses, prefixes, ranges, names; each with its mistakes and their mending. */

import { formatIpv4, type Ipv4, parseIpv4 } from '../net/ipv4.ts';
import type { Ipv6 } from '../net/ipv6.ts';
import { isMulticast, type Mac, parseMac, zeroMac } from '../net/mac.ts';
import { environmentNameRule, isDomainName, isEnvironmentName, isHostname, isLinkName, linkNameRule } from '../net/name.ts';
import { formatPrefix, netmask, type Prefix, parsePrefix, subnetOf } from '../net/prefix.ts';
import { formatPrefix6, type Prefix6, parsePrefix6, spellIpv6, subnetOf6 } from '../net/prefix6.ts';
import { parseRange, type Range } from '../net/range.ts';
import type { Mistake } from './not-yet.ts';
import { isMistake } from './shape.ts';

/** `192.168.11.101` */
export function parseAddress(written: string): Ipv4 | Mistake {
  const address = parseIpv4(written);
  if (address !== undefined) return address;
  const prefix = parsePrefix(written);
  const mistake = `'${written}' is no IPv4 address`;
  if (prefix !== undefined) return { mistake, next: `leave out the prefix length: ${formatIpv4(prefix.address)}` };
  if (written.includes(':'))
    return { mistake, next: "write an IPv4 address; an IPv6 one has keys of its own: 'address6', 'subnet6', 'gateway6'" };
  return { mistake, next: 'write four numbers of 0 to 255, without leading zeros, as in 192.168.11.101' };
}

/** `2001:db8:10::101`, of any spelling. */
export function parseAddress6(written: string): Ipv6 | Mistake {
  const address = spellIpv6(written);
  const mistake = `'${written}' is no IPv6 address of a host`;
  if (address === undefined) return { mistake, next: 'write it without prefix length and zone, as in 2001:db8:10::101' };
  if (/^ff|^fe[89ab]|^::1?$/.test(address)) return { mistake, next: "write one of the network's subnet6" };
  return address;
}

/** `fe80::1` too: routers have such addresses. */
export function parseRouter6(written: string): Ipv6 | Mistake {
  const address = spellIpv6(written);
  return address !== undefined && /^fe[89ab]/.test(address) ? address : parseAddress6(written);
}

/** `2001:db8:10::/64` */
export function parseSubnet6(written: string): Prefix6 | Mistake {
  const prefix = parsePrefix6(written);
  if (prefix === undefined) return { mistake: `'${written}' is no IPv6 subnet`, next: 'write it as in 2001:db8:10::/64' };
  const subnet = subnetOf6(prefix);
  if (subnet.address !== prefix.address) return { mistake: `'${written}' has host bits`, next: `write ${formatPrefix6(subnet)}` };
  if (prefix.length < 16 || prefix.length > 126)
    return { mistake: `'${written}' can be no LAN's`, next: 'write a prefix length of 16 to 126; most LANs have 64' };
  if (/^ff|^fe[89ab]|^::/.test(subnet.address))
    return { mistake: `'${written}' can be no LAN's`, next: "write the LAN's own subnet" };
  return prefix;
}

/** `192.168.10.0/23`: host bits are refused, and what no LAN can be. */
export function parseSubnet(written: string): Prefix | Mistake {
  const prefix = parsePrefix(written);
  if (prefix === undefined) return explainSubnet(written);
  const subnet = subnetOf(prefix);
  if (subnet.address !== prefix.address) return { mistake: `'${written}' has host bits`, next: `write ${formatPrefix(subnet)}` };
  if (prefix.length > 30)
    return { mistake: `'${written}' has no room for a host and its gateway`, next: 'write a prefix length of 30 or less' };
  if (prefix.length < 8) return { mistake: `'${written}' is larger than any LAN`, next: 'write a prefix length of 8 or more' };
  const first = prefix.address >>> 24;
  if (first === 0 || first === 127 || first >= 224)
    return { mistake: `no host of a LAN can have an address of '${written}'`, next: "write the LAN's own subnet" };
  return prefix;
}

function explainSubnet(written: string): Mistake {
  const [head = '', tail] = written.split('/');
  const address = parseIpv4(head);
  const mistake = `'${written}' is no subnet`;
  if (address === undefined) return { mistake };
  if (tail === undefined)
    return { mistake, next: `add its prefix length, as in ${formatPrefix(subnetOf({ address, length: 24 }))}` };
  const mask = parseIpv4(tail);
  const length =
    mask === undefined ? -1 : Array.from({ length: 33 }, (_, bits) => bits).findIndex((bits) => netmask(bits) === mask);
  return length < 0
    ? { mistake, next: 'write a prefix length of 8 to 30' }
    : { mistake, next: `write ${formatPrefix(subnetOf({ address, length }))}` };
}

/** `192.168.11.100-192.168.11.250`, or one address. */
export function parsePoolRange(written: string): Range | Mistake {
  const range = parseRange(written);
  if (range !== undefined) return range;
  const [first = '', last = ''] = written.split('-').map((part) => part.trim());
  const mistake = `'${written}' is no range of addresses`;
  if (parseRange(`${last}-${first}`) !== undefined)
    return { mistake: `the range '${written}' ends before it begins`, next: `write ${last}-${first}` };
  if (/^\d{1,3}$/.test(last) && parseIpv4(first) !== undefined)
    return { mistake, next: `write the last address whole: ${first}-${first.replace(/\d+$/, last)}` };
  return { mistake, next: 'write FIRST-LAST, as in 192.168.11.100-192.168.11.250, or one address' };
}

/** A prefix that a route leads to; an address is a prefix of length 32. */
export function parseRouteTarget(written: string): string | Mistake {
  const prefix = parsePrefix(parseIpv4(written) === undefined ? written : `${written}/32`);
  if (prefix === undefined) return { mistake: `'${written}' is no prefix`, next: 'write a prefix, as in 10.50.0.0/24' };
  if (prefix.length === 0)
    return { mistake: 'a route to everything is the gateway', next: "write 'gateway: ADDRESS' instead of this route" };
  const subnet = subnetOf(prefix);
  return subnet.address === prefix.address
    ? formatPrefix(prefix)
    : { mistake: `'${written}' has host bits`, next: `write ${formatPrefix(subnet)}` };
}

/** A MAC that a link may have as its own. */
export function parseOwnMac(written: string): Mac | Mistake {
  const mac = parseMac(written);
  const next = 'write six pairs of hex digits, as in 02:4c:4c:00:00:01';
  if (mac === undefined) return { mistake: `'${written}' is no MAC address`, next };
  if (mac === zeroMac)
    return { mistake: 'no link can have the MAC 00:00:00:00:00:00', next: 'choose another, or remove it: then it is derived' };
  if (!isMulticast(mac)) return mac;
  return {
    mistake: `'${written}' is a multicast MAC`,
    next: 'make its first pair even, as in 02:4c:4c:00:00:01, or remove it: then it is derived',
  };
}

export function parseLinkName(written: string): string | Mistake {
  return isLinkName(written)
    ? written
    : { mistake: `'${written}' cannot be the name of a link`, next: `choose one of ${linkNameRule}` };
}

export function parseHostname(written: string): string | Mistake {
  if (isHostname(written)) return written;
  const label = written.split('.')[0] ?? '';
  const mistake = `'${written}' cannot be a hostname`;
  if (written.includes('.') && isHostname(label)) return { mistake, next: `write '${label}': the domain is the network's` };
  return { mistake, next: "write letters, digits and '-', at most 63, no '-' at either end" };
}

/** Domain names are compared without case: lower case is the one spelling. */
export function parseDomain(written: string): string | Mistake {
  if (isDomainName(written)) return written.toLowerCase();
  const bare = written.replace(/^\.|\.$/g, '');
  const mistake = `'${written}' is no domain name`;
  return {
    mistake,
    next: isDomainName(bare)
      ? `write '${bare}', without the dot at its end`
      : "write labels of letters, digits and '-', as in test.office.example",
  };
}

/** A name of an environment or a service. */
export function parseName(written: string): string | Mistake {
  if (isEnvironmentName(written)) return written;
  const mended = written
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 63);
  const mistake = `'${written}' cannot be the name of an environment or service`;
  return {
    mistake,
    next: isEnvironmentName(mended) ? `write '${mended}' (${environmentNameRule})` : `write ${environmentNameRule}`,
  };
}

/** As Docker names its networks, at most 63 characters. */
export function parseNetworkName(written: string): string | Mistake {
  if (/^[a-z0-9][a-z0-9_.-]{0,62}$/i.test(written)) return written;
  return {
    mistake: `'${written}' cannot be the name of a network`,
    next: "write letters, digits, '-', '_' and '.', at most 63, beginning with a letter or digit",
  };
}

/** What stands before the name of an environment whose network is shared, as in Docker's `--network`. */
export const joinPrefix = 'container:';

/** `container:NAME`; undefined when it is something else. */
export function parseJoined(written: string): string | Mistake | undefined {
  if (!written.startsWith(joinPrefix)) return undefined;
  const name = parseName(written.slice(joinPrefix.length));
  return isMistake(name) ? name : written;
}

export function parseInstallationId(written: string): string | Mistake {
  if (/^[a-z0-9][a-z0-9_.-]{0,62}$/i.test(written)) return written;
  return { mistake: `'${written}' cannot be an installation's id`, next: "write letters, digits, '-', '_' and '.', at most 63" };
}
