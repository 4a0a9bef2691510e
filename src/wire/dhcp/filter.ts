/** The packet filter of a DHCP client's socket (linux/filter.h): replies for one MAC, or addressed to it, wake us. */
import type { Mac } from '../../net/mac.ts';
import { macBytes } from '../../net/mac.ts';
import { ByteReader, ByteWriter } from '../bytes.ts';
import { clientPort } from './dhcp.ts';
import { ETH_P_IP } from './frame.ts';

/** Instructions: code, and jump offsets are counted from the next one. */
const LD_WORD = 0x20;
const LD_HALF = 0x28;
const LD_BYTE = 0x30;
const LDX_IP_HEADER = 0xb1;
const LD_HALF_INDEXED = 0x48;
const LD_WORD_INDEXED = 0x40;
const LD_BYTE_INDEXED = 0x50;
const JEQ = 0x15;
const JSET = 0x45;
const RETURN = 0x06;

interface Instruction {
  readonly code: number;
  readonly k: number;
  /** For a test: the frame is dropped when it does not hold, or so many instructions are skipped; `drop-if`: when it holds. */
  readonly otherwise?: 'drop' | 'drop-if' | number;
  /** The frame is let through when the test holds. */
  readonly accept?: true;
}

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
  const instructions: readonly Instruction[] = [
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
    { code: RETURN, k: 0xffff },
  ];
  const writer = new ByteWriter();
  instructions.forEach(({ code, k, otherwise, accept }, at) => {
    const toDrop = instructions.length - at - 1;
    const ifTrue = accept ? toDrop - 1 : otherwise === 'drop-if' ? toDrop : 0;
    const ifFalse = otherwise === 'drop' ? toDrop : typeof otherwise === 'number' ? otherwise : 0;
    writer.u16le(code).u8(ifTrue).u8(ifFalse).u32le(k);
  });
  return writer.u16le(RETURN).u8(0).u8(0).u32le(0).finish();
}
