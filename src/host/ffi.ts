/**
 * The system calls that Node has no door to, through koffi. Nothing outside this room calls C.
 *
 * Every function throws {@link KernelError} with the errno. Buffers are only read or written during the call, except
 * by `sendAsync`, which owns its buffer until it settles.
 */
import os from 'node:os';
import koffi from 'koffi';
import { KernelError } from './kernel-error.ts';

export const AF_INET = 2;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const O_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SOL_IP = 0;
export const IP_RECVERR = 11;
export const SO_RCVBUFFORCE = 33;
const SO_ATTACH_FILTER = 26;
export const SOL_NETLINK = 270;
export const NETLINK_ROUTE = 0;
export const NETLINK_SOCK_DIAG = 4;
export const NETLINK_NETFILTER = 12;
export const NETLINK_LISTEN_ALL_NSID = 8;
export const NETLINK_EXT_ACK = 11;
export const NETLINK_GET_STRICT_CHK = 12;
const CLONE_NEWNET = 0x40000000;
export const MS_BIND = 0x1000;
export const MS_REC = 0x4000;
export const MS_SHARED = 1 << 20;
export const MNT_DETACH = 2;
const MFD_CLOEXEC = 1;

const libc = koffi.load('libc.so.6');
/** linux/filter.h: a count of instructions, and where they are. */
koffi.struct('sock_fprog', { len: 'uint16_t', filter: 'const uint8_t *' });
const c = {
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  bind: libc.func('int bind(int fd, const uint8_t *address, uint32_t length)'),
  send: libc.func('intptr_t send(int fd, const uint8_t *buffer, size_t length, int flags)'),
  recv: libc.func('intptr_t recv(int fd, uint8_t *buffer, size_t length, int flags)'),
  setsockopt: libc.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)'),
  connect: libc.func('int connect(int fd, const uint8_t *address, uint32_t length)'),
  attachFilter: libc.func('int setsockopt(int fd, int level, int name, const sock_fprog *value, uint32_t length)'),
  dup3: libc.func('int dup3(int from, int to, int flags)'),
  close: libc.func('int close(int fd)'),
  memfd_create: libc.func('int memfd_create(const char *name, unsigned int flags)'),
  setns: libc.func('int setns(int fd, int type)'),
  unshare: libc.func('int unshare(int flags)'),
  mount: libc.func(
    'int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *options)',
  ),
  umount2: libc.func('int umount2(const char *target, int flags)'),
};

/**
 * So many calls are with the pool at once, and others wait here: koffi holds memory for each, and throws at the 257th.
 * It is as many as the pool may have threads.
 */
const mostWithPool = 16;
const forPool: (() => void)[] = [];
let withPool = 0;

/** Hands a call over once there is room; to be told when it is done. In the order of asking. */
function callAsync(call: () => void): void {
  if (withPool >= mostWithPool) forPool.push(call);
  else {
    withPool += 1;
    call();
  }
}

function calledAsync(): void {
  withPool -= 1;
  const next = forPool.shift();
  if (next !== undefined) callAsync(next);
}

const namesByErrno = new Map(Object.entries(os.constants.errno).map(([name, number]) => [number, name]));
// What Node has no name for, or two names.
namesByErrno.set(11, 'EAGAIN');
namesByErrno.set(54, 'EXFULL');
namesByErrno.set(95, 'EOPNOTSUPP');

/** errno(3) by number: 17 → `EEXIST`. */
export function errnoName(errno: number): string {
  return namesByErrno.get(errno) ?? `errno ${errno}`;
}

function check(result: number, doing: string): number {
  if (result < 0) throw new KernelError(doing, errnoName(koffi.errno()));
  return result;
}

/** socket(2), always close-on-exec and non-blocking. */
export function openSocket(domain: number, type: number, protocol: number): number {
  return check(c.socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol), `socket(${domain}, ${type}, ${protocol})`);
}

export function bindSocket(fd: number, address: Uint8Array): void {
  check(c.bind(fd, address, address.length), 'bind');
}

export function setOption(fd: number, level: number, name: number, value: number): void {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  check(c.setsockopt(fd, level, name, bytes, 4), `setsockopt(${level}, ${name})`);
}

/** connect(2) of a datagram socket: whom it sends to. */
export function connectSocket(fd: number, address: Uint8Array): void {
  check(c.connect(fd, address, address.length), 'connect');
}

/** SO_ATTACH_FILTER: only frames that the program lets through are queued. @param program array of struct sock_filter */
export function attachFilter(fd: number, program: Uint8Array): void {
  const value = { len: program.length / 8, filter: program };
  check(c.attachFilter(fd, SOL_SOCKET, SO_ATTACH_FILTER, value, koffi.sizeof('sock_fprog')), 'setsockopt(SO_ATTACH_FILTER)');
}

/** send(2) on the calling thread: for what cannot wait for a lock (reads, packets). */
export function sendNow(fd: number, buffer: Uint8Array): void {
  check(c.send(fd, buffer, buffer.length, 0), 'send');
}

/** send(2) on a pool thread, for requests that wait for the kernel's rtnl lock: creating and deleting. */
export function sendAsync(fd: number, buffer: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    callAsync(() =>
      c.send.async(fd, buffer, buffer.length, 0, (error: unknown, sent: number) => {
        // koffi keeps the errno of the pool thread for its callback.
        if (sent < 0) reject(new KernelError('send', errnoName(koffi.errno())));
        else if (error instanceof Error) reject(error);
        else resolve();
        calledAsync();
      }),
    );
  });
}

/** One datagram, or undefined where none waits. The returned bytes are a copy. */
export function receiveNow(fd: number, buffer: Uint8Array): Uint8Array | undefined {
  const length = c.recv(fd, buffer, buffer.length, 0);
  if (length >= 0) return buffer.slice(0, length);
  const errno = errnoName(koffi.errno());
  if (errno === 'EAGAIN') return undefined;
  throw new KernelError('recv', errno);
}

export function duplicateOnto(from: number, to: number): void {
  check(c.dup3(from, to, O_CLOEXEC), 'dup3');
}

export function closeFd(fd: number): void {
  check(c.close(fd), 'close');
}

/** memfd_create(2): a file in memory that has no name, close-on-exec. The caller closes it. */
export function openMemory(name: string): number {
  return check(c.memfd_create(name, MFD_CLOEXEC), 'memfd_create');
}

/** close(2) on a pool thread, for a socket whose last close waits for the kernel. */
export function closeAsync(fd: number): Promise<void> {
  return new Promise((resolve) => {
    callAsync(() =>
      // The fd is gone whatever close says.
      c.close.async(fd, () => {
        resolve();
        calledAsync();
      }),
    );
  });
}

/** setns(2) of the calling thread alone. */
export function setNetns(fd: number): void {
  check(c.setns(fd, CLONE_NEWNET), 'setns');
}

/** unshare(2) of the calling thread alone. */
export function unshareNetns(): void {
  check(c.unshare(CLONE_NEWNET), 'unshare --net');
}

export function mount(source: string, target: string, type: string | null, flags: number): void {
  check(c.mount(source, target, type, flags, null), `mount ${source} ${target}`);
}

export function unmount(target: string, flags: number): void {
  check(c.umount2(target, flags), `umount ${target}`);
}
