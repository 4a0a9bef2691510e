/** Times of contenders on a machine that others use too: side by side, as medians with their spread. */

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly count: number;
}

/** @throws Error where there is nothing to sum up */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const [least, most] = [sorted[0], sorted.at(-1)];
  if (least === undefined || most === undefined) throw new Error('no measurement');
  const middle = sorted.slice(Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2) + 1);
  return { median: middle.reduce((sum, it) => sum + it, 0) / middle.length, least, most, count: sorted.length };
}

export interface Contender {
  readonly name: string;
  /** Does the work once. @returns what it took, in the unit of the measurement */
  readonly run: (round: number) => Promise<number>;
}

/**
 * One run of each a round, a different one first each time, so that whatever disturbs the machine disturbs all alike.
 * `after` is not measured.
 */
export async function interleave(
  contenders: readonly Contender[],
  rounds: number,
  after: (round: number) => Promise<void> = async () => {},
): Promise<ReadonlyMap<string, readonly number[]>> {
  const took = new Map<string, number[]>(contenders.map((it) => [it.name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const contender = contenders[(round + turn) % contenders.length];
      if (contender !== undefined) took.get(contender.name)?.push(await contender.run(round));
    }
    await after(round);
  }
  return took;
}
