/** Captures of nfnetlink: what nft and conntrack ask for, and what the kernel answers. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import {
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_NEW,
  NFT_MSG_GETGEN,
  NFT_MSG_NEWGEN,
} from '../../src/wire/netfilter/netfilter.ts';
import { decodeMessages } from '../../src/wire/netlink/message.ts';
import { datagramToJson } from '../support/netfilter-notation.ts';
import { type Datagram, keepTraced, traceCommand } from './strace.ts';

const folder = new URL('../../src/wire/netfilter/captures/', import.meta.url);

/** A flow of UDP that a published port leads on, and one of TCP. */
const preparation = `
ip link set dev lo up
ip address add 192.168.11.20/23 dev lo
ip address add 10.88.0.2/16 dev lo
nft add table ip nat
nft add chain ip nat output { type nat hook output priority -100 ; }
nft add rule ip nat output ip daddr 192.168.11.20 udp dport 5353 dnat to 10.88.0.2:53
bash -c echo>/dev/udp/192.168.11.20/5353
`;

interface Case {
  readonly command: string;
  readonly program: string;
  /** Names of the captures by the type of their message. */
  readonly kept: Readonly<Record<number, string>>;
}

const cases: readonly Case[] = [
  {
    command: 'nft list tables',
    program: 'nft',
    kept: { [NFT_MSG_GETGEN]: 'generation.request', [NFT_MSG_NEWGEN]: 'generation.reply' },
  },
  {
    command: 'conntrack -L -p udp',
    program: 'conntrack',
    kept: { [IPCTNL_MSG_CT_GET]: 'connections.request', [IPCTNL_MSG_CT_NEW]: 'connections.reply' },
  },
  {
    command: 'conntrack -D -p udp --orig-port-dst 5353',
    program: 'conntrack',
    kept: { [IPCTNL_MSG_CT_DELETE]: 'connection-delete.request' },
  },
];

export async function captureNetfilter(): Promise<void> {
  fs.rmSync(folder, { recursive: true, force: true });
  for (const line of preparation.trim().split('\n')) {
    const [, program = '', rest = ''] = /^(\S+) (.*)$/.exec(line) ?? [];
    const args = program === 'bash' ? ['-c', rest.slice(3)] : rest.split(' ');
    execFileSync(program, args, { stdio: 'inherit' });
  }
  for (const it of cases) {
    const datagrams = traceCommand(it.command.split(' '));
    for (const [type, name] of Object.entries(it.kept)) write(name, it, firstOf(datagrams, Number(type)));
  }
}

function firstOf(datagrams: readonly Datagram[], type: number): Datagram {
  const found = datagrams.find((it) => decodeMessages(it.bytes)[0]?.type === type);
  if (found === undefined) throw new Error(`no message of type ${type}`);
  return found;
}

function write(name: string, { command, program }: Case, { bytes }: Datagram): void {
  keepTraced(folder, { name, command, bytes, value: datagramToJson(bytes) }, program);
}
