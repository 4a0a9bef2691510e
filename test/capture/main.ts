/** Makes the captures again: `scripts/capture [NAME…]`, of all where none is named. */
import { execFileSync } from 'node:child_process';
import { captureArp } from './arp.ts';
import { captureDhcp } from './dhcp.ts';
import { captureDiag } from './diag.ts';
import { captureDns } from './dns.ts';
import { captureNdp } from './ndp.ts';
import { captureNetfilter } from './netfilter.ts';
import { captureNetlink } from './netlink.ts';

const captures: Readonly<Record<string, () => Promise<void>>> = {
  arp: captureArp,
  dhcp: captureDhcp,
  diag: captureDiag,
  ndp: captureNdp,
  dns: captureDns,
  netfilter: captureNetfilter,
  netlink: captureNetlink,
};

const wanted = process.argv.slice(2);
for (const name of wanted.length === 0 ? Object.keys(captures) : wanted) {
  const capture = captures[name];
  if (capture === undefined) throw new Error(`no captures are called ${name}: ${Object.keys(captures).join(', ')}`);
  await capture();
}
execFileSync('node_modules/.bin/biome', ['format', '--write', '--log-level=error', 'src/wire'], { stdio: 'inherit' });
