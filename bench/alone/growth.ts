/** What one more attach takes on a bridge that has many endpoints already. */
import { type Spread, spreadOf } from '../measure.ts';
import type { Office } from './office.ts';

/** So many attaches are summed up at each size, or as many as there are. */
const window = 40;

export interface GrowthTimings {
  /** Milliseconds, `attachMs`, of the last attaches until there were so many endpoints. */
  readonly sizes: readonly { readonly endpoints: number; readonly attach: Spread }[];
}

export async function measureGrowth(office: Office, { sizes }: { readonly sizes: readonly number[] }): Promise<GrowthTimings> {
  const took: number[] = [];
  for (let number = 1; number <= Math.max(...sizes); number += 1) {
    await office.addSandbox(`grown-${number}`);
    took.push((await office.attach(`grown-${number}`, number, 'off')).attachMs);
  }
  const until = (endpoints: number): readonly number[] =>
    took.slice(Math.max(0, endpoints - window), Math.max(endpoints, window));
  return { sizes: sizes.map((endpoints) => ({ endpoints, attach: spreadOf(until(endpoints)) })) };
}
