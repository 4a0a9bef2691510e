/** The change itself, in its order; each part leaves the network working, or the way back undoes it. */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Belongings, belongingsOf, type LinkRef } from '../core/bridge/belongings.ts';
import { planMove } from '../core/bridge/move.ts';
import { rawOf } from '../core/bridge/raw.ts';
import { homeNetns, openHost } from '../host/index.ts';
import { ipv4FromBytes } from '../net/ipv4.ts';
import { ipv6FromBytes } from '../net/ipv6.ts';
import { arpAnnouncement, encodeArp } from '../wire/arp/arp.ts';
import { encodeNdp, ndpAnnouncement } from '../wire/ndp/ndp.ts';
import { attributes } from '../wire/netlink/attribute.ts';
import { encodeLink, IFF_UP, RTM_DELLINK, RTM_NEWLINK, RTM_SETLINK } from '../wire/netlink/link.ts';
import { NLM_F_CREATE, NLM_F_EXCL } from '../wire/netlink/message.ts';
import type { KernelChange, Tables } from '../wire/netlink/tables.ts';
import { linkSysctls, systemdIsOurs, writeLinkSysctl } from './machine.ts';
import { namesIn } from './sight.ts';
import { type Conversion, readText, setPhase, take, writeSafely } from './state.ts';

const linkMessage = { family: 0, hardwareType: 0, index: 0, flags: 0, change: 0, attributes: attributes({}) };

/** `ip link add br0 address … type bridge stp_state 0 forward_delay 0`: a port forwards at once. */
export function addBridge(name: string, mac: string, mtu: number): KernelChange {
  const data = attributes({ IFLA_BR_FORWARD_DELAY: 0, IFLA_BR_STP_STATE: 0 });
  const list = attributes({
    IFLA_IFNAME: name,
    IFLA_ADDRESS: mac,
    IFLA_MTU: mtu,
    IFLA_LINKINFO: attributes({ IFLA_INFO_KIND: 'bridge', IFLA_INFO_DATA: data }),
  });
  return {
    says: `ip link add ${name} address ${mac} mtu ${mtu} type bridge stp_state 0 forward_delay 0`,
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: encodeLink({ ...linkMessage, attributes: list }),
    tolerates: [],
  };
}

const setLink = (link: LinkRef, words: string, change: { readonly up?: true; readonly controller?: number }): KernelChange => ({
  says: `ip link set dev ${link.name} ${words}`,
  type: RTM_SETLINK,
  flags: 0,
  payload: encodeLink({
    ...linkMessage,
    index: link.index,
    ...(change.up === true ? { flags: IFF_UP, change: IFF_UP } : {}),
    attributes: attributes({ IFLA_MASTER: change.controller }),
  }),
  tolerates: [],
});

const deleteLink = (link: LinkRef): KernelChange => ({
  says: `ip link delete dev ${link.name}`,
  type: RTM_DELLINK,
  flags: 0,
  payload: encodeLink({ ...linkMessage, index: link.index }),
  tolerates: [],
});

/** The burst that puts the port under the bridge, and what belongs to it onto the bridge. */
export function enslave(tables: Tables, port: LinkRef, bridge: LinkRef): readonly KernelChange[] {
  return [
    setLink(bridge, 'up', { up: true }),
    setLink(port, `master ${bridge.name}`, { controller: bridge.index }),
    ...planMove(belongingsOf(tables, port), port, bridge, namesIn(tables)),
  ];
}

/** The other way round: everything back onto the port, and the bridge away. */
export function release(tables: Tables, bridge: LinkRef, port: LinkRef): readonly KernelChange[] {
  return [
    setLink(port, 'nomaster', { controller: 0 }),
    ...planMove(belongingsOf(tables, bridge), bridge, port, namesIn(tables)),
    deleteLink(bridge),
  ];
}

/** Sysctls that `to` does not have as `from` has them are set. IPv6 addresses are there at once: nobody else can have them. */
export function takeOverSysctls(from: LinkRef, to: LinkRef): { readonly restore: () => void } {
  const wanted = linkSysctls(from.name);
  const seen = linkSysctls(to.name);
  for (const [name, value] of wanted) {
    if (seen.get(name) !== value && name !== 'ipv6/conf/accept_dad') writeLinkSysctl(to.name, name, value);
  }
  writeLinkSysctl(to.name, 'ipv6/conf/accept_dad', '0');
  return { restore: () => writeLinkSysctl(to.name, 'ipv6/conf/accept_dad', wanted.get('ipv6/conf/accept_dad') ?? '1') };
}

/** Of systemd-run(1): a timer of this boot that runs the watchdog, which need not wait any more then. */
export const timerArguments = (script: string, at: string, seconds: number): readonly string[] => [
  `--unit=landline-way-back-${at.replaceAll(/\D/g, '')}`,
  `--on-active=${seconds}s`,
  '--timer-property=AccuracySec=100ms',
  '/bin/sh',
  script,
  '0',
];

/** Starts who takes the way back in time; it outlives this process, its shell, and the daemon. */
export function startWatchdog(it: Conversion): void {
  const { timeout, at } = it.journal;
  writeSafely(path.join(it.folder, 'deadline'), String(Date.now() + 1000 * timeout), 0o600);
  const script = path.join(it.folder, 'watchdog.sh');
  if (systemdIsOurs()) {
    const { status } = spawnSync('systemd-run', timerArguments(script, at, timeout), { stdio: 'ignore' });
    if (status === 0) return;
  }
  const log = fs.openSync(path.join(it.folder, 'log'), 'a', 0o600);
  try {
    // A session of its own: neither the end of a terminal nor that of this process reaches it.
    const child = spawn('/bin/sh', [script], {
      detached: true,
      stdio: ['ignore', log, log],
      cwd: it.folder,
      env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    child.on('error', () => undefined);
    child.unref();
    if (child.pid === undefined) throw new Error('the watchdog did not start');
    writeSafely(path.join(it.folder, 'watchdog.pid'), String(child.pid), 0o600);
  } finally {
    fs.closeSync(log);
  }
}

/** Runs the script of the way back now. @returns whether all of it is back */
export function goBack(it: Conversion, reason: string): boolean {
  take(it, 'taken');
  const { status } = spawnSync('/bin/sh', [path.join(it.folder, 'way-back.sh'), reason], { stdio: 'ignore', cwd: it.folder });
  if (status !== 0 && readText(path.join(it.folder, 'phase'))?.trim() === 'going back')
    setPhase(it, 'not all of it is back: see log');
  return status === 0;
}

/** Says aloud where the addresses are: three times, since the first may come before the switch has learned the port. */
export async function announce(link: LinkRef, mac: string, addresses: Pick<Belongings, 'addresses'>): Promise<void> {
  const host = openHost();
  const four = addressesOf(addresses, 2).map((it) => encodeArp(arpAnnouncement(mac, ipv4FromBytes(it))));
  const as = linkSysctls(link.name).get('ipv6/conf/forwarding') === '1' ? 'router' : 'host';
  const six = addressesOf(addresses, 10).map((it) => encodeNdp(ndpAnnouncement(mac, ipv6FromBytes(it), as)));
  try {
    await host.within(homeNetns, async ({ openArp, openNdp }) => {
      const [arp, ndp] = [openArp(link.index), openNdp(link.index)];
      try {
        for (let round = 0; round < 3; round += 1) {
          if (round > 0) await sleep(40);
          for (const frame of four) arp.send(frame);
          for (const frame of six) ndp.send(frame);
        }
      } finally {
        arp.close();
        ndp.close();
      }
    });
  } finally {
    host.close();
  }
}

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;

const addressesOf = ({ addresses }: Pick<Belongings, 'addresses'>, family: number): readonly Uint8Array[] =>
  addresses.flatMap((it) =>
    it.family === family ? (rawOf(it.attributes, IFA_LOCAL) ?? rawOf(it.attributes, IFA_ADDRESS) ?? []) : [],
  );

/** In this folder, one after the other. */
export function runCommands(commands: readonly string[], folder: string): void {
  for (const command of commands) spawnSync('/bin/sh', ['-c', command], { stdio: 'ignore', cwd: folder });
}
