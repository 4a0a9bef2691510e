/** ARP over Ethernet for IPv4 (RFC 826), with the probes and announcements of RFC 5227. Whole Ethernet frames. */
import { type Ipv4, ipv4Bytes, ipv4FromBytes } from '../../net/ipv4.ts';
import { broadcastMac, type Mac, macBytes, macFromBytes, zeroMac } from '../../net/mac.ts';
import { ByteReader, ByteWriter } from '../bytes.ts';

export const ETH_P_ARP = 0x0806;

/** ```
 *  destination (48) | source (48) | 0x0806 (16)                      Ethernet II
 *  hardware type 1 (16) | protocol 0x0800 (16) | 6 (8) | 4 (8)       RFC 826
 *  operation (16) | sender MAC (48) | sender address (32) | target MAC (48) | target address (32)
 * ``` */
export interface Arp {
  readonly destination: Mac;
  readonly source: Mac;
  readonly operation: 'request' | 'reply';
  readonly senderMac: Mac;
  readonly senderAddress: Ipv4;
  readonly targetMac: Mac;
  readonly targetAddress: Ipv4;
}

/** @throws WireError for a frame that is not ARP for IPv4 over Ethernet; padding behind it is ignored. */
export function decodeArp(frame: Uint8Array): Arp {
  const reader = new ByteReader(frame);
  const destination = macFromBytes(reader.bytes(6, 'the destination'));
  const source = macFromBytes(reader.bytes(6, 'the source'));
  const expect = (value: number, wanted: number, what: string): void => {
    if (value !== wanted) reader.fail(`${what} is ${value}, not ${wanted}`);
  };
  expect(reader.u16('the EtherType'), ETH_P_ARP, 'the EtherType');
  expect(reader.u16('ar$hrd'), 1, 'ar$hrd');
  expect(reader.u16('ar$pro'), 0x0800, 'ar$pro');
  expect(reader.u8('ar$hln'), 6, 'ar$hln');
  expect(reader.u8('ar$pln'), 4, 'ar$pln');
  const operation = reader.u16('ar$op');
  if (operation !== 1 && operation !== 2) reader.fail(`ar$op is ${operation}, neither request nor reply`);
  return {
    destination,
    source,
    operation: operation === 1 ? 'request' : 'reply',
    senderMac: macFromBytes(reader.bytes(6, 'ar$sha')),
    senderAddress: ipv4FromBytes(reader.bytes(4, 'ar$spa')),
    targetMac: macFromBytes(reader.bytes(6, 'ar$tha')),
    targetAddress: ipv4FromBytes(reader.bytes(4, 'ar$tpa')),
  };
}

export function encodeArp(it: Arp): Uint8Array {
  return new ByteWriter()
    .bytes(macBytes(it.destination))
    .bytes(macBytes(it.source))
    .u16(ETH_P_ARP)
    .u16(1)
    .u16(0x0800)
    .u8(6)
    .u8(4)
    .u16(it.operation === 'request' ? 1 : 2)
    .bytes(macBytes(it.senderMac))
    .bytes(ipv4Bytes(it.senderAddress))
    .bytes(macBytes(it.targetMac))
    .bytes(ipv4Bytes(it.targetAddress))
    .finish();
}

/** "Does anybody have this address?" without saying that we do (RFC 5227 section 2.1.1). */
export function arpProbe(mac: Mac, address: Ipv4): Arp {
  return {
    destination: broadcastMac,
    source: mac,
    operation: 'request',
    senderMac: mac,
    senderAddress: 0,
    targetMac: zeroMac,
    targetAddress: address,
  };
}

/** "This address is mine now": corrects every neighbour's cache at once (RFC 5227 section 2.3). */
export function arpAnnouncement(mac: Mac, address: Ipv4): Arp {
  return { ...arpProbe(mac, address), senderAddress: address };
}

/**
 * Whether a frame heard while probing says that somebody else has the address, or is about to take it
 * (RFC 5227 section 2.1.1): any ARP with it as sender, or another's probe for it.
 */
export function conflictsWith(heard: Arp, own: { readonly mac: Mac; readonly address: Ipv4 }): boolean {
  if (heard.senderMac === own.mac) return false;
  if (heard.senderAddress === own.address) return true;
  return heard.operation === 'request' && heard.senderAddress === 0 && heard.targetAddress === own.address;
}
