/** The packet filter of a DHCP client's socket (linux/filter.h): replies for one MAC, or addressed to it, wake us. */
import type { Mac } from '../../net/mac.ts';
import { macBytes } from '../../net/mac.ts';
import { ByteReader } from '../bytes.ts';
import {
  JEQ,
  JSET,
  LD_BYTE,
  LD_BYTE_INDEXED,
  LD_HALF,
  LD_HALF_INDEXED,
  LD_WORD,
  LD_WORD_INDEXED,
  LDX_IP_HEADER,
  packetFilter,
} from '../packet-filter.ts';
import { clientPort } from './dhcp.ts';
import { ETH_P_IP } from './frame.ts';

/**
 * IPv4, UDP, not a fragment, to port 68, a reply, `chaddr` that of the client: without the last, each client on a bridge
 * would be woken by every other's broadcast replies. A reply with another's `chaddr` that came to our MAC alone was meant
 * for us, and is let through to be counted: no server sends it, and it wakes nobody else.
 * @returns the array of struct sock_filter that SO_ATTACH_FILTER takes
 */
export function dhcpReplyFilter(mac: Mac): Uint8Array {
  const address = new ByteReader(macBytes(mac));
  const [high, low] = [address.u32(), address.u16()];
  const ethernet = 14;
  const dhcp = ethernet + 8;
  return packetFilter([
    { code: LD_HALF, k: 12 },
    { code: JEQ, k: ETH_P_IP, otherwise: 'drop' },
    { code: LD_BYTE, k: ethernet + 9 },
    { code: JEQ, k: 17, otherwise: 'drop' },
    { code: LD_HALF, k: ethernet + 6 },
    { code: JSET, k: 0x1fff, otherwise: 'drop-if' },
    { code: LDX_IP_HEADER, k: ethernet },
    { code: LD_HALF_INDEXED, k: ethernet + 2 },
    { code: JEQ, k: clientPort, otherwise: 'drop' },
    { code: LD_BYTE_INDEXED, k: dhcp },
    { code: JEQ, k: 2, otherwise: 'drop' },
    { code: LD_WORD, k: 0 },
    { code: JEQ, k: high, otherwise: 2 },
    { code: LD_HALF, k: 4 },
    { code: JEQ, k: low, accept: true, otherwise: 0 },
    { code: LD_WORD_INDEXED, k: dhcp + 28 },
    { code: JEQ, k: high, otherwise: 'drop' },
    { code: LD_HALF_INDEXED, k: dhcp + 32 },
    { code: JEQ, k: low, otherwise: 'drop' },
  ]);
}
