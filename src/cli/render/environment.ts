/** Environments as people read them. */
import type { EndpointRow, EnvironmentView, ServiceView, UpView } from '../../api/contract.ts';
import { table } from './table.ts';

/** `shop  running  192.168.11.101` and where to go with it. */
export function upText(it: UpView): string {
  const addresses = it.endpoints.flatMap((endpoint) => endpoint.addresses.map(bare));
  const where = addresses.length === 0 ? 'no address' : addresses.join(', ');
  const attached = it.attachMs === null ? '' : ` (attached in ${it.attachMs.toFixed(1)} ms)`;
  const pace = it.exchangeMs === undefined ? attached : ` (swapped in ${it.exchangeMs.toFixed(1)} ms)`;
  return `${it.name} is ${it.state} at ${where}${pace}\n${problemLines(it)}`;
}

const bare = (address: string): string => address.replace(/\/\d+$/, '');

export function psText(list: readonly EnvironmentView[]): string {
  const rows = list.map((it) => [
    it.name,
    it.state,
    it.engine,
    it.network,
    it.endpoints.flatMap((endpoint) => endpoint.addresses.map(bare)).join(', ') || '-',
    servicesText(it.services),
  ]);
  const lines = list.map((it) => nextLine(it) + problemLines(it));
  return table(['ENVIRONMENT', 'STATE', 'ENGINE', 'NETWORK', 'ADDRESS', 'SERVICES'], rows) + lines.join('');
}

/** How far a second generation is. */
function nextLine({ name, next }: EnvironmentView): string {
  return next === undefined
    ? ''
    : `${name}: its next generation is built, off the LAN until the swap: ${servicesText(next.services)}\n`;
}

function servicesText(services: readonly ServiceView[]): string {
  const running = services.filter((it) => it.state === 'running').length;
  const isWell = (it: ServiceView): boolean => it.state === 'running' && (it.health === null || it.health === 'healthy');
  const others = services.filter((it) => !isWell(it)).map((it) => `${it.name} ${stateText(it)}`);
  return [`${running}/${services.length} running`, ...others].join(', ');
}

export function stateText(it: ServiceView): string {
  if (it.state === 'restarting') return `restarting after ${it.exitStatus ?? '?'}`;
  if (it.state !== 'exited') return it.health === null ? it.state : `${it.state} (${it.health})`;
  return it.exitStatus === null ? 'ended' : `exited ${it.exitStatus}`;
}

function problemLines(it: EnvironmentView): string {
  return it.problems.map((problem) => `${it.name}: ${problem.code}: ${problem.message}\n→ ${problem.next}\n`).join('');
}

export function serviceTable(it: EnvironmentView): string {
  const rows = it.services.map((service) => [
    service.name,
    stateText(service),
    service.pid === null ? '-' : String(service.pid),
    String(service.restarts),
  ]);
  return table(['SERVICE', 'STATE', 'PID', 'RESTARTS'], rows) + nextLine(it);
}

/** `pool`, `dhcp, bound until 2026-01-31T14:05:00.000Z` */
function leaseText({ source, state, expiresAt }: EndpointRow['lease']): string {
  return source === 'dhcp' ? `dhcp, ${state}${expiresAt === null ? '' : ` until ${expiresAt}`}` : source;
}

export function endpointTable(list: readonly EndpointRow[]): string {
  const rows = list.map((it) => [
    it.environment,
    it.network,
    it.interface,
    it.mac,
    it.addresses.join(', '),
    it.gateway ?? '-',
    leaseText(it.lease),
  ]);
  return table(['ENVIRONMENT', 'NETWORK', 'INTERFACE', 'MAC', 'ADDRESS', 'GATEWAY', 'LEASE'], rows);
}
