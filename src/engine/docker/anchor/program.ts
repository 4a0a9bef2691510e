/**
 * The program of an anchor, as a static ELF file: it waits for signals, buries what dies below it, and ends with 0 on
 * SIGTERM and SIGINT. It needs no library, no file and no right.
 *
 * Signals are blocked and asked for with rt_sigtimedwait(2): so they are kept even for process 1, which is spared those
 * that it has no handler for (pid_namespaces(7)). Each line is one instruction, beside its bytes, in Intel's syntax and Arm's.
 */

export type Processor = 'amd64' | 'arm64';

/** SIGINT, SIGTERM and SIGCHLD as a sigset_t of the kernel: bits 1, 14 and 16. */
const signals = '02 40 01 00 00 00 00 00';

const amd64 = [
  '31 ff                ', //         xor  edi, edi             SIG_BLOCK
  '48 8d 35 4f 00 00 00 ', //         lea  rsi, [rip + signals]
  '31 d2                ', //         xor  edx, edx
  '6a 08                ', //         push 8
  '41 5a                ', //         pop  r10                  size of a sigset_t
  '6a 0e                ', //         push 14
  '58                   ', //         pop  rax
  '0f 05                ', //         syscall                   rt_sigprocmask
  '48 8d 3d 3d 00 00 00 ', // wait:   lea  rdi, [rip + signals]
  '31 f6                ', //         xor  esi, esi
  '31 d2                ', //         xor  edx, edx             without a limit of time
  '6a 08                ', //         push 8
  '41 5a                ', //         pop  r10
  'b8 80 00 00 00       ', //         mov  eax, 128
  '0f 05                ', //         syscall                   rt_sigtimedwait
  '83 f8 11             ', //         cmp  eax, 17              SIGCHLD
  '74 0d                ', //         je   bury
  '85 c0                ', //         test eax, eax
  '7e e1                ', //         jle  wait                 it was interrupted
  '31 ff                ', //         xor  edi, edi
  'b8 e7 00 00 00       ', //         mov  eax, 231
  '0f 05                ', //         syscall                   exit_group
  '6a ff                ', // bury:   push -1
  '5f                   ', //         pop  rdi                  any child
  '31 f6                ', //         xor  esi, esi
  '6a 01                ', //         push 1
  '5a                   ', //         pop  rdx                  WNOHANG
  '4d 31 d2             ', //         xor  r10, r10
  '6a 3d                ', //         push 61
  '58                   ', //         pop  rax
  '0f 05                ', //         syscall                   wait4
  '85 c0                ', //         test eax, eax
  '7f ec                ', //         jg   bury
  'eb c2                ', //         jmp  wait
  '90 90 90 90 90 90    ', //         up to a multiple of 8
  signals,
];

const arm64 = [
  '00 00 80 d2', //         mov  x0, #0              SIG_BLOCK
  '61 03 00 10', //         adr  x1, signals
  '02 00 80 d2', //         mov  x2, #0
  '03 01 80 d2', //         mov  x3, #8              size of a sigset_t
  'e8 10 80 d2', //         mov  x8, #135
  '01 00 00 d4', //         svc  #0                  rt_sigprocmask
  'c0 02 00 10', // wait:   adr  x0, signals
  '01 00 80 d2', //         mov  x1, #0
  '02 00 80 d2', //         mov  x2, #0              without a limit of time
  '03 01 80 d2', //         mov  x3, #8
  '28 11 80 d2', //         mov  x8, #137
  '01 00 00 d4', //         svc  #0                  rt_sigtimedwait
  '1f 44 00 f1', //         cmp  x0, #17             SIGCHLD
  'c0 00 00 54', //         b.eq bury
  '1f 00 00 f1', //         cmp  x0, #0
  'ed fe ff 54', //         b.le wait                it was interrupted
  '00 00 80 d2', //         mov  x0, #0
  'c8 0b 80 d2', //         mov  x8, #94
  '01 00 00 d4', //         svc  #0                  exit_group
  '00 00 80 92', // bury:   mov  x0, #-1             any child
  '01 00 80 d2', //         mov  x1, #0
  '22 00 80 d2', //         mov  x2, #1              WNOHANG
  '03 00 80 d2', //         mov  x3, #0
  '88 20 80 d2', //         mov  x8, #260
  '01 00 00 d4', //         svc  #0                  wait4
  '1f 00 00 f1', //         cmp  x0, #0
  '2c ff ff 54', //         b.gt bury
  'eb ff ff 17', //         b    wait
  signals,
];

/** By processor: e_machine of elf(5), the largest page that a kernel of it may have, and the instructions. */
const processors = {
  amd64: { machine: 62, page: 0x1000, code: amd64 },
  arm64: { machine: 183, page: 0x10000, code: arm64 },
} as const;

const headers = 64 + 56;
/** Where it is mapped: the file as it is, headers included. */
const base = 0x400000;

/** The file, to be made executable. */
export function anchorProgram(processor: Processor): Uint8Array {
  const { machine, page, code } = processors[processor];
  const text = Buffer.from(code.join('').replaceAll(' ', ''), 'hex');
  const size = headers + text.length;
  const file = Buffer.alloc(size);
  // elf(5), Elf64_Ehdr: 64 bits, little-endian, an executable with one program header and no section.
  Buffer.from('7f454c46020101', 'hex').copy(file);
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(machine, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(base + headers), 24);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt16LE(64, 58);
  // Elf64_Phdr: PT_LOAD, readable and executable, all of the file.
  file.writeUInt32LE(1, 64);
  file.writeUInt32LE(5, 68);
  for (const [at, value] of [
    [80, base],
    [88, base],
    [96, size],
    [104, size],
    [112, page],
  ] as const) {
    file.writeBigUInt64LE(BigInt(value), at);
  }
  text.copy(file, headers);
  return file;
}
