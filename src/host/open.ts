/** The real {@link Host}. */
import fs from 'node:fs';
import { ETH_P_ARP } from '../wire/arp/arp.ts';
import { dhcpReplyFilter } from '../wire/dhcp/filter.ts';
import { ETH_P_IP } from '../wire/dhcp/frame.ts';
import { ETH_P_IPV6 } from '../wire/ndp/ndp.ts';
import { tcpResetFilter } from '../wire/tcp/reset-filter.ts';
import { endConnections, openSockDiag } from './diag-socket.ts';
import type { Host, Inside, Watch } from './index.ts';
import { kernelOn } from './kernel.ts';
import { bindNewNetns, inNetns, listBoundNetns, netnsInode, openNetns, unbindNetns, writeSysctl } from './netns.ts';
import { openPacketFd, packetSocketOn } from './packet-socket.ts';
import { openRtnetlink } from './rtnetlink-socket.ts';
import { openUdpFd, udpSenderOn } from './udp-socket.ts';
import { watchKernel } from './watch.ts';

/** Opens the door to the kernel of this machine. @throws KernelError EPERM where the user may not. */
export function openHost(): Host {
  const socket = openRtnetlink();
  const lanes = [openRtnetlink(), openRtnetlink()];
  const watches = new Set<Watch>();
  return {
    kernel: kernelOn(socket, lanes),
    sysctl: (name, value, options) => writeSysctl(name, value, options?.optional ?? false),
    within,
    addNetns: async (file) => ({ inode: bindNewNetns(file) }),
    deleteNetns: async (file) => unbindNetns(file),
    listNetns: async (folder) => listBoundNetns(folder),
    holdNetns: (file) => {
      const fd = openNetns(file);
      const close = (): void => fs.closeSync(fd);
      return { path: `/proc/self/fd/${fd}`, inode: fs.fstatSync(fd).ino, close };
    },
    netnsInode,
    watch: async (onEvent, options) => {
      const watch = await watchKernel(onEvent, options);
      watches.add(watch);
      return watch;
    },
    close: () => {
      for (const watch of watches) watch.close();
      for (const it of [socket, ...lanes]) void it.close();
    },
  };
}

async function within<T>(netns: string, body: (inside: Inside) => Promise<T>): Promise<T> {
  const fd = openNetns(netns);
  try {
    const socket = inNetns(fd, openRtnetlink);
    const sockets: { close(): unknown }[] = [];
    const closing = <T extends { close(): unknown }>(it: T): T => {
      sockets.push(it);
      return it;
    };
    const openPacket = (link: number, protocol: number, filter?: Uint8Array): number =>
      inNetns(fd, () => openPacketFd(link, protocol, filter));
    try {
      return await body({
        kernel: kernelOn(socket),
        inode: fs.fstatSync(fd).ino,
        openArp: (link, onFrame) => closing(packetSocketOn(openPacket(link, ETH_P_ARP), onFrame)),
        openDhcp: (link, mac, onFrame) => closing(packetSocketOn(openPacket(link, ETH_P_IP, dhcpReplyFilter(mac)), onFrame)),
        openResets: (link, onFrame) => closing(packetSocketOn(openPacket(link, ETH_P_IP, tcpResetFilter()), onFrame)),
        endConnections: (addresses) => endConnections(closing(inNetns(fd, openSockDiag)), addresses),
        openUdp: (from, port) => closing(udpSenderOn(inNetns(fd, () => openUdpFd(from, port)))),
        openNdp: (link, onFrame) => closing(packetSocketOn(openPacket(link, ETH_P_IPV6), onFrame)),
        sysctl: (name, value, options) => inNetns(fd, () => writeSysctl(name, value, options?.optional ?? false)),
      });
    } finally {
      for (const it of sockets) it.close();
      await socket.close();
    }
  } finally {
    fs.closeSync(fd);
  }
}
