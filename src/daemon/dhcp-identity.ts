/**
 * What DHCP servers know an endpoint by: the same after every recreate and on every daemon with this installation's id,
 * and never that of another host's environment of the same name.
 */
import { createHash } from 'node:crypto';
import type { DhcpClient } from '../core/dhcp/model.ts';
import type { EndpointSpec, EnvironmentSpec } from '../core/model.ts';
import { endpointMac } from './wish.ts';

/** RFC 4361 section 6.1. */
const clientIdType = 0xff;

/** DUID-UUID (RFC 6355). */
const duidType = [0x00, 0x04];

export function dhcpClient(installation: string, spec: EnvironmentSpec, endpoint: EndpointSpec): DhcpClient {
  return {
    mac: endpointMac(installation, spec, endpoint),
    clientId: clientId(installation, spec, endpoint),
    hostname: endpoint.hostname ?? spec.hostname,
  };
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
