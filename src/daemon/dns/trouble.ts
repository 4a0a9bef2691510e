/** What stands between this host and a DNS server, before it is known which name waits for it. */
import type { DnsServerAddress } from '../../core/model.ts';
import { LandlineError } from '../../errors.ts';
import { formatIpv4 } from '../../net/ipv4.ts';

export type Trouble =
  /** Nobody answers, or nobody whose answer can be believed. */
  | { readonly kind: 'away'; readonly server: DnsServerAddress; readonly reason: string }
  | { readonly kind: 'key'; readonly server: DnsServerAddress; readonly key: string; readonly reason: string }
  /** The server's clock is so many seconds ahead. */
  | { readonly kind: 'skewed'; readonly server: DnsServerAddress; readonly seconds: number }
  | { readonly kind: 'refused'; readonly server: DnsServerAddress; readonly zone: string; readonly rcode: string }
  | { readonly kind: 'secret'; readonly file: string; readonly reason: string; readonly advice: string }
  | { readonly kind: 'no-primary'; readonly zone: string; readonly asked: readonly DnsServerAddress[] };

export class DnsError extends Error {
  override readonly name = 'DnsError';
  readonly trouble: Trouble;

  constructor(trouble: Trouble) {
    super(`DNS: ${trouble.kind}`);
    this.trouble = trouble;
  }
}

/** `192.168.11.2`; with its port where that is not 53. */
export const formatServer = ({ address, port }: DnsServerAddress): string =>
  port === 53 ? formatIpv4(address) : `${formatIpv4(address)}:${port}`;

/** The same as an error of the catalogue, about one name. @param leaving whether it is to be taken back at a server of before */
export function troubleOf(name: string, it: Trouble, leaving?: true): LandlineError {
  switch (it.kind) {
    case 'away': {
      const more = leaving === undefined ? {} : { leaving };
      return new LandlineError('DNS_UNREACHABLE', { name, server: formatServer(it.server), reason: it.reason, ...more });
    }
    case 'key':
      return new LandlineError('DNS_KEY_REFUSED', { name, server: formatServer(it.server), key: it.key, reason: it.reason });
    case 'skewed':
      return new LandlineError('DNS_CLOCK_SKEWED', { name, server: formatServer(it.server), seconds: it.seconds });
    case 'refused':
      return new LandlineError('DNS_REFUSED', { name, zone: it.zone, server: formatServer(it.server), rcode: it.rcode });
    case 'secret':
      return new LandlineError('DNS_SECRET_UNUSABLE', { name, file: it.file, reason: it.reason, advice: it.advice });
    case 'no-primary':
      return new LandlineError('DNS_PRIMARY_UNKNOWN', { name, zone: it.zone, asked: it.asked.map(formatServer) });
  }
}
