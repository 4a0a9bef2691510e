/**
 * A DHCP client's lease (RFC 2131 section 4.4) as a value: what it is in, what happens to it, what it wants done.
 *
 * Times are instants: milliseconds of a clock that never steps and goes on while the machine sleeps (CLOCK_BOOTTIME);
 * whoever steps the wall clock moves nothing here.
 */
import type { Ipv4 } from '../../net/ipv4.ts';
import type { Mac } from '../../net/mac.ts';
import type { DhcpMessage } from '../../wire/dhcp/dhcp.ts';
import type { ClientFqdn, DhcpRoute } from '../../wire/dhcp/options.ts';

export type Instant = number;

/** Who asks: what a server knows the endpoint by. */
export interface DhcpClient {
  readonly mac: Mac;
  /** As option 61 has it, in pairs of hex digits with colons. */
  readonly clientId: string;
  readonly hostname: string;
  /** In place of the hostname, where the server is told what to do about names (RFC 4702 section 3.1). */
  readonly fqdn?: ClientFqdn;
}

/** What a server granted, as far as it makes sense. */
export interface Grant {
  readonly address: Ipv4;
  /** Bits of the prefix; undefined where the server did not say. */
  readonly prefixLength?: number;
  /** Server identifier (option 54). */
  readonly server: Ipv4;
  /** The default route too; on-link ones first, since others may lead through them. */
  readonly routes: readonly DhcpRoute[];
  readonly resolvers: readonly Ipv4[];
  /** Search domains, the most important first. */
  readonly search: readonly string[];
  readonly ntpServers: readonly Ipv4[];
  readonly mtu?: number;
  /** What the server says of the full name (RFC 4702); `registered`: it keeps the name's A record itself. */
  readonly fqdn?: { readonly name: string; readonly registered: boolean };
  /** When the request was sent that was granted. */
  readonly since: Instant;
  /** T1, T2 and the end; undefined for a lease without end. */
  readonly ends?: { readonly renewAt: Instant; readonly rebindAt: Instant; readonly expiresAt: Instant };
}

/** One transaction: its number, and how far its retransmissions are. */
export interface Exchange {
  readonly xid: number;
  /** When the client began to ask: what `secs` counts from. */
  readonly beganAt: Instant;
  /** When the first of these messages was sent: a lease counts from then. */
  readonly sentAt: Instant;
  /** Messages sent. */
  readonly sent: number;
  readonly resendAt: Instant;
}

export interface Offer {
  readonly address: Ipv4;
  readonly server: Ipv4;
}

/** A NAK of a server that did not grant the lease: it counts where nobody grants it before `at`. */
interface Doubted {
  readonly doubt?: { readonly at: Instant; readonly says?: string };
}

/** NAKs in a row since an address was bound: the next try waits for longer each time. */
interface Refused {
  readonly refusals: number;
}

/** The states of RFC 2131 figure 5. `wanted` is the address that is asked for. */
export type Phase =
  | (Refused & { readonly name: 'init'; readonly startAt: Instant; readonly wanted?: Ipv4 })
  | (Refused & {
      readonly name: 'selecting';
      readonly exchange: Exchange;
      readonly wanted?: Ipv4;
      readonly offers: readonly Offer[];
      /** When the best offer so far is taken; undefined while there is none. */
      readonly decideAt?: Instant;
    })
  | (Refused & { readonly name: 'requesting'; readonly exchange: Exchange; readonly offer: Offer })
  /** The address may be used meanwhile where it is still granted. */
  | { readonly name: 'init-reboot'; readonly startAt: Instant; readonly wanted: Ipv4; readonly grant?: Grant }
  | (Doubted & { readonly name: 'rebooting'; readonly exchange: Exchange; readonly wanted: Ipv4; readonly grant?: Grant })
  | { readonly name: 'bound'; readonly grant: Grant }
  | { readonly name: 'renewing'; readonly grant: Grant; readonly exchange: Exchange }
  | (Doubted & { readonly name: 'rebinding'; readonly grant: Grant; readonly exchange: Exchange })
  | { readonly name: 'released' };

export interface DhcpLease {
  readonly client: DhcpClient;
  readonly phase: Phase;
}

/** Dice, thrown by whoever tells the event. */
export interface Dice {
  /** 32 bits for the next transaction. */
  readonly xid: number;
  /** From 0 to just below 1. */
  readonly jitter: number;
}

export type DhcpEvent = { readonly dice: Dice } & (
  | { readonly kind: 'tick' }
  | { readonly kind: 'heard'; readonly message: DhcpMessage }
  /** Somebody else on the LAN answers for the address. */
  | { readonly kind: 'conflict' }
  /** Somebody asks for it to be renewed now. */
  | { readonly kind: 'renew' }
  /** The link was away: the LAN may be another (RFC 2131 section 3.7). */
  | { readonly kind: 'reattached' }
  | { readonly kind: 'release' }
);

/** Why a reply was not for us, or was no use. */
export type Ignored =
  | 'no reply'
  | 'another transaction'
  | 'another client'
  | 'another server'
  | 'out of turn'
  | 'an unusable address'
  | 'without a lease time'
  | 'without a server';

export type DhcpEffect =
  /** `to` undefined: broadcast. `from` 0: there is no address to send from. */
  | { readonly do: 'send'; readonly message: DhcpMessage; readonly from: Ipv4; readonly to?: Ipv4 }
  /** The address may be used, as granted. `before`: what held until now, where it is a renewal. */
  | { readonly do: 'bind'; readonly grant: Grant; readonly before?: Grant }
  /** The address must not be used any more. */
  | {
      readonly do: 'lose';
      readonly grant: Grant;
      readonly why: 'expired' | 'refused' | 'in conflict' | 'released';
      readonly says?: string;
    }
  | { readonly do: 'ignore'; readonly why: Ignored };

/** The grant by which the address may be used now, if any. */
export function grantOf({ phase }: DhcpLease): Grant | undefined {
  return 'grant' in phase ? phase.grant : undefined;
}
