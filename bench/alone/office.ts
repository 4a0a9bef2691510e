/** What the measurements of attaching stand on: a bridge, sandboxes, and the parts of a daemon that attaching needs. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { linkGroup } from '../../src/core/mark.ts';
import type { ProbeProfile } from '../../src/core/model.ts';
import { type AttachTimes, type AttachWish, attach } from '../../src/daemon/attach.ts';
import { type Forwarding, watchForwarding } from '../../src/daemon/forwarding.ts';
import { markedLinks } from '../../src/daemon/marked-links.ts';
import { type Host, openHost } from '../../src/host/index.ts';
import { formatIpv4, ipv4 } from '../../src/net/ipv4.ts';
import { macFromDigest } from '../../src/net/mac.ts';
import { prefix } from '../../src/net/prefix.ts';

export const bridge = 'br0';
export const gateway = '192.168.11.1';
/** A subnet that holds a thousand endpoints. */
export const length = 21;
const hostAddress = `192.168.11.20/${length}`;
const installation = 'benchmark';

export interface Office {
  readonly host: Host;
  /** Makes a sandbox that `ip netns` knows too, with lo up and IPv6 off. */
  addSandbox(name: string): Promise<void>;
  /** Attaches it as the daemon does. */
  attach(name: string, number: number, probe: ProbeProfile): Promise<AttachTimes>;
  /** Ends sandboxes, and waits until their links are gone. */
  endSandboxes(names: readonly string[]): Promise<void>;
}

/** The address of the endpoint with this number. */
export const addressOf = (number: number): string => formatIpv4(ipv4('192.168.12.1') + number);

export async function prepareOffice(): Promise<Office> {
  // Our own /run: what is bound there goes with our mount namespace.
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
  fs.mkdirSync('/run/netns');
  const host = openHost();
  // Off for everybody, who would pay for it otherwise: each end that comes up is told to all ports of the bridge.
  host.sysctl('ipv6/conf/all/disable_ipv6', '1', { optional: true });
  host.sysctl('ipv6/conf/default/disable_ipv6', '1', { optional: true });
  await host.kernel.setLink(1, { up: true });
  const { index } = await host.kernel.addLink({ kind: 'bridge', name: bridge, mac: '52:54:00:00:00:20', up: true });
  await host.kernel.addAddress({ link: index, address: prefix(hostAddress) });
  const forwarding = await watch(host);
  return {
    host,
    addSandbox: (name) => addSandbox(host, name),
    attach: (name, number, probe) => attach(host, forwarding, wishOf(name, number, probe)),
    endSandboxes: async (names) => {
      for (const name of names) await host.deleteNetns(netnsOf(name));
      while ((await host.kernel.listLinks()).some((it) => it.kind === 'veth')) await sleep(5);
    },
  };
}

/** Events as the daemon hears them. */
async function watch(host: Host): Promise<Forwarding> {
  const forwarding = watchForwarding();
  const marked = markedLinks(host, installation);
  await host.watch((event) => {
    forwarding.hear(event);
    marked.hear(event);
  });
  return forwarding;
}

const netnsOf = (name: string): string => `/run/netns/${name}`;

async function addSandbox(host: Host, name: string): Promise<void> {
  await host.addNetns(netnsOf(name));
  await host.within(netnsOf(name), async (inside) => {
    inside.sysctl('ipv6/conf/all/disable_ipv6', '1', { optional: true });
    inside.sysctl('ipv6/conf/default/disable_ipv6', '1', { optional: true });
    await inside.kernel.setLink(1, { up: true });
  });
}

function wishOf(name: string, number: number, probe: ProbeProfile): AttachWish {
  return {
    endpoint: {
      network: 'office',
      interface: 'eth0',
      bridge,
      mac: macFromDigest(Uint8Array.of(0, 0, 0, number >> 8, number & 255), 0x02),
      address: { address: ipv4(addressOf(number)), length },
      routes: [{ to: { address: 0, length: 0 }, via: ipv4(gateway) }],
    },
    mark: { installation, environment: name, interface: 'eth0' },
    group: linkGroup(installation),
    netns: netnsOf(name),
    probe,
    target: name,
  };
}
