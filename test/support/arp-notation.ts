/** ARP as JSON in the field's notation, both ways: what stands beside a capture. */
import { formatIpv4, ipv4 } from '../../src/net/ipv4.ts';
import type { Arp } from '../../src/wire/arp/arp.ts';

type ArpJson = Omit<Arp, 'senderAddress' | 'targetAddress'> & { readonly senderAddress: string; readonly targetAddress: string };

export function arpToJson(it: Arp): ArpJson {
  return { ...it, senderAddress: formatIpv4(it.senderAddress), targetAddress: formatIpv4(it.targetAddress) };
}

export function arpFromJson(json: unknown): Arp {
  // Our own notation, as the function above wrote it and people have read it.
  const it = json as ArpJson;
  return { ...it, senderAddress: ipv4(it.senderAddress), targetAddress: ipv4(it.targetAddress) };
}
