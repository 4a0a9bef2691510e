/** Captures of sock_diag: how ss asks for sockets and ends one, and what the kernel answers. */
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { SOCK_DESTROY, SOCK_DIAG_BY_FAMILY } from '../../src/wire/diag/inet-diag.ts';
import { decodeMessages } from '../../src/wire/netlink/message.ts';
import { datagramToJson } from '../support/diag-notation.ts';
import { keepTraced, traceCommand } from './strace.ts';

const folder = new URL('../../src/wire/diag/captures/', import.meta.url);

/** Names of the captures by direction and type of their message: the first of each is kept. */
const kept = {
  [`sent ${SOCK_DIAG_BY_FAMILY}`]: 'sockets.request',
  [`received ${SOCK_DIAG_BY_FAMILY}`]: 'sockets.reply',
  [`sent ${SOCK_DESTROY}`]: 'destroy.request',
};

export async function captureDiag(): Promise<void> {
  fs.rmSync(folder, { recursive: true, force: true });
  execFileSync('ip', ['link', 'set', 'dev', 'lo', 'up']);
  execFileSync('ip', ['address', 'add', '192.168.11.101/23', 'dev', 'lo']);
  const script = 'busybox nc -ll -p 80 -e sleep 9 & sleep 0.3; sleep 9 | busybox nc 192.168.11.101 80';
  const talk = spawn('sh', ['-c', script], { stdio: 'ignore' });
  await sleep(800);
  const command = 'ss -K -t dport = 80';
  const datagrams = traceCommand(command.split(' '));
  for (const [wanted, name] of Object.entries(kept)) {
    const found = datagrams.find((it) => `${it.direction} ${decodeMessages(it.bytes)[0]?.type}` === wanted);
    if (found === undefined) throw new Error(`nothing was ${wanted}`);
    const { bytes } = found;
    keepTraced(folder, { name, command, bytes, value: datagramToJson(bytes) }, 'iproute2');
  }
  talk.kill();
}
