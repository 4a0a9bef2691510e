/** An environment that leases its address, and how it stands. */
import assert from 'node:assert/strict';
import type { LeaseRow } from '../../src/api/contract.ts';
import { answering, type EnvironmentFile, type Office } from '../office.ts';

export const shop = (more: Readonly<Record<string, unknown>> = {}): EnvironmentFile => ({
  name: 'shop',
  'x-landline': { network: 'office', address: 'dhcp', ...more },
  services: { web: answering(80, 'apples') },
});

export async function leaseOf(office: Office, name = 'shop'): Promise<LeaseRow> {
  const found = (await office.api.call<LeaseRow[]>('GET', '/v1/leases')).find((it) => it.environment === name);
  assert.ok(found !== undefined, `${name} leases nothing`);
  return found;
}

/** Without its prefix; empty while there is none. */
export async function addressOf(office: Office, name = 'shop'): Promise<string> {
  return ((await office.ps(name)).endpoints[0]?.addresses[0] ?? '').replace(/\/.*/, '');
}

export async function problemsOf(office: Office, name = 'shop'): Promise<readonly string[]> {
  return (await office.ps(name)).problems.map((it) => it.code);
}
