/** Addresses of either family, where both are meant: an IPv4 one is a number, an IPv6 one a text. */
import { formatIpv4, type Ipv4, parseIpv4 } from './ipv4.ts';
import type { Ipv6 } from './ipv6.ts';
import { spellIpv6 } from './prefix6.ts';

export type Address = Ipv4 | Ipv6;

export const isIpv4 = (address: Address): address is Ipv4 => typeof address === 'number';

/** An IPv6 one in its one spelling. */
export const formatAddress = (address: Address): string => (isIpv4(address) ? formatIpv4(address) : address);

/** Undefined for what is none of either. */
export const parseAddress = (text: string): Address | undefined => parseIpv4(text) ?? spellIpv6(text);
