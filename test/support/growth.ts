/** Whether what is weighed after each round grows with the rounds, or only goes up and down. */

/** Rounds at the start in which a process comes to its size. */
const warmUp = 2;

/**
 * Of the rounds after the first two, the earlier half against the later one, each by its median, so that one odd round says
 * nothing. @returns by how much it grows from round to round; undefined where there are too few rounds to tell
 */
export function growthPerRound(weights: readonly number[]): number | undefined {
  const judged = weights.slice(warmUp);
  const half = Math.floor(judged.length / 2);
  if (half === 0) return undefined;
  // From the middle of the one to the middle of the other.
  return (median(judged.slice(-half)) - median(judged.slice(0, half))) / (judged.length - half);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low = 0, high = 0] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return (low + high) / 2;
}
