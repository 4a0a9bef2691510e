/** Programs of a packet socket's filter (linux/filter.h, classic BPF): which frames wake us. */
import { ByteWriter } from './bytes.ts';

/** Instructions: code, and jump offsets are counted from the next one. */
export const LD_WORD = 0x20;
export const LD_HALF = 0x28;
export const LD_BYTE = 0x30;
export const LDX_IP_HEADER = 0xb1;
export const LD_HALF_INDEXED = 0x48;
export const LD_WORD_INDEXED = 0x40;
export const LD_BYTE_INDEXED = 0x50;
export const JEQ = 0x15;
export const JSET = 0x45;
const RETURN = 0x06;

export interface Instruction {
  readonly code: number;
  readonly k: number;
  /** For a test: the frame is dropped when it does not hold, or so many instructions are skipped; `drop-if`: when it holds. */
  readonly otherwise?: 'drop' | 'drop-if' | number;
  /** The frame is let through when the test holds. */
  readonly accept?: true;
}

/** A frame that passes every test is kept whole. @returns the array of struct sock_filter that SO_ATTACH_FILTER takes */
export function packetFilter(tests: readonly Instruction[]): Uint8Array {
  const instructions: readonly Instruction[] = [...tests, { code: RETURN, k: 0xffff }];
  const writer = new ByteWriter();
  instructions.forEach(({ code, k, otherwise, accept }, at) => {
    const toDrop = instructions.length - at - 1;
    const ifTrue = accept ? toDrop - 1 : otherwise === 'drop-if' ? toDrop : 0;
    const ifFalse = otherwise === 'drop' ? toDrop : typeof otherwise === 'number' ? otherwise : 0;
    writer.u16le(code).u8(ifTrue).u8(ifFalse).u32le(k);
  });
  return writer.u16le(RETURN).u8(0).u8(0).u32le(0).finish();
}
