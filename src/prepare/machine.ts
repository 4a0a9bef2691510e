/** What this machine says of itself: its boot, its namespace, its processes, its sysctls. */
import fs from 'node:fs';
import path from 'node:path';
import { readText } from './state.ts';

export const bootId = (): string => readText('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
/** `net:[4026531840]` */
export const networkNamespace = (): string => fs.readlinkSync('/proc/self/ns/net');
export const uptimeSeconds = (): number => Math.floor(Number(readText('/proc/uptime')?.split(' ')[0] ?? 0));

export interface Process {
  readonly pid: number;
  readonly name: string;
  readonly args: readonly string[];
}

/** Processes in this network namespace. */
export function processesHere(): readonly Process[] {
  const here = networkNamespace();
  return fs.readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      if (fs.readlinkSync(`/proc/${entry}/ns/net`) !== here) return [];
      const args = fs.readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0').slice(0, -1);
      return [{ pid: Number(entry), name: (readText(`/proc/${entry}/comm`) ?? '').trim(), args }];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}

/**
 * The SSH connection that a process was started over: `192.168.11.10 50412 192.168.11.20 22` (ssh(1), SSH_CONNECTION), of
 * itself or of whoever started it, since sudo takes it away. Undefined on a console.
 */
export function sshConnection(pid = process.pid): string | undefined {
  const own = readText(`/proc/${pid}/environ`)?.split('\0') ?? [];
  const found = own.find((it) => it.startsWith('SSH_CONNECTION='))?.slice('SSH_CONNECTION='.length);
  if (found !== undefined && found !== '') return found;
  // The name in parentheses may hold anything; the parent is the second word after it (proc_pid_stat(5)).
  const parent = Number(/^.*\) \S (\d+)/s.exec(readText(`/proc/${pid}/stat`) ?? '')?.[1] ?? 0);
  return parent > 1 ? sshConnection(parent) : undefined;
}

/**
 * Whether systemd is this machine's process 1 and sees this network: in a lab, or a namespace of somebody's, it is
 * another machine's, and what it is asked to do would be done there.
 */
export function systemdIsOurs(): boolean {
  if (!fs.existsSync('/run/systemd/system') || readText('/proc/1/comm')?.trim() !== 'systemd') return false;
  try {
    return fs.readlinkSync('/proc/1/ns/net') === networkNamespace();
  } catch {
    return false;
  }
}

export function findProgram(name: string): string | undefined {
  const folders = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`.split(':');
  return folders.map((it) => path.join(it || '.', name)).find((it) => fs.existsSync(it));
}

/** Writable sysctls of a link, `ipv4/conf`, `ipv6/conf`, `ipv4/neigh`, …, by name. */
export function linkSysctls(link: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const kind of ['ipv4/conf', 'ipv6/conf', 'ipv4/neigh', 'ipv6/neigh']) {
    const folder = `/proc/sys/net/${kind}/${link}`;
    for (const name of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
      const value = (fs.statSync(`${folder}/${name}`).mode & 0o200) === 0 ? undefined : readText(`${folder}/${name}`);
      // stable_secret has none to be read until one is set.
      if (value !== undefined) found.set(`${kind}/${name}`, value.trim());
    }
  }
  return found;
}

/** `name` as in {@link linkSysctls}. What the kernel refuses is left as it is. */
export function writeLinkSysctl(link: string, name: string, value: string): void {
  const at = name.lastIndexOf('/');
  try {
    fs.writeFileSync(`/proc/sys/net/${name.slice(0, at)}/${link}/${name.slice(at + 1)}`, value);
  } catch {
    // Some are read only for this kind of link, or gone with a module.
  }
}
