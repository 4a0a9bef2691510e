/** Captures of ARP: what the kernel, iputils and busybox send, as tcpdump saw it pass a bridge. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatIpv4 } from '../../src/net/ipv4.ts';
import { zeroMac } from '../../src/net/mac.ts';
import { type Arp, decodeArp } from '../../src/wire/arp/arp.ts';
import { arpToJson } from '../support/arp-notation.ts';
import { writeCapture } from '../support/captures.ts';
import { prepare } from './prepare.ts';
import { framesWhile, type Shown } from './tcpdump.ts';
import { today, versions } from './versions.ts';

const folder = new URL('../../src/wire/arp/captures/', import.meta.url);

/** Two machines on a bridge, of which one sends. */
const preparation = `
ip netns add shop
ip netns add pc
ip link add br0 up type bridge
ip link add ll0 up master br0 type veth peer name eth0 address 02:4c:4c:00:00:01 netns shop
ip link add ll1 up master br0 type veth peer name eth0 address 02:4c:4c:00:00:02 netns pc
ip -n shop link set dev eth0 up
ip -n pc link set dev eth0 up
ip -n shop address add 192.168.11.101/23 dev eth0
ip -n pc address add 192.168.10.20/23 dev eth0
`;

const arping = (options: string, address: string): string => `arping ${options} -c 1 -w 1 -I eth0 ${address}`;

/** What pc does; each frame that it causes is one capture, in its order. */
const cases: Readonly<
  Record<string, { readonly command: string; readonly program: string; readonly frames: readonly string[] }>
> = {
  kernel: { command: 'bash -c "echo >/dev/udp/192.168.11.101/9"', program: 'the kernel itself', frames: ['request', 'reply'] },
  arping: { command: arping('', '192.168.11.101'), program: 'arping', frames: ['request', 'reply'] },
  'probe-taken': { command: arping('-D', '192.168.11.101'), program: 'arping', frames: ['request', 'reply'] },
  'probe-free': { command: arping('-D', '192.168.11.102'), program: 'arping', frames: ['request'] },
  'announcement-request': { command: arping('-U', '192.168.10.20'), program: 'arping', frames: ['request'] },
  'announcement-reply': { command: arping('-A', '192.168.10.20'), program: 'arping', frames: ['reply'] },
  'busybox-probe': { command: `busybox ${arping('-D', '192.168.11.101')}`, program: 'busybox', frames: ['request', 'reply'] },
  'kernel-notify': {
    command: 'sh -c "echo 1 >/proc/sys/net/ipv4/conf/eth0/arp_notify; ip link set dev eth0 address 02:4c:4c:00:00:03"',
    program: 'the kernel itself',
    frames: ['request'],
  },
};

export async function captureArp(): Promise<void> {
  fs.rmSync(folder, { recursive: true, force: true });
  prepare(preparation);
  await sleep(500);
  for (const [name, it] of Object.entries(cases)) {
    const frames = await framesOf(it.command);
    if (frames.length !== it.frames.length) throw new Error(`${name} caused ${frames.length} frames`);
    frames.forEach((frame, index) => {
      const decoded = decodeArp(frame.bytes);
      const ours = inWordsOfTcpdump(decoded);
      if (ours !== frame.reading) throw new Error(`${name}: we read ${ours}, tcpdump reads ${frame.reading}`);
      const origin = { command: it.command, recorder: versions('tcpdump', it.program), date: today() };
      writeCapture(folder, { ...origin, name: `${name}.${it.frames[index]}`, bytes: frame.bytes, value: arpToJson(decoded) });
      console.log(`${name}.${it.frames[index]}: ${frame.reading}`);
    });
  }
}

function framesOf(command: string): Promise<readonly Shown[]> {
  return framesWhile(['-i', 'br0', '-e', 'arp'], /^(?=[0-9a-f]{2}:)/m, () => {
    // Neighbours that are known are asked again some seconds later: that would be a frame of no case.
    for (const machine of ['shop', 'pc']) execFileSync('ip', ['-n', machine, 'neighbour', 'flush', 'all']);
    spawnSync('nsenter', ['--net=/run/netns/pc', 'sh', '-c', command], { stdio: 'ignore' });
  });
}

/** `02:…:02 > ff:…:ff, ethertype ARP (0x0806), length 42: Request who-has 192.168.11.101 tell 192.168.10.20, length 28` */
function inWordsOfTcpdump(it: Arp): string {
  const target = it.targetMac === zeroMac ? '' : ` (${it.targetMac})`;
  const request = `Request who-has ${formatIpv4(it.targetAddress)}${target} tell ${formatIpv4(it.senderAddress)}`;
  const reply = `Reply ${formatIpv4(it.senderAddress)} is-at ${it.senderMac}`;
  const says = it.operation === 'request' ? request : reply;
  return `${it.source} > ${it.destination}, ethertype ARP (0x0806), length 42: ${says}, length 28`;
}
