/** The packet filter of a socket that hears resets: segments of TCP (RFC 9293) with RST, over IPv4. */
import { ETH_P_IP } from '../dhcp/frame.ts';
import { JEQ, JSET, LD_BYTE, LD_BYTE_INDEXED, LD_HALF, LDX_IP_HEADER, packetFilter } from '../packet-filter.ts';

const ethernet = 14;
const IPPROTO_TCP = 6;
const RST = 0x04;

/** @returns the array of struct sock_filter that SO_ATTACH_FILTER takes */
export function tcpResetFilter(): Uint8Array {
  return packetFilter([
    { code: LD_HALF, k: 12 },
    { code: JEQ, k: ETH_P_IP, otherwise: 'drop' },
    { code: LD_BYTE, k: ethernet + 9 },
    { code: JEQ, k: IPPROTO_TCP, otherwise: 'drop' },
    { code: LD_HALF, k: ethernet + 6 },
    { code: JSET, k: 0x1fff, otherwise: 'drop-if' },
    { code: LDX_IP_HEADER, k: ethernet },
    { code: LD_BYTE_INDEXED, k: ethernet + 13 },
    { code: JSET, k: RST, otherwise: 'drop' },
  ]);
}
