/** What the command line says of an environment before its file: --name, --network, --address, --address6, --hostname. */
import { LandlineError } from '../errors.ts';
import { parseEndpointAddress, parseEndpointNetwork } from './environment-schema.ts';
import { parseAddress6, parseHostname, parseName } from './fields.ts';
import type { Mistake } from './not-yet.ts';
import { isMistake } from './shape.ts';

export interface Overrides {
  readonly name?: string;
  readonly network?: string;
  readonly address?: string;
  readonly address6?: string;
  readonly hostname?: string;
}

const parsers: Readonly<Record<keyof Overrides, (written: string) => string | Mistake>> = {
  name: parseName,
  network: parseEndpointNetwork,
  address: parseEndpointAddress,
  address6: parseAddress6,
  hostname: parseHostname,
};

/** The overrides, checked. @throws LandlineError USAGE */
export function parseOverrides(overrides: Overrides): Overrides {
  const entries = Object.entries(overrides).filter(([, written]) => written !== undefined);
  // Object.entries forgets the keys that the type has.
  const parsed = entries.map(([key, written]) => [key, parseOne(key as keyof Overrides, written)] as const);
  return Object.fromEntries(parsed);
}

function parseOne(key: keyof Overrides, written: string): string {
  const value = parsers[key](written);
  if (isMistake(value))
    throw new LandlineError('USAGE', { problem: `--${key}: ${value.mistake}`, advice: value.next ?? `give another --${key}` });
  return value;
}
