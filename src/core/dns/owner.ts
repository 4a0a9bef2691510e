/** Whose a name is: a TXT record beside its addresses says so, `landline:INSTALLATION:ENVIRONMENT`. */
import type { DataOf, RecordData } from '../../wire/dns/records/index.ts';
import { formatData } from './format.ts';

export interface Owner {
  readonly installation: string;
  readonly environment: string;
}

export function ownerRecord({ installation, environment }: Owner): DataOf<'TXT'> {
  return { kind: 'TXT', texts: [`landline:${installation}:${environment}`] };
}

/** Undefined for a record that says nothing of an owner. */
export function parseOwner(data: RecordData): Owner | undefined {
  if (data.kind !== 'TXT' || data.texts.length !== 1) return undefined;
  const [, installation, environment] = /^landline:([\w.-]+):([a-z0-9-]+)$/.exec(data.texts[0] ?? '') ?? [];
  return installation === undefined || environment === undefined ? undefined : { installation, environment };
}

/** Who holds a name, for people, from what stands there. */
export function describeHolder(seen: readonly RecordData[], installation: string): string {
  const owner = seen.map(parseOwner).find((it) => it !== undefined);
  if (owner === undefined)
    return `records that Landline did not make: ${seen.map(formatData).join(', ') || 'of a type we did not ask for'}`;
  const where = owner.installation === installation ? 'this host' : `another Landline host (installation ${owner.installation})`;
  return `environment '${owner.environment}' of ${where}`;
}
