/** Asking the LAN, from inside the sandbox, whether an address is free (RFC 5227 section 2.1). */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProbeProfile } from '../core/model.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import { arpProbe, conflictsWith, decodeArp, encodeArp } from '../wire/arp/arp.ts';
import { WireError } from '../wire/bytes.ts';
import type { Ears } from './ears.ts';

interface Times {
  readonly probes: number;
  /** From one probe to the next, in milliseconds: at least and at most. */
  readonly between: readonly [number, number];
  /** From the last probe to the verdict, in milliseconds. */
  readonly after: number;
}

/** RFC 5227 section 1.1 (PROBE_NUM, PROBE_MIN, PROBE_MAX, ANNOUNCE_WAIT), and a profile for LANs that answer at once. */
const profiles: Readonly<Record<Exclude<ProbeProfile, 'off'> | 'ahead', Times>> = {
  fast: { probes: 3, between: [100, 100], after: 100 },
  // While a container is prepared, which takes some 200 to 500 ms.
  ahead: { probes: 3, between: [50, 50], after: 100 },
  rfc5227: { probes: 3, between: [1000, 2000], after: 2000 },
};

interface ProbeOwn {
  readonly mac: Mac;
  readonly address: Ipv4;
  /** A MAC whose claim is no conflict: that of the endpoint that is to have the address, where somebody else asks for it. */
  readonly former?: Mac;
}

/**
 * Probes for `address` with an ARP socket on a link that is up and has no address.
 * @returns the MAC of whoever has the address or is about to take it, as soon as it is heard; undefined when it is free.
 */
export async function probe(ears: Ears, own: ProbeOwn, profile: ProbeProfile | 'ahead'): Promise<Mac | undefined> {
  if (profile === 'off') return undefined;
  const times = profiles[profile];
  const conflict = new AbortController();
  let holder: Mac | undefined;
  ears.listen((frame) => {
    const heard = holderIn(frame, own);
    if (heard === undefined || holder !== undefined) return;
    holder = heard;
    conflict.abort();
  });
  try {
    for (let count = 1; count <= times.probes && holder === undefined; count += 1) {
      ears.send(encodeArp(arpProbe(own.mac, own.address)));
      const [least, most] = times.between;
      await rest(count === times.probes ? times.after : least + Math.random() * (most - least), conflict.signal);
    }
    return holder;
  } finally {
    ears.listen(undefined);
  }
}

function holderIn(frame: Uint8Array, own: ProbeOwn): Mac | undefined {
  try {
    const heard = decodeArp(frame);
    return conflictsWith(heard, own) && heard.senderMac !== own.former ? heard.senderMac : undefined;
  } catch (error) {
    // What is not ARP for IPv4 says nothing about an address.
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
