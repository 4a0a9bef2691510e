/**
 * What DHCP servers know an endpoint by: the same after every recreate and on every daemon with this installation's id,
 * and never that of another host's environment of the same name.
 */
import { createHash } from 'node:crypto';
import type { DhcpClient } from '../core/dhcp/model.ts';
import { type DnsConfiguration, defaultLeasing, type EndpointSpec, type EnvironmentSpec, type Network } from '../core/model.ts';
import { type ClientFqdn, FQDN_CANONICAL, FQDN_NO_UPDATE, FQDN_SERVER } from '../wire/dhcp/options.ts';
import { isWithin } from '../wire/dns/name.ts';
import { endpointMac } from './wish.ts';

/** RFC 4361 section 6.1. */
const clientIdType = 0xff;

/** DUID-UUID (RFC 6355). */
const duidType = [0x00, 0x04];

/** @param network what the endpoint joins; @param dns where Landline registers names itself */
export function dhcpClient(
  installation: string,
  spec: EnvironmentSpec,
  endpoint: EndpointSpec,
  network: Network,
  dns: DnsConfiguration,
): DhcpClient {
  const hostname = endpoint.hostname ?? spec.hostname;
  const fqdn = fqdnOf(hostname, network, dns);
  return {
    mac: endpointMac(installation, spec, endpoint),
    clientId: clientId(installation, spec, endpoint),
    hostname,
    ...(fqdn === undefined ? {} : { fqdn }),
  };
}

/** The server is asked to register the name, unless Landline does: two who write one record fight over it (RFC 4702 section 3.3). */
function fqdnOf(
  hostname: string,
  { domain, dhcp = defaultLeasing }: Network,
  { update, serve }: DnsConfiguration,
): ClientFqdn | undefined {
  if (dhcp.name !== 'fqdn' || domain === undefined) return undefined;
  const isOurs = [update?.zone, serve?.zone].some((zone) => zone !== undefined && isWithin(domain, zone));
  const flags = FQDN_CANONICAL | (isOurs ? FQDN_NO_UPDATE : FQDN_SERVER);
  return { flags, rcode1: 0, rcode2: 0, name: `${hostname}.${domain}`.toLowerCase() };
}

/** RFC 4361: the node is the environment, told by its DUID; the IAID tells its endpoints apart. */
function clientId(installation: string, spec: EnvironmentSpec, endpoint: EndpointSpec): string {
  const first = spec.endpoints.find((it) => it.network === endpoint.network);
  const iaid = digest(endpoint.network, ...(first === endpoint ? [] : [endpoint.interface])).subarray(0, 4);
  const uuid = digest(installation, spec.name).subarray(0, 16);
  return [clientIdType, ...iaid, ...duidType, ...uuid].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

const digest = (...words: readonly string[]): Uint8Array =>
  createHash('sha256')
    .update(['dhcp', ...words].join('\0'))
    .digest();
