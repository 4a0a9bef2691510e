/**
 * Sets of addresses as ranges: in order, apart from one another by at least one address. A set of 65,536 in a row is one
 * range, so that looking for the first address outside it takes no walk. Nothing here changes its arguments.
 */
import type { Ipv4 } from '../../net/ipv4.ts';
import { type Range, rangeContains } from '../../net/range.ts';

export type Ranges = readonly Range[];

/** Any ranges as such a set. */
export function mergeRanges(ranges: readonly Range[]): Ranges {
  const merged: Range[] = [];
  for (const range of [...ranges].sort((a, b) => a.first - b.first)) {
    const before = merged.at(-1);
    if (before === undefined || range.first > before.last + 1) merged.push(range);
    else merged[merged.length - 1] = { first: before.first, last: Math.max(before.last, range.last) };
  }
  return merged;
}

export function clipRanges(set: Ranges, bounds: Range): Ranges {
  return set
    .map((range) => ({ first: Math.max(range.first, bounds.first), last: Math.min(range.last, bounds.last) }))
    .filter((range) => range.first <= range.last);
}

export function subtractRanges(set: Ranges, without: Ranges): Ranges {
  return set.flatMap((range) => {
    const left: Range[] = [];
    let next = range.first;
    for (const hole of without) {
      if (hole.last < next || hole.first > range.last) continue;
      if (hole.first > next) left.push({ first: next, last: hole.first - 1 });
      next = hole.last + 1;
    }
    if (next <= range.last) left.push({ first: next, last: range.last });
    return left;
  });
}

export function addAddress(set: Ranges, address: Ipv4): Ranges {
  const at = lastBeginningBy(set, address);
  const [before, after] = [set[at], set[at + 1]];
  if (before !== undefined && rangeContains(before, address)) return set;
  const joinsBefore = before !== undefined && before.last + 1 === address;
  const joinsAfter = after !== undefined && after.first - 1 === address;
  const joined = { first: joinsBefore ? before.first : address, last: joinsAfter ? after.last : address };
  return set.toSpliced(joinsBefore ? at : at + 1, Number(joinsBefore) + Number(joinsAfter), joined);
}

export function deleteAddress(set: Ranges, address: Ipv4): Ranges {
  const at = lastBeginningBy(set, address);
  const range = set[at];
  if (range === undefined || !rangeContains(range, address)) return set;
  const left = [
    { first: range.first, last: address - 1 },
    { first: address + 1, last: range.last },
  ];
  return set.toSpliced(at, 1, ...left.filter((it) => it.first <= it.last));
}

/** The lowest address from `from` on that is not in the set. */
export function firstOutside(set: Ranges, from: Ipv4): Ipv4 {
  const range = set[lastBeginningBy(set, from)];
  return range !== undefined && rangeContains(range, from) ? range.last + 1 : from;
}

/** Place of the last range that begins at or before the address; -1 when none does. */
function lastBeginningBy(set: Ranges, address: Ipv4): number {
  let [low, high] = [-1, set.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((set[middle]?.first ?? 0) <= address) low = middle;
    else high = middle - 1;
  }
  return low;
}
