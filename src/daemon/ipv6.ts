/** An endpoint's static IPv6 address: probed, set, announced, put right. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProbeProfile } from '../core/model.ts';
import { type DesiredIpv6, isSurplusAddress6 } from '../core/plan/ipv6.ts';
import type { DesiredEndpoint } from '../core/plan/model.ts';
import { wishOfIpv6 } from '../core/plan/source-routing.ts';
import { LandlineError } from '../errors.ts';
import type { Inside } from '../host/index.ts';
import type { Ipv6 } from '../net/ipv6.ts';
import type { Mac } from '../net/mac.ts';
import { containsAddress6, prefix6 } from '../net/prefix6.ts';
import { WireError } from '../wire/bytes.ts';
import { decodeNdp, encodeNdp, holderIn, ndpAnnouncement, ndpProbe } from '../wire/ndp/ndp.ts';
import { unless } from './refusals.ts';
import { mendSource6 } from './source-routing.ts';

const everywhere = prefix6('::/0');

/** Probes and the wait after each, in milliseconds: as for ARP; RFC 4862 itself asks once, and waits a second. */
const profiles: Readonly<Record<Exclude<ProbeProfile, 'off'>, readonly number[]>> = {
  fast: [100, 100, 100],
  rfc5227: [1000, 1000, 1000],
};

type Wish = Pick<DesiredEndpoint, 'interface' | 'mac' | 'network' | 'ipv6'>;

/**
 * Brings a link that is up, and whose bridge port passes frames, to its IPv6 address: probed where it is new, announced
 * afterwards. IPv6 is on for this link alone, and believes no router's advertisements.
 * @returns how long the probe took, in milliseconds
 * @throws LandlineError ADDRESS_TAKEN
 */
export async function setIpv6(inside: Inside, link: number, wish: Wish, profile: ProbeProfile): Promise<number> {
  if (wish.ipv6 === undefined) return 0;
  const { address, subnet } = wish.ipv6;
  const before = (await inside.kernel.listAddresses6()).filter((it) => it.link === link);
  if (address === undefined) {
    if (!before.some((it) => containsAddress6(subnet, it.address.address))) return 0;
    await mendSource6(inside, link, undefined);
    setSwitch(inside, wish.interface, 'disable_ipv6', '1');
    return 0;
  }
  for (const key of ['accept_ra', 'autoconf', 'disable_ipv6']) setSwitch(inside, wish.interface, key, '0');
  const isNew = !before.some((it) => it.address.address === address);
  const probeMs = isNew ? await probeNew(inside, link, { ...wish, address }, profile) : 0;
  await unless(inside.kernel.addAddress6({ link, address: { address, length: subnet.length } }), 'EEXIST');
  await removeSurplus6(inside, link, wish.ipv6);
  if (wish.ipv6.gateway !== undefined) await inside.kernel.addRoute6({ to: everywhere, via: wish.ipv6.gateway, link });
  await mendSource6(inside, link, wishOfIpv6(wish.ipv6));
  sendNdp(inside, link, encodeNdp(ndpAnnouncement(wish.mac, address)));
  return probeMs;
}

const setSwitch = (inside: Inside, link: string, key: string, value: string): void =>
  inside.sysctl(`ipv6/conf/${link}/${key}`, value);

async function removeSurplus6({ kernel }: Inside, link: number, wish: DesiredIpv6): Promise<void> {
  for (const it of await kernel.listAddresses6())
    if (it.link === link && isSurplusAddress6(wish, it.address)) await unless(kernel.deleteAddress6(it), 'EADDRNOTAVAIL');
  for (const it of await kernel.listRoutes6()) {
    const isOurs = it.link === link && it.to.length === 0 && it.protocol === 'static';
    if (isOurs && it.via !== wish.gateway) await unless(kernel.deleteRoute6(it), 'ESRCH');
  }
}

async function probeNew(
  inside: Inside,
  link: number,
  { mac, address, network }: Pick<Wish, 'mac' | 'network'> & { readonly address: Ipv6 },
  profile: ProbeProfile,
): Promise<number> {
  if (profile === 'off') return 0;
  const begin = performance.now();
  const holder = await probe6(inside, link, { mac, address }, profiles[profile]);
  if (holder !== undefined) throw new LandlineError('ADDRESS_TAKEN', { address, network, holder });
  return performance.now() - begin;
}

/** @returns the MAC of whoever has the address or is about to take it (RFC 4862 section 5.4); undefined when it is free */
async function probe6(
  inside: Inside,
  link: number,
  own: { readonly mac: Mac; readonly address: Ipv6 },
  waits: readonly number[],
): Promise<Mac | undefined> {
  let holder: Mac | undefined;
  const conflict = new AbortController();
  const socket = inside.openNdp(link, (frame) => {
    holder ??= heardHolder(frame, own);
    if (holder !== undefined) conflict.abort();
  });
  try {
    for (const wait of waits) {
      socket.send(encodeNdp(ndpProbe(own.mac, own.address)));
      await sleep(wait, undefined, { signal: conflict.signal }).catch(() => undefined);
      if (holder !== undefined) break;
    }
    return holder;
  } finally {
    socket.close();
  }
}

function heardHolder(frame: Uint8Array, own: { readonly mac: Mac; readonly address: Ipv6 }): Mac | undefined {
  try {
    return holderIn(decodeNdp(frame), own);
  } catch (error) {
    // Most of what IPv6 has to say is about something else.
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function sendNdp(inside: Inside, link: number, frame: Uint8Array): void {
  const socket = inside.openNdp(link);
  try {
    socket.send(frame);
  } finally {
    socket.close();
  }
}
