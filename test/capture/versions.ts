/** Who made a capture. */
import { execFileSync, spawnSync } from 'node:child_process';
import os from 'node:os';

const askVersion: Readonly<Record<string, () => string>> = {
  strace: () => firstLine('strace', '-V').replace(/^strace -- version /, 'strace '),
  tcpdump: () => firstLine('tcpdump', '--version').replace(/ version /, ' '),
  iproute2: () => /iproute2-[^,]*/.exec(firstLine('ip', '-V'))?.[0].replace('-', ' ') ?? 'iproute2',
  arping: () => firstLine('arping', '-V').replace(/ from /, ' of '),
  nft: () => firstLine('nft', '-v').replace(/^nftables v(\S+).*/, 'nftables $1'),
  conntrack: () => firstLine('conntrack', '-V').replace(/^conntrack v(\S+).*/, 'conntrack-tools $1'),
  dnsmasq: () =>
    /Dnsmasq version \S+/.exec(firstLine('dnsmasq', '--version'))?.[0].replace('Dnsmasq version', 'dnsmasq') ?? 'dnsmasq',
  kea: () => `Kea ${firstLine('kea-dhcp4', '-v')}`,
  dhcpd: () => `ISC dhcpd ${lastWord('dhcpd', '--version')}`,
  dhclient: () => `ISC dhclient ${lastWord('dhclient', '--version')}`,
  dig: () => `BIND's dig ${/[\d.]+/.exec(firstLine('named', '-V'))?.[0]}`,
  nsupdate: () => `BIND's nsupdate ${/[\d.]+/.exec(firstLine('named', '-V'))?.[0]}`,
  named: () => `BIND's named ${/[\d.]+/.exec(firstLine('named', '-V'))?.[0]}`,
  busybox: () => /BusyBox v[^ ]*/.exec(firstLine('busybox'))?.[0] ?? 'BusyBox',
};

function firstLine(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n')[0] ?? '';
}

/** They write it where others write errors. */
const lastWord = (program: string, ...args: readonly string[]): string =>
  spawnSync(program, args, { encoding: 'utf8' }).stderr.trim().split('-').at(-1) ?? '';

/** `strace 6.1, Linux 6.18.44, iproute2 6.1.0` */
export function versions(recorder: string, ...programs: readonly string[]): string {
  const ask = (program: string): string => askVersion[program]?.() ?? program;
  return [ask(recorder), `${os.type()} ${os.release()}`, ...programs.map(ask)].join(', ');
}

export const today = (): string => new Date().toISOString().slice(0, 10);
