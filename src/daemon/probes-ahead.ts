/**
 * What is known of an address before a container's namespace is there, so that nothing has to wait for a probe then: a
 * probe that runs from the host's own place on the bridge while Docker prepares the container, or that the environment
 * itself had the address a moment ago.
 */
import type { Network } from '../core/model.ts';
import { type Host, homeNetns } from '../host/index.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import { openEars } from './ears.ts';
import { probe } from './probe.ts';

export interface ProbesAhead {
  /** Begins to probe for an address that `mac` is to have, unless something is known of it. */
  begin(network: Network, address: Ipv4, mac: Mac): void;
  /** The environment that had it until now is about to have it again. */
  trust(network: string, address: Ipv4): void;
  /** What was found, once the probe is done: the holder's MAC, or none. Undefined where nothing is known: then one has to probe. */
  take(network: string, address: Ipv4): Promise<Finding | undefined>;
}

export interface Finding {
  readonly holder: Mac | undefined;
}

/** What a probe found counts for so many milliseconds; that an address was one's own for as long as it rests from others. */
const freshMs = 3000;
const trustMs = 60_000;

export function probesAhead(host: Host): ProbesAhead {
  const known = new Map<string, Promise<Finding | undefined>>();
  const keyOf = (network: string, address: Ipv4): string => `${network} ${address}`;

  /** Answers come to the bridge's own MAC: the endpoint's is nowhere yet, or in a sandbox that is about to go. */
  const run = async ({ bridge, probe: profile }: Network, address: Ipv4, mac: Mac): Promise<Finding | undefined> => {
    const link = bridge === undefined ? undefined : await host.kernel.getLink(bridge);
    if (link === undefined || !link.up) return undefined;
    return host.within(homeNetns, async (inside) => {
      const ears = openEars(inside, link.index);
      try {
        const ahead = profile === 'fast' ? 'ahead' : profile;
        return { holder: await probe(ears, { mac: link.mac, address, former: mac }, ahead) };
      } finally {
        ears.close();
      }
    });
  };

  const keep = (key: string, finding: Promise<Finding | undefined>, ms: number): void => {
    known.set(key, finding);
    const forget = (): void => {
      if (known.get(key) === finding) known.delete(key);
    };
    finding.then(
      () => void setTimeout(forget, ms).unref(),
      () => forget(),
    );
  };

  return {
    begin: (network, address, mac) => {
      const key = keyOf(network.name, address);
      if (network.bridge === undefined || network.probe === 'off' || known.has(key)) return;
      // What stands in its way stands in the way of the attach too, and is told there.
      keep(
        key,
        run(network, address, mac).catch(() => undefined),
        freshMs,
      );
    },
    trust: (network, address) => keep(keyOf(network, address), Promise.resolve({ holder: undefined }), trustMs),
    take: async (network, address) => {
      const key = keyOf(network, address);
      const finding = known.get(key);
      const found = await finding;
      // Each is used once.
      if (known.get(key) === finding) known.delete(key);
      return found;
    },
  };
}
