/** What the plan compares: how an environment should be, and how it was found. */
import type { Ipv4 } from '../../net/ipv4.ts';
import type { Mac } from '../../net/mac.ts';
import type { Prefix } from '../../net/prefix.ts';
import type { Dependency, ParentLink, ServiceSpec, ServiceStatus } from '../model.ts';
import type { DesiredIpv6, ObservedIpv6 } from './ipv6.ts';
import type { DesiredPrivateEnd, ObservedPrivateEnd } from './private-end.ts';
import type { ObservedSource, SourceRule } from './source-routing.ts';

export interface DesiredRoute {
  readonly to: Prefix;
  readonly via: Ipv4;
}

/** An endpoint with everything decided: its address is in the ledger. */
export interface DesiredEndpoint {
  readonly network: string;
  readonly interface: string;
  /** Of a LAN's endpoint; one that is the child of a NIC has `parent` instead, one of the private network `private`. */
  readonly bridge?: string;
  readonly parent?: ParentLink;
  readonly private?: DesiredPrivateEnd;
  /** Docker makes the link, as a port of `bridge`, whenever it starts the anchor. */
  readonly byDocker?: true;
  readonly mac: Mac;
  /** Name of the host's end of a veth; left out: any. */
  readonly hostInterface?: string;
  readonly address: Prefix;
  /** A router of 0.0.0.0 means that the prefix is on the link itself. */
  readonly routes: readonly DesiredRoute[];
  /** Of one among several: routes for what is sent from its address; see source-routing.ts. */
  readonly bySource?: readonly DesiredRoute[];
  /** On a network with an IPv6 subnet. */
  readonly ipv6?: DesiredIpv6;
  /** The address is leased from the LAN: a link without one has it probed before it is given it. */
  readonly leased?: true;
  /** Of the sandbox's end, where it is to be less than the bridge's. */
  readonly mtu?: number;
  /** Whole, and on no bridge yet: that of a generation which is built beside the one that has the address on the LAN. */
  readonly aside?: true;
}

/** An endpoint whose address is still asked for: a link without one. No service starts before it has it. */
export interface WaitingEndpoint {
  readonly network: string;
  readonly interface: string;
  /** One of the two, as in {@link DesiredEndpoint}. */
  readonly bridge?: string;
  readonly parent?: ParentLink;
  readonly mac: Mac;
  readonly hostInterface?: string;
}

export interface Desired {
  readonly endpoints: readonly DesiredEndpoint[];
  /** Left out: none. */
  readonly waiting?: readonly WaitingEndpoint[];
  /** Links without an address, on which others may set what they like; left out: none. */
  readonly bare?: readonly WaitingEndpoint[];
  /** In the order in which they start. */
  readonly services: readonly DesiredService[];
}

export interface DesiredService {
  readonly spec: ServiceSpec;
  /** Of everything that its process was started with: another digest means a restart. */
  readonly digest: string;
  /** True: somebody stopped it, and it is not to run. */
  readonly stopped?: boolean;
}

/** A route of the sandbox that has a gateway. */
export interface ObservedRoute extends DesiredRoute {
  /** Whether it is one that Landline sets (RTPROT_STATIC); others are left alone. */
  readonly ours: boolean;
}

/** How a macvlan or ipvlan stands, or a NIC that was given away; all of it lives in the sandbox. */
export interface ObservedChild {
  readonly kind: 'macvlan' | 'ipvlan' | 'phys';
  /** Whether alias, group or the ledger say that it is this environment's. */
  readonly ours: boolean;
  /** False of one whose making was cut off before it had its alias. */
  readonly whole: boolean;
  /** The NIC, where it is on this host; what was given away is its own. */
  readonly parent?: { readonly name: string; readonly mtu: number };
}

/** A link of the sandbox, and the host's end of it. */
export interface ObservedEndpoint {
  readonly interface: string;
  readonly mac: Mac;
  readonly mtu: number;
  readonly up: boolean;
  readonly addresses: readonly Prefix[];
  readonly routes: readonly ObservedRoute[];
  readonly bySource?: ObservedSource<Ipv4>;
  /** Left out: no IPv6 at all. */
  readonly ipv6?: ObservedIpv6;
  /** Of a macvlan, an ipvlan, or a NIC that was given away. */
  readonly child?: ObservedChild;
  /** Undefined when the other end is not in the daemon's namespace, or not a veth. */
  readonly hostEnd?: {
    readonly index: number;
    readonly mtu: number;
    readonly up: boolean;
    /** Whether the alias says that it is this environment's. */
    readonly ours: boolean;
    /** Whether the alias says that it was made to be on no bridge yet. */
    readonly aside?: true;
    /** How it stands as a link of the private network; undefined for others. */
    readonly private?: ObservedPrivateEnd;
    /** Name and MTU of the bridge whose port it is. */
    readonly bridge?: { readonly name: string; readonly mtu: number };
  };
}

export interface ObservedService extends ServiceStatus {
  /** Whether its process lives in the sandbox as it is now; only for running ones. */
  readonly inSandbox?: boolean;
}

export interface Observed {
  /** Undefined when there is no sandbox. */
  readonly sandbox?: {
    readonly inode: number;
    /** Whether Landline made it, and ends it with the environment. */
    readonly owned: boolean;
  };
  readonly endpoints: readonly ObservedEndpoint[];
  /** Links of ours on the host whose sandbox's end is nowhere to be seen, as interface names: an older generation. */
  readonly leftovers: readonly string[];
  readonly services: readonly ObservedService[];
  /** Rules of ours that lead to no link's table; left out: none. */
  readonly strayRules?: readonly SourceRule[];
}

/** What the daemon remembers of a service's ends, for its back-off. */
export interface ServiceMemory {
  /** How often it was started again. */
  readonly restarts: number;
  /** Ends in a row that came soon after a start. */
  readonly quickEnds: number;
  /** How often it was started again since somebody asked for it; left out: never. */
  readonly retries?: number;
  /** When its last end was noticed, in milliseconds since 1970. */
  readonly endedAt: number;
  /** Somebody asked for the environment anew since it failed: start it whatever `restart` says. */
  readonly startAnyway: boolean;
  /** It did not end by itself: the plan had it stopped, to start it as it should be. */
  readonly stopped: boolean;
  /** Nobody saw how it ended: its sandbox, the engine or the machine did. */
  readonly unseen?: true;
}

/** One reversible change. A whole attach is one step, with one undo. */
export type Step =
  | { readonly do: 'make-sandbox' }
  | { readonly do: 'remove-sandbox' }
  | { readonly do: 'retire-leftovers' }
  | { readonly do: 'attach'; readonly endpoint: DesiredEndpoint }
  /** A link that Docker has made becomes ours: it gets what Docker does not know of, its mark, and is announced. */
  | { readonly do: 'adopt'; readonly endpoint: DesiredEndpoint }
  /** The sandbox's end of such a link is gone: Docker makes another with another anchor. */
  | { readonly do: 'drop-anchor'; readonly interface: string; readonly why: string }
  /** Links that were aside become ports of their bridges, in place of those of the generation before: all in one go. */
  | { readonly do: 'exchange-ports'; readonly endpoints: readonly DesiredEndpoint[] }
  /** A link without an address. */
  | { readonly do: 'plug'; readonly endpoint: WaitingEndpoint }
  /** In place: every IPv4 address goes, and with them the routes. */
  | { readonly do: 'unaddress'; readonly interface: string; readonly why: string }
  /** In place: another address, once it has been probed; the former one stays until then. */
  | { readonly do: 'readdress'; readonly endpoint: DesiredEndpoint }
  /** In place: a link that is there and ours, but not as it should be. */
  | { readonly do: 'mend'; readonly endpoint: DesiredEndpoint; readonly why: string }
  | { readonly do: 'detach'; readonly interface: string; readonly why: string }
  | { readonly do: 'remove-rules'; readonly rules: readonly SourceRule[] }
  | { readonly do: 'start-service'; readonly service: DesiredService }
  | { readonly do: 'stop-service'; readonly name: string; readonly why: string }
  | { readonly do: 'end-services' };

/** What is to be done, in order; nothing left to do means that the wish is reality. */
export interface Plan {
  readonly steps: readonly Step[];
  /** Look again at this time, in milliseconds since 1970: a back-off ends then. */
  readonly wakeAt?: number;
  /** Services that may not start yet, and the first thing that each waits for. */
  readonly waits?: readonly { readonly service: string; readonly on: Dependency }[];
}
