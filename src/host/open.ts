/** The real {@link Host}. */
import fs from 'node:fs';
import { arpSocketOn, openArpFd } from './arp-socket.ts';
import type { Host, Inside, Watch } from './index.ts';
import { kernelOn } from './kernel.ts';
import { bindNewNetns, inNetns, listBoundNetns, netnsInode, openNetns, unbindNetns, writeSysctl } from './netns.ts';
import { openRtnetlink } from './rtnetlink-socket.ts';
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
    const arps: { close(): void }[] = [];
    try {
      return await body({
        kernel: kernelOn(socket),
        inode: fs.fstatSync(fd).ino,
        openArp: (link, onFrame) => {
          const arp = arpSocketOn(
            inNetns(fd, () => openArpFd(link)),
            onFrame,
          );
          arps.push(arp);
          return arp;
        },
        sysctl: (name, value, options) => inNetns(fd, () => writeSysctl(name, value, options?.optional ?? false)),
      });
    } finally {
      for (const arp of arps) arp.close();
      await socket.close();
    }
  } finally {
    fs.closeSync(fd);
  }
}
