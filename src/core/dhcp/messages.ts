/** What a client says (RFC 2131 table 5). */
import type { Ipv4 } from '../../net/ipv4.ts';
import type { DhcpMessage } from '../../wire/dhcp/dhcp.ts';
import { codeOf, type DhcpOption, type MessageType } from '../../wire/dhcp/options.ts';
import type { DhcpClient, Grant, Instant, Offer } from './model.ts';

/** Asked for in this order: who sends only some begins with these; 121 before 3 and 33 (RFC 3442). */
const parameters = (
  [
    'subnetMask',
    'classlessRoutes',
    'routers',
    'staticRoutes',
    'resolvers',
    'domain',
    'search',
    'hostname',
    'mtu',
    'broadcast',
    'ntpServers',
    'leaseSeconds',
    'renewSeconds',
    'rebindSeconds',
  ] as const
).map(codeOf);

/** What an Ethernet frame carries of UDP. */
const mostBytes = 1472;

/** Where in a transaction a message stands. */
interface Moment {
  readonly xid: number;
  readonly beganAt: Instant;
  readonly now: Instant;
}

export function discover(client: DhcpClient, moment: Moment, wanted: Ipv4 | undefined): DhcpMessage {
  const options: readonly DhcpOption[] = wanted === undefined ? [] : [{ option: 'requestedAddress', value: wanted }];
  return asking(client, moment, 'discover', options);
}

export function requestOffer(client: DhcpClient, moment: Moment, { address, server }: Offer): DhcpMessage {
  return asking(client, moment, 'request', [
    { option: 'requestedAddress', value: address },
    { option: 'server', value: server },
  ]);
}

/** INIT-REBOOT: the address in option 50, and no server (section 4.3.2). */
export function requestAgain(client: DhcpClient, moment: Moment, wanted: Ipv4): DhcpMessage {
  return asking(client, moment, 'request', [{ option: 'requestedAddress', value: wanted }]);
}

/** RENEWING and REBINDING: the address in ciaddr, and neither option. */
export function requestMore(client: DhcpClient, moment: Moment, { address }: Grant): DhcpMessage {
  return { ...asking(client, moment, 'request', []), ciaddr: address };
}

export function release(client: DhcpClient, xid: number, { address, server }: Pick<Grant, 'address' | 'server'>): DhcpMessage {
  return { ...telling(client, xid, 'release', [{ option: 'server', value: server }]), ciaddr: address };
}

export function decline(client: DhcpClient, xid: number, { address, server }: Pick<Grant, 'address' | 'server'>): DhcpMessage {
  return telling(client, xid, 'decline', [
    { option: 'requestedAddress', value: address },
    { option: 'server', value: server },
    { option: 'message', value: 'somebody else has this address' },
  ]);
}

function asking(client: DhcpClient, moment: Moment, type: MessageType, options: readonly DhcpOption[]): DhcpMessage {
  const { hostname, fqdn } = client;
  const name: DhcpOption = fqdn === undefined ? { option: 'hostname', value: hostname } : { option: 'fqdn', value: fqdn };
  const secs = Math.min(0xffff, Math.max(0, Math.floor((moment.now - moment.beganAt) / 1000)));
  return {
    ...telling(client, moment.xid, type, [
      ...options,
      { option: 'parameters', value: parameters },
      { option: 'mostBytes', value: mostBytes },
      name,
      { option: 'vendorClass', value: 'landline' },
    ]),
    secs,
  };
}

function telling(client: DhcpClient, xid: number, type: MessageType, options: readonly DhcpOption[]): DhcpMessage {
  return {
    op: 'request',
    hops: 0,
    xid,
    secs: 0,
    broadcast: false,
    ciaddr: 0,
    yiaddr: 0,
    siaddr: 0,
    giaddr: 0,
    chaddr: client.mac,
    options: [{ option: 'messageType', value: type }, { option: 'clientId', value: client.clientId }, ...options],
  };
}
