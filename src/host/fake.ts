/**
 * A {@link Host} in memory: tables that follow the kernel's rules, for tests of whatever stands on a host.
 *
 * Veths cross namespaces, bridges learn and flood, kernels answer ARP; there is no spanning tree, no delay and no
 * IPv6, and a port forwards as soon as both ends of it are up. Any call can be made to fail.
 */

import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mac } from '../net/mac.ts';
import { fakeEthernet, type Lan } from './fake-ethernet.ts';
import { fakeKernel } from './fake-kernel.ts';
import { describeLink, type FakeNetns, findLink, makeLink, makeNetns, removeLink, returnLink } from './fake-tables.ts';
import { type Host, homeNetns, type Inside, type Kernel, type KernelEvent } from './index.ts';
import { KernelError } from './kernel-error.ts';

export interface FakeHostOptions {
  /** The LAN beyond the bridges: hears each ARP frame that a bridge would send out of its uplink, and answers. */
  readonly arp?: Lan;
  /** Calls answer so many milliseconds later, as those of a kernel that has much else to do. */
  readonly latencyMs?: number;
}

export interface Failure {
  readonly errno?: string;
  /** The call takes effect and fails all the same, as one whose acknowledgement is lost; `within` never. */
  readonly done?: boolean;
}

export interface FakeHost extends Host {
  /** Every call that could fail, in its order: `home addLink`, `/run/landline/netns/shop configure`, `addNetns`. */
  readonly calls: readonly string[];
  /** Makes the `count`-th call from now on fail, once; EIO unless another errno is asked for. */
  failAt(count: number, failure?: Failure): void;
  /** Another path of a namespace that is there: `/proc/4711/ns/net`. `deleteNetns` takes it away again. */
  bindNetns(path: string, target: string): void;
  /** Hardware of this host, which outlives any namespace. */
  addNic(name: string, mac: Mac): void;
  /** The greatest MTU that a link takes from now on, wherever it is by then; what it has it keeps. */
  limitMtu(name: string, mtu: number): void;
  /** A file in a folder of namespaces that is none, as a crash leaves it. */
  leaveFile(path: string): void;
  /** What was written to a sysctl, in the namespace at `path` or at home. */
  readSysctl(name: string, path?: string): string | undefined;
  /** Tells those who watch, as the kernel would: an overrun, or what a foreign process did. */
  tell(event: KernelEvent): void;
}

/** Makes one, with lo and nothing else at home. */
export function fakeHost(options: FakeHostOptions = {}): FakeHost {
  // It is the machine's own, and never ends.
  const home = Object.assign(makeNetns(), { holders: 1 });
  const bound = new Map<string, FakeNetns>();
  const files = new Set<string>();
  const watches = new Set<(event: KernelEvent) => void>();
  const ethernet = fakeEthernet(options.arp ?? (() => []));
  let closed = false;
  /** How many namespaces have been held. */
  let held = 0;
  const { calls, failAt, guard, guardNow } = failures(options.latencyMs);

  /** As from the event loop: never before the call that caused it has returned. */
  const tell = (event: KernelEvent): void => {
    for (const watch of watches) queueMicrotask(() => watches.has(watch) && watch(event));
  };

  const find = (file: string): FakeNetns => {
    const netns = file === homeNetns ? home : bound.get(file);
    if (netns === undefined) throw new KernelError(`open ${file}`, files.has(file) ? 'EINVAL' : 'ENOENT');
    return netns;
  };

  const release = (netns: FakeNetns): void => {
    netns.holders -= 1;
    if (netns.holders > 0) return;
    for (const link of [...netns.links.values()]) {
      if (link.permanentMac === undefined) removeLink(link, tell);
      else returnLink(link, home, tell);
    }
  };

  const bind = (file: string, netns: FakeNetns): void => {
    files.delete(file);
    bound.set(file, netns);
    netns.holders += 1;
  };

  const unbind = (file: string): void => {
    files.delete(file);
    const netns = bound.get(file);
    if (bound.delete(file) && netns !== undefined) release(netns);
  };

  const kernelOf = (netns: FakeNetns, where: string, isClosed: () => boolean): Kernel =>
    guarded(fakeKernel({ netns, tell, find }), where, (name, call) => {
      if (isClosed()) return Promise.reject(new Error(`the fake kernel is closed: ${name}`));
      return guard(name, call);
    });

  const insideOf = (netns: FakeNetns, file: string, isClosed: () => boolean): Inside => ({
    kernel: kernelOf(netns, file, isClosed),
    inode: netns.inode,
    // Nobody there speaks IPv6.
    openNdp: (link) => {
      const socket = guardNow(`${file} openNdp`, () => ethernet.open(netns, link));
      return { close: socket.close, send: () => guardNow(`${file} send`, () => undefined) };
    },
    openArp: (link, onFrame) => {
      const socket = guardNow(`${file} openArp`, () => ethernet.open(netns, link, onFrame));
      return { ...socket, send: (frame) => guardNow(`${file} send`, () => socket.send(frame)) };
    },
    // No server is on this LAN.
    openDhcp: () => ({ send: () => guardNow(`${file} send`, () => undefined), close: () => undefined }),
    // Nobody is connected.
    openResets: () => ({ send: () => guardNow(`${file} send`, () => undefined), close: () => undefined }),
    endConnections: () => guardNow(`${file} endConnections`, () => 0),
    openUdp: () => ({ send: () => guardNow(`${file} send`, () => undefined), close: () => undefined }),
    sysctl: (name, value, more) => guardNow(`${file} sysctl`, () => writeSysctl(netns, name, value, more?.optional ?? false)),
  });

  return {
    kernel: kernelOf(home, 'home', () => closed),
    sysctl: (name, value, more) => guardNow('home sysctl', () => writeSysctl(home, name, value, more?.optional ?? false)),
    within: async (file, body) => {
      const netns = await guard('within', async () => find(file));
      netns.holders += 1;
      let ended = false;
      try {
        return await body(insideOf(netns, file, () => ended));
      } finally {
        ended = true;
        release(netns);
      }
    },
    addNetns: (file) =>
      guard('addNetns', async () => {
        if (bound.has(file)) throw new KernelError(`ip netns add ${path.basename(file)}`, 'EEXIST');
        bind(file, makeNetns());
        return { inode: find(file).inode };
      }),
    deleteNetns: (file) => guard('deleteNetns', async () => unbind(file)),
    listNetns: (folder) =>
      guard('listNetns', async () => {
        for (const file of files) if (path.dirname(file) === folder) files.delete(file);
        return [...bound.keys()].filter((file) => path.dirname(file) === folder).map((file) => path.basename(file));
      }),
    holdNetns: (file) =>
      guardNow('holdNetns', () => {
        const netns = find(file);
        held += 1;
        const path = `/proc/self/fd/${held}`;
        bind(path, netns);
        return { path, inode: netns.inode, close: () => unbind(path) };
      }),
    netnsInode: (file) => (file === homeNetns ? home : bound.get(file))?.inode,
    watch: (onEvent) =>
      guard('watch', async () => {
        const watch = (event: KernelEvent): void => onEvent(event);
        watches.add(watch);
        return { close: () => void watches.delete(watch) };
      }),
    close: () => {
      closed = true;
      watches.clear();
    },
    calls,
    failAt,
    bindNetns: (file, target) => bind(file, find(target)),
    addNic: (name, mac) => {
      const nic = makeLink(home, { name, mac, permanentMac: mac, kind: undefined });
      tell({ kind: 'link', change: 'new', link: describeLink(nic) });
    },
    limitMtu: (name, mtu) => {
      for (const { links } of [home, ...bound.values()]) for (const it of links.values()) if (it.name === name) it.mostMtu = mtu;
    },
    leaveFile: (file) => void files.add(file),
    readSysctl: (name, file) => (file === undefined ? home : find(file)).sysctls.get(name),
    tell,
  };
}

interface Failures {
  readonly calls: readonly string[];
  failAt(count: number, failure?: Failure): void;
  guard<T>(name: string, call: () => Promise<T>): Promise<T>;
  guardNow<T>(name: string, call: () => T): T;
}

function failures(latencyMs?: number): Failures {
  const calls: string[] = [];
  const planned = new Map<number, Failure>();
  /** What is planned for this call. */
  const count = (name: string): Failure | undefined => planned.get(calls.push(name));
  const refusal = (name: string, { errno = 'EIO' }: Failure): KernelError =>
    new KernelError(name, errno, 'a failure that was asked for');
  return {
    calls,
    failAt: (fromNow, failure = {}) => void planned.set(calls.length + fromNow, failure),
    guard: async (name, call) => {
      const failure = count(name);
      if (failure !== undefined && failure.done !== true) throw refusal(name, failure);
      const result = await call();
      if (latencyMs !== undefined) await sleep(latencyMs);
      if (failure !== undefined) throw refusal(name, failure);
      return result;
    },
    guardNow: (name, call) => {
      const failure = count(name);
      if (failure !== undefined && failure.done !== true) throw refusal(name, failure);
      const result = call();
      if (failure !== undefined) throw refusal(name, failure);
      return result;
    },
  };
}

function guarded(kernel: Kernel, where: string, guard: Failures['guard']): Kernel {
  const entries = Object.entries(kernel).map(([name, call]) => [
    name,
    (...args: readonly unknown[]) =>
      guard(`${where} ${name}`, () => (call as (...all: readonly unknown[]) => Promise<unknown>)(...args)),
  ]);
  // Each function stands under its own name again, with its own arguments.
  return Object.fromEntries(entries) as Kernel;
}

/** Of the names that depend on a link, those of links that are there; of the others, those of the protocols. */
function writeSysctl(netns: FakeNetns, name: string, value: string, optional: boolean): void {
  const link = /^ipv[46]\/(?:conf|neigh)\/([^/]+)\//.exec(name)?.[1];
  const there =
    link === undefined
      ? /^(ipv[46]|core)\//.test(name)
      : ['all', 'default'].includes(link) || findLink(netns, link) !== undefined;
  if (there) netns.sysctls.set(name, value);
  else if (!optional) throw new KernelError(`sysctl net.${name.replaceAll('/', '.')}=${value}`, 'ENOENT');
}
